"""What of a frame a model looks at: a person's crop, and how long it serves.

Every box asks for a crop, enlarged and brought to the input's ratio of sides
as the config's pipeline does it. The crop in use is kept as far as
:class:`CropPolicy` has it. A renewal costs no pass of the backbone: a window's
frames that were seen through another crop have their features moved into the
window's (:class:`CropWarp`).

Shapes: T frames of a clip, C channels, h x w cells, H x W pixels.
"""
import math
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple, Type

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpose.datasets.transforms import (GetBBoxCenterScale, LoadImage,
                                        TopdownAffine)
from mmpose.structures.bbox import bbox_cs2xyxy

from mmpose_tdmi.datasets.frames import DEFAULT_PADDING, padding_policy
from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.stages import stage
from .phases import FrameFeatures, Maps
from .structures import Crop, TrackedBox

#: Slack of comparisons: a crop that was not changed is never off.
_EPSILON = 1e-6


class ClipSettings:
    """Window, padding and pipeline of a config's test dataset. One whose
    pipeline loads images, as MMPose's do, has a window of one frame.

    So a video gives what the same frames and boxes give in a test. A shared
    crop goes through the same pipeline as any box: it is put in as the box
    that asks for it. ``dataset_meta`` is the model's, ``padding`` what stands
    in for frames that do not exist, ``input_size`` width and height of a crop.
    """

    def __init__(self, config: Config, dataset_meta: dict) -> None:
        dataset = config.get('test_dataloader', {}).get('dataset', {})
        self.padding: str = dataset.get('padding', DEFAULT_PADDING)
        self.policy = padding_policy(self.padding)
        self.scope: str = config.get('default_scope', 'mmpose')
        self._dataset_meta = dataset_meta
        with DefaultScope.overwrite_default_scope(self.scope):
            self._pipeline = Compose(dataset.get('pipeline', []))
        self._has_images = any(
            isinstance(t, LoadImage) for t in self._pipeline.transforms)
        if not (self._has_images or 'delta' in dataset
                or 'offsets' in dataset):
            raise ValueError(
                f'{config.filename}: test_dataloader.dataset has neither '
                'delta nor offsets, nor a pipeline that starts with LoadImage;'
                ' expected one of the sequence datasets of mmpose_tdmi, or of '
                f'the datasets of MMPose, got type {dataset.get("type")!r}')
        self.window = FrameWindow((0, ))
        if not self._has_images:
            self.window = FrameWindow.from_config(
                dataset.get('delta'), dataset.get('offsets'))
        self.bbox_padding = float(self._only(GetBBoxCenterScale).padding)
        affine = self._only(TopdownAffine)
        self.input_size: Tuple[int, int] = tuple(affine.input_size)
        self.use_udp: bool = affine.use_udp

    def _only(self, kind: Type[BaseTransform]) -> BaseTransform:
        found = [t for t in self._pipeline.transforms if isinstance(t, kind)]
        if len(found) != 1:
            raise ValueError(
                'test_dataloader.dataset.pipeline must have one '
                f'{kind.__name__}, by which crops are cut out, got '
                f'{[type(t).__name__ for t in self._pipeline.transforms]}')
        return found[0]

    def crop(self, bbox: Sequence[float]) -> Crop:
        """The crop that the pipeline cuts out for a box x1, y1, x2, y2."""
        x1, y1, x2, y2 = map(float, bbox)
        if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2):
            raise ValueError('a person\'s bbox must be x1 < x2 and y1 < y2 in '
                             f'pixels, got {tuple(bbox)}')
        width = (x2 - x1) * self.bbox_padding
        height = (y2 - y1) * self.bbox_padding
        ratio = self.input_size[0] / self.input_size[1]
        return Crop(((x1 + x2) / 2, (y1 + y2) / 2),
                    (max(width, height * ratio), max(height, width / ratio)))

    def bbox(self, crop: Crop) -> np.ndarray:
        """The box that asks for a crop, x1, y1, x2, y2, (4, ) float32."""
        return bbox_cs2xyxy(*map(np.array, crop),
                            self.bbox_padding).astype('float32')

    def pack(self,
             images: Sequence[np.ndarray],
             numbers: Sequence[int],
             box: TrackedBox,
             crop: Optional[Crop] = None) -> dict:
        """A sample of one person, through the config's pipeline.

        ``images`` are the window's frames, (H, W, 3), or a single one, ``box``
        the person's in the key frame, ``crop`` what is cut out if not what the
        box asks for. A sample has ``inputs``, (T, 3, h, w) uint8, or (3, h, w)
        where the pipeline loads an image, and ``data_samples``.
        """
        window = self.window if len(images) > 1 else FrameWindow((0, ))
        bbox = box.bbox if crop is None else self.bbox(crop)
        number = int(numbers[window.key])
        sample = dict(
            self._dataset_meta,
            frame_paths=[f'frame {n}' for n in numbers],
            frame_indices=[int(n) for n in numbers],
            frame_offsets=window.offsets,
            frame_padded=[False] * len(images),
            key_frame=window.key,
            img_path=f'frame {number}',
            img_id=number,
            id=box.track_id,
            bbox=np.array([bbox], np.float32),
            bbox_score=np.array([box.score], np.float32))
        if self._has_images:
            sample['img'] = images[window.key]
        else:
            sample['frames'] = list(images)
        with stage('crop'):
            return self._pipeline(sample)


