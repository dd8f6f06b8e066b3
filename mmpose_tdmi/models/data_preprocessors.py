"""From clips to the folded batch that stock backbones take.

T is checked here and where necks unfold time, and trusted from there on.

Shape letters: B clips, T frames, C channels, H x W pixels of a crop.
"""
from typing import List, Optional, Sequence, Union

import torch
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from torch import Tensor

from .layers.blocks import check_positive_int

__all__ = ['SequencePoseDataPreprocessor']


@MODELS.register_module()
class SequencePoseDataPreprocessor(PoseDataPreprocessor):
    """Normalise clips and fold time into the batch.

    The host's preprocessor refuses clips or, without mean and std, swaps
    *frames* instead of channels. This one hands it frame by frame, and folds
    them, ``index = b * T + t``; one data sample per clip remains.

    Args:
        num_frames: T that every clip must have; ``None``: any, one per batch.
        channels_last: Give the frames in the channels-last memory format,
            which convolutions on CPUs and tensor cores run faster in.
        batch_augments: Not supported: they treat a clip's frames differently.
        mean, std, pad_size_divisor, pad_value: As the host's.
        bgr_to_rgb, rgb_to_bgr, non_blocking: As the host's.
    """

    def __init__(self,
                 num_frames: Optional[int] = None,
                 mean: Optional[Sequence[float]] = None,
                 std: Optional[Sequence[float]] = None,
                 pad_size_divisor: int = 1,
                 pad_value: Union[float, int] = 0,
                 bgr_to_rgb: bool = False,
                 rgb_to_bgr: bool = False,
                 non_blocking: bool = False,
                 channels_last: bool = False,
                 batch_augments: Optional[List[dict]] = None) -> None:
        if batch_augments:
            raise ValueError(
                'SequencePoseDataPreprocessor takes no batch_augments: they '
                'would change the frames of a clip differently, which is '
                f'fake motion; got {batch_augments}')
        if num_frames is not None:
            check_positive_int('num_frames', num_frames)
        super().__init__(mean, std, pad_size_divisor, pad_value, bgr_to_rgb,
                         rgb_to_bgr, non_blocking)
        self.num_frames = num_frames
        self.channels_last = channels_last

    def forward(self, data: dict, training: bool = False) -> dict:
        """Check, normalise and fold a batch: ``inputs``, B (T, C, H, W) or
        (B, T, C, H, W), becomes (B * T, C, H, W) float, and ``data_samples``
        get ``batch_input_shape`` and ``pad_shape``, (height, width)."""
        clips = list(data['inputs'])
        num_frames = self._check_clips(clips, data['data_samples'])
        frames = [frame for clip in clips for frame in clip]
        folded = super().forward({**data, 'inputs': frames}, training)
        # the host paired sample b with frame b; it belongs to frame b * T
        pad_shapes = self._get_pad_shape({'inputs': frames})[::num_frames]
        for sample, pad_shape in zip(folded['data_samples'], pad_shapes):
            sample.set_metainfo({'pad_shape': pad_shape})
        if self.channels_last:
            folded['inputs'] = folded['inputs'].contiguous(
                memory_format=torch.channels_last)
        return folded

    def _check_clips(self, clips: Sequence[Tensor],
                     data_samples: Sequence) -> int:
        if not clips:
            raise ValueError('got a batch without clips')
        if len(clips) != len(data_samples):
            raise ValueError(f'got {len(clips)} clips but '
                             f'{len(data_samples)} data samples')
        needs_colour = self._channel_conversion or (self._enable_normalize
                                                    and len(self.mean) == 3)
        for clip, sample in zip(clips, data_samples):
            what = f'the clip of {sample.metainfo.get("img_path", "?")}'
            shape = tuple(getattr(clip, 'shape', ()))
            if not isinstance(clip, Tensor) or len(shape) != 4:
                raise ValueError(f'{what} must be a tensor (T, C, H, W), got '
                                 f'{shape or type(clip).__name__}')
            num_frames, channels = shape[:2]
            fault = None
            if num_frames < 1:
                fault = f'is empty: {shape}'
            elif self.num_frames not in (None, num_frames):
                fault = (f'has T = {num_frames} frames, the model is '
                         f'configured for num_frames = {self.num_frames}')
            elif shape[:2] != clips[0].shape[:2]:
                fault = (f'is (T, C, H, W) = {shape}, another clip of the '
                         f'batch {tuple(clips[0].shape)}: T and C must agree')
            elif needs_colour and channels != 3:
                fault = f'must have C = 3 channels, got C = {channels}'
            if fault:
                raise ValueError(f'{what} {fault}')
        return clips[0].shape[0]
