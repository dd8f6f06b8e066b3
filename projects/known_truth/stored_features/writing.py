"""Filling a store of features.

Shape shorthand: B clips of a batch, S passes, N samples, T frames, C channels
of all stages together, H x W cells.
"""
from contextlib import ExitStack
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple

import torch
from mmengine.dataset import pseudo_collate
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from mmpose_tdmi.engine.hooks.resume import kept_generators, seed_generators
from mmpose_tdmi.structures import FrameWindow, unfold_time
from .sample_titles import sample_title
from .store import FeatureStoreWriter


@torch.no_grad()
def store_features(model: nn.Module,
                   dataset: Dataset,
                   window: FrameWindow,
                   folder: Path,
                   passes: int = 1,
                   seed: int = 0,
                   batch_size: int = 8,
                   num_workers: int = 0,
                   about: Optional[Mapping] = None,
                   progress: bool = False) -> None:
    """Send all clips of a dataset through the backbone and keep its maps.

    Args:
        model (nn.Module): A pose estimator; its ``data_preprocessor`` and
            ``backbone`` are used, in eval mode. The backbone's maps must be
            of one size.
        dataset (Dataset): Packed clips, N of them. Each pass draws its
            augmentation anew; it depends on ``seed``, pass and sample only.
        window (FrameWindow): The dataset's.
        folder (Path): The store; must not exist.
        passes (int): S. Defaults to 1.
        seed (int): Seed of the augmentation. Defaults to 0.
        batch_size (int): B. Defaults to 8.
        num_workers (int): Processes that load clips. Defaults to 0, none.
        about (Mapping, optional): Kept with the store.
        progress (bool): Show a progress bar. Defaults to False.

    Raises:
        FileExistsError: If the folder exists.
        ValueError: If the maps of the stages differ in size, or a feature is
            not finite in half precision.
    """
    model.eval()
    count = len(dataset)
    source = _Passes(dataset, passes, seed)
    loader = DataLoader(
        source, batch_size, num_workers=num_workers, collate_fn=pseudo_collate)
    writer, titles = None, []
    with ExitStack() as stack:
        for number, batch in enumerate(
                tqdm(loader, 'features', disable=not progress)):
            maps, samples = _maps(model, batch)
            if writer is None:  # only now are the stages' channels known
                writer = stack.enter_context(
                    FeatureStoreWriter(folder, window,
                                       [m.shape[1] for m in maps], count,
                                       passes, about))
                writer.record['about']['samples'] = titles
            clips = unfold_time(torch.cat(maps, dim=1),
                                window.num_frames).half().cpu()
            for place, (clip, sample) in enumerate(
                    zip(clips, samples), number * batch_size):
                if not clip.isfinite().all():
                    raise ValueError(
                        f'the features of {sample.metainfo.get("img_path")} '
                        'are not finite in half precision, which ends at '
                        '65504: they cannot be stored')
                writer.write(place, clip.numpy(), *_targets(sample))
                if place < count:
                    titles.append(sample_title(sample.metainfo))


class _Passes(Dataset):
    """A dataset several times over, each clip with random numbers of its own.
    """

    def __init__(self, dataset: Dataset, passes: int, seed: int) -> None:
        self.dataset, self.passes, self.seed = dataset, passes, seed

    def __len__(self) -> int:
        return len(self.dataset) * self.passes

    def __getitem__(self, index: int) -> dict:
        with kept_generators():
            seed_generators(self.seed, index)
            return self.dataset[index % len(self.dataset)]


def _maps(model: nn.Module,
          batch: dict) -> Tuple[Sequence[Tensor], Sequence[PoseDataSample]]:
    """The backbone's maps of all frames, (B * T, C_stage, H, W) each."""
    data = model.data_preprocessor(batch, False)
    maps = model.backbone(data['inputs'])
    sizes = {tuple(m.shape[-2:]) for m in maps}
    if len(sizes) != 1:
        raise ValueError(
            'features can be stored if the maps of all stages have one '
            f'size, the backbone gives {sorted(sizes)}')
    return maps, data['data_samples']


def _targets(sample: PoseDataSample) -> tuple:
    """Heatmaps (K, H, W) and weights (K, ), if the sample has any."""
    if 'gt_fields' not in sample:
        return ()
    return (sample.gt_fields.heatmaps.cpu().numpy(),
            sample.gt_instance_labels.keypoint_weights[0].cpu().numpy())
