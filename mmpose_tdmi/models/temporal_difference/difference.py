"""Feature difference sequences, Eq. 1.

Shape shorthand: B clips, T frames in time order, C channels, H x W feature
cells.
"""
from torch import Tensor


def feature_differences(frames: Tensor) -> Tensor:
    """Differences of consecutive frames, later minus earlier (Eq. 1).

    Args:
        frames (Tensor): One stage's maps, (B, T, C, H, W), time ascending.

    Returns:
        Tensor: (B, T - 1, C, H, W); item i is frame i + 1 minus frame i. A
        clip whose frames are equal gives exact zeros.
    """
    return frames[:, 1:] - frames[:, :-1]