@dataclass(frozen=True)
class CropPolicy:
    """Decides how long a person's crop is kept."""
    #: How far the wanted crop's centre may be off, as a share of the crop's
    #: width and height. With the usual padding of 1.25 a box reaches the
    #: crop's border at 0.1.
    max_shift: float = 0.01
    max_scale: float = 1.02  #: How much larger or smaller it may be; from 1.

    def __post_init__(self) -> None:
        if not 0 <= self.max_shift < math.inf:
            raise ValueError('max_shift must be a share of the crop of at '
                             f'least 0, got {self.max_shift!r}')
        if not 1 <= self.max_scale < math.inf:
            raise ValueError(
                f'max_scale must be at least 1, got {self.max_scale!r}')

    def keeps(self, crop: Crop, wanted: Crop) -> bool:
        """Whether a crop in use serves a frame whose box asks for another."""
        shift = max(
            abs(a - b) / side
            for a, b, side in zip(wanted.center, crop.center, crop.scale))
        ratio = wanted.scale[1] / crop.scale[1]
        return (shift <= self.max_shift + _EPSILON
                and max(ratio, 1 / ratio) <= self.max_scale + _EPSILON)


class CropWarp:
    """Moves features between crops.

    A cell of the target reads the source, bilinearly, at the same place of
    the frame; outside of the source its border is continued. The backbone
    would give something else for the target crop: only the other frames of a
    window are moved, never its key frame. Crops that are cut out by UDP are
    width - 1 pixel steps wide, others width.
    """

    def __init__(self, input_size: Tuple[int, int], use_udp: bool) -> None:
        self._size = np.array(input_size)
        self._steps = self._size - use_udp

    def __call__(self, features: FrameFeatures, source: Crop,
                 target: Crop) -> FrameFeatures:
        """Features of a source crop as if they had been seen through the
        target; the same object if the crops are equal."""
        if source == target:
            return features
        # along each axis: target pixel t is source pixel ratio * t + shift
        start, end = (
            np.subtract(crop.center, np.divide(crop.scale, 2))
            for crop in (source, target))
        ratio = np.divide(target.scale, source.scale)
        shift = (end - start) * self._steps / source.scale
        flipped = features.flipped
        if flipped is not None:
            # the mirror image counts its columns from the other side
            mirrored = (self._size[0] - 1) * (1 - ratio[0]) - shift[0]
            flipped = self._warp(flipped, ratio, (mirrored, shift[1]))
        return features._replace(
            maps=self._warp(features.maps, ratio, shift), flipped=flipped)

    def _warp(self, maps: Maps, ratio: Sequence[float],
              shift: Sequence[float]) -> Maps:
        """Maps, (1, C, h, w) each, in their types and memory formats."""
        warped = []
        for x in maps:
            read = []  # where each cell reads, -1 to 1 from first to last
            for axis, cells in enumerate((x.shape[3], x.shape[2])):
                cell = torch.arange(
                    cells, device=x.device, dtype=torch.float32)
                # a cell is as many pixels as the input has for each of them
                cell = cell * float(ratio[axis]) + float(
                    shift[axis] * cells / self._size[axis])
                read.append(2 * cell / max(cells - 1, 1) - 1)
            grid = torch.stack(torch.meshgrid(*read, indexing='xy'), -1)[None]
            moved = F.grid_sample(
                x.float(), grid, padding_mode='border', align_corners=True)
            is_last = x.is_contiguous(memory_format=torch.channels_last)
            order = torch.channels_last if is_last else torch.contiguous_format
            warped.append(moved.to(x.dtype).contiguous(memory_format=order))
        return tuple(warped)
