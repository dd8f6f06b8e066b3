"""How a model's config makes samples: window, padding, crop, pipeline.

Everything is that of the config's test dataset, so that a video gives what
the same frames and boxes give in a test. A shared crop goes through the same
pipeline as any box: it is put in as the box that asks for it.

Shape shorthand: T frames of a clip, H x W pixels of a frame or crop.
"""
import inspect
from typing import Optional, Sequence, Tuple, Type

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from mmpose_tdmi.datasets.base_sequence_dataset import BaseSequenceDataset
from mmpose_tdmi.datasets.clip_frames import padding_policy
from mmpose_tdmi.structures import FrameWindow
from ..structures import Crop, TrackedBox
from .stages import stage


class ClipSettings:
    """Window, padding and pipeline of a config's test dataset.

    Args:
        config (Config): A config of this package.
        dataset_meta (dict): The model's, which samples carry.

    Attributes:
        input_size (tuple[int, int]): Width and height of a crop's pixels.
        use_udp (bool): Whether crops are cut out by UDP.

    Raises:
        ValueError: If the test dataset names no window, or its pipeline does
            not cut out one crop per box.
    """

    def __init__(self, config: Config, dataset_meta: dict) -> None:
        dataset = config.get('test_dataloader', {}).get('dataset', {})
        if 'delta' not in dataset and 'offsets' not in dataset:
            raise ValueError(
                f'{config.filename}: test_dataloader.dataset has neither '
                'delta nor offsets; expected one of the sequence datasets of '
                f'mmpose_tdmi, got type {dataset.get("type")!r}')
        self.window = FrameWindow.from_config(
            dataset.get('delta'), dataset.get('offsets'))
        default = inspect.signature(BaseSequenceDataset).parameters['padding']
        self.padding: str = dataset.get('padding', default.default)
        self.policy = padding_policy(self.padding)
        self.scope: str = config.get('default_scope', 'mmpose')
        self._dataset_meta = dataset_meta
        with DefaultScope.overwrite_default_scope(self.scope):
            self._pipeline = Compose(dataset.pipeline)
        self._padding_factor = self._only(GetBBoxCenterScale).padding
        affine = self._only(TopdownAffine)
        self.input_size: Tuple[int, int] = tuple(affine.input_size)
        self.use_udp: bool = affine.use_udp
        width, height = self.input_size
        self._ratio = width / height

    def _only(self, kind: Type[BaseTransform]) -> BaseTransform:
        found = [t for t in self._pipeline.transforms if isinstance(t, kind)]
        if len(found) != 1:
            raise ValueError(
                'test_dataloader.dataset.pipeline must have one '
                f'{kind.__name__}, by which crops are cut out, got '
                f'{[type(t).__name__ for t in self._pipeline.transforms]}')
        return found[0]

    def crop(self, bbox: Sequence[float]) -> Crop:
        """The crop that the pipeline cuts out for a box.

        Args:
            bbox (Sequence[float]): x1, y1, x2, y2 in pixels.

        Returns:
            Crop: The box, enlarged, in the input's ratio of sides.

        Raises:
            ValueError: If the box has no area or is not finite.
        """
        x1, y1, x2, y2 = map(float, bbox)
        if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2):
            raise ValueError('a person\'s bbox must be x1 < x2 and y1 < y2 in '
                             f'pixels, got {tuple(bbox)}')
        width = (x2 - x1) * self._padding_factor
        height = (y2 - y1) * self._padding_factor
        return Crop(((x1 + x2) / 2, (y1 + y2) / 2), (max(
            width, height * self._ratio), max(height, width / self._ratio)))

    def bbox(self, crop: Crop) -> np.ndarray:
        """The box that asks for a crop, x1, y1, x2, y2, (4, ) float32."""
        half = np.array(crop.scale) / (2 * self._padding_factor)
        center = np.array(crop.center)
        return np.concatenate([center - half, center + half]).astype('float32')

    def pack(self,
             images: Sequence[np.ndarray],
             numbers: Sequence[int],
             box: TrackedBox,
             crop: Optional[Crop] = None) -> dict:
        """A sample of one person, through the config's pipeline.

        Args:
            images (Sequence[np.ndarray]): The window's frames, (H, W, 3), or
                a single frame.
            numbers (Sequence[int]): Their numbers.
            box (TrackedBox): The person's box in the key frame.
            crop (Crop, optional): What is cut out. Defaults to ``None``,
                what the box asks for.

        Returns:
            dict: ``inputs``, (T, 3, h, w) uint8, and ``data_samples``.
        """
        window = self.window if len(images) > 1 else FrameWindow((0, ))
        bbox = np.array(box.bbox,
                        np.float32) if crop is None else self.bbox(crop)
        number = int(numbers[window.key])
        sample = {
            **self._dataset_meta, 'frames': list(images),
            'frame_paths': [f'frame {n}' for n in numbers],
            'frame_indices': [int(n) for n in numbers],
            'frame_offsets': window.offsets,
            'frame_padded': [False] * len(images),
            'key_frame': window.key,
            'img_path': f'frame {number}',
            'img_id': number,
            'id': box.track_id,
            'bbox': bbox[None],
            'bbox_score': np.array([box.score], np.float32)
        }
        with stage('crop'):
            return self._pipeline(sample)
