"""The frame contract: how a clip is laid out, wherever it appears.

1. A clip of T frames is ``(T, C, H, W)``, a batch of B ``(B, T, C, H, W)``,
   with H x W pixels or feature cells.
2. Time ascends along T: frame 0 is the earliest.
3. ``offsets`` are frame offsets from the key frame, strictly ascending,
   with the key frame's 0 among them: ``(-2, -1, 0, 1, 2)`` is the paper's
   window (delta = 2), ``(-3, -2, -1, 0)`` one for causal use. The key frame's
   place in the clip is :attr:`FrameWindow.key`, and computed nowhere else.
4. Models see time *folded into the batch*, ``(B * T, C, H, W)`` with
   ``index = b * T + t``, so that stock estimators and backbones work
   unchanged: :func:`fold_time`, :func:`unfold_time`.
5. In a data sample ``img_path`` is the key frame's path, a string; what
   concerns the clip is kept under :data:`CLIP_META_KEYS`.
"""
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from torch import Tensor

__all__ = ['CLIP_META_KEYS', 'FrameWindow', 'fold_time', 'unfold_time']

#: Keys of a sample (and of its packed ``metainfo``) that describe the clip:
#: ``frame_paths`` (list[str], T), ``frame_indices`` (list[int], T: the frame
#: number *actually used* at each place, in the video's own numbering),
#: ``frame_offsets`` (tuple[int], T: the offsets asked for), ``frame_padded``
#: (list[bool], T: True where a frame past the video's end was replaced) and
#: ``key_frame`` (int: the key frame's place in the clip).
CLIP_META_KEYS = ('frame_paths', 'frame_indices', 'frame_offsets',
                  'frame_padded', 'key_frame')


@dataclass(frozen=True)
class FrameWindow:
    """The frames of a clip, as offsets from its key frame."""
    offsets: Tuple[int, ...]

    def __post_init__(self) -> None:
        offsets = tuple(self.offsets)
        if not offsets or any(
                isinstance(o, bool) or not isinstance(o, int)
                for o in offsets):
            raise ValueError('offsets must be a non-empty sequence of '
                             f'integers, got {self.offsets!r}')
        if any(b <= a for a, b in zip(offsets, offsets[1:])):
            raise ValueError('offsets must be strictly ascending (time runs '
                             f'forward in a clip), got {offsets}')
        if 0 not in offsets:
            raise ValueError('offsets must contain 0, the key frame, got '
                             f'{offsets}')
        object.__setattr__(self, 'offsets', offsets)

    @classmethod
    def from_config(cls,
                    delta: Optional[int] = None,
                    offsets: Optional[Sequence[int]] = None) -> 'FrameWindow':
        """The window of a config's ``delta``, the paper's temporal span
        (``-delta ... delta``, T = 2 * delta + 1 frames), or ``offsets``."""
        if (delta is None) == (offsets is None):
            raise ValueError('give exactly one of delta and offsets, got '
                             f'delta={delta!r}, offsets={offsets!r}')
        if offsets is not None:
            return cls(tuple(offsets))
        if isinstance(delta, bool) or not isinstance(delta, int) or delta < 0:
            raise ValueError(
                f'delta must be a non-negative integer, got {delta!r}')
        return cls(tuple(range(-delta, delta + 1)))

    @classmethod
    def centred(cls, num_frames: int) -> 'FrameWindow':
        """The symmetric window of an odd number of consecutive frames."""
        if num_frames < 1 or num_frames % 2 == 0:
            raise ValueError(
                'a clip without explicit offsets needs an odd number of '
                'frames, so that its key frame is in the middle; got '
                f'T = {num_frames}')
        return cls.from_config(delta=num_frames // 2)

    @property
    def num_frames(self) -> int:
        """T, the number of frames."""
        return len(self.offsets)

    @property
    def key(self) -> int:
        """The key frame's place in the clip, 0 <= key < T."""
        return self.offsets.index(0)

    def check_sequence(self, sequence: Tensor) -> None:
        """Refuse (B, T, ...) features of another T than this window's."""
        if sequence.shape[1] != self.num_frames:
            raise ValueError(
                f'the head is configured for offsets {self.offsets}, '
                f'T = {self.num_frames}, but the neck gives sequences of '
                f'{sequence.shape[1]} frames')


def fold_time(clips: Tensor) -> Tensor:
    """(B, T, ...) -> (B * T, ...), frame t of clip b at index b * T + t."""
    return clips.flatten(0, 1)


def unfold_time(frames: Tensor, num_frames: int) -> Tensor:
    """(B * T, ...) -> (B, T, ...), the inverse of :func:`fold_time`."""
    if frames.shape[0] % num_frames:
        raise ValueError(
            f'expected clips of T = {num_frames} frames folded into the '
            f'batch axis, got {frames.shape[0]} frames, which is no multiple '
            'of T: the dataset and the neck must be given the same offsets')
    return frames.unflatten(0, (-1, num_frames))
