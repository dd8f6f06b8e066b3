"""Training samples out of a store of features.

Shape shorthand: N samples, S passes, T frames of a clip, C channels, K
keypoints, H x W cells.
"""
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample
from torch.utils.data import Dataset

from mmpose_tdmi.datasets.sequence_dataset import WindowDraw
from mmpose_tdmi.structures import FrameWindow
from .store import FeatureStore


@DATASETS.register_module()
class StoredFeatureDataset(Dataset):
    """Clips whose frames have been through the backbone.

    To be used with :class:`StoredFeatureBackbone`. A sample has what a
    heatmap head's loss needs: the target heatmaps and the keypoints'
    weights.

    Args:
        store (str): Folder of a :class:`FeatureStore` with targets.
        offsets (Sequence[int]): The T frames of a clip; all of them must be
            in the store.
        random_range (tuple[int, int], optional): As of
            :class:`WindowDraw`. Defaults to None.

    Raises:
        ValueError: If the store has no targets, or lacks a frame.
    """

    def __init__(self,
                 store: str,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 random_range: Optional[Tuple[int, int]] = None) -> None:
        self.store = FeatureStore(store)
        if self.store.heatmaps is None:
            raise ValueError(f'{store}: the store has no heatmaps to train '
                             'on: it was made of a test set')
        self._draw = WindowDraw(FrameWindow(tuple(offsets)), random_range)
        low, high = random_range or (0, 0)
        drawn = set(range(low, high + 1)) | set(self._draw.window.offsets)
        self.store.places(FrameWindow(tuple(sorted(drawn))))

    def __len__(self) -> int:
        """int: S * N."""
        return len(self.store)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        """A clip.

        Args:
            index (int): ``pass * N + sample``.

        Returns:
            dict: ``inputs`` (Tensor, (T, C, H, W), float16) and
            ``data_samples`` (PoseDataSample) with ``gt_fields.heatmaps``,
            (K, H, W), and ``gt_instance_labels.keypoint_weights``, (1, K).
        """
        window = self._draw()
        clip = self.store.features[index][self.store.places(window)]
        sample = PoseDataSample(
            metainfo=dict(
                sample_idx=index % self.store.num_samples,
                img_path=f'{self.store.folder}[{index}]'))
        sample.gt_fields = PixelData(
            heatmaps=torch.from_numpy(self.store.heatmaps[index].astype(
                np.float32)))
        sample.gt_instance_labels = InstanceData(
            keypoint_weights=torch.from_numpy(
                np.array(self.store.weights[index]))[None])
        return dict(inputs=torch.from_numpy(clip), data_samples=sample)
