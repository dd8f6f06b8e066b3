"""What the temporal difference neck gives to a head.

Section 3, "Method overview": the motion feature M and the visual features
that heads combine it with.

Shape shorthand: B clips, T frames, C channels, H x W feature cells.
"""
from typing import NamedTuple

from torch import Tensor


class TemporalFeatures(NamedTuple):
    """Features of a batch of clips.

    Being a tuple whose last item is the key frame's map, it can be given to
    any stock head that reads ``feats[-1]``: the head then works as on a
    single frame.

    Attributes:
        motion (Tensor): M of Eq. 5, (B, C, H, W).
        sequence (Tensor): The visual stage's maps of all frames in time
            order, (B, T, C, H, W).
        key (Tensor): The key frame's map of the visual stage, F^4(t) in the
            paper, (B, C, H, W).
    """
    motion: Tensor
    sequence: Tensor
    key: Tensor
