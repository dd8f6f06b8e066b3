"""Feature difference sequences, Eq. 1.

Shape shorthand: B clips, T frames in time order, C channels, H x W feature
cells.
"""
import torch
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


def concatenated_differences(frames: Tensor) -> Tensor:
    """Differences of consecutive frames along the channels (Eq. 1).

    Args:
        frames (Tensor): One stage's maps, (B, T, C, H, W), time ascending.

    Returns:
        Tensor: (B, (T - 1) * C, H, W), the values of
        :func:`feature_differences`, in the channels-last memory format if
        each frame is.
    """
    if frames[0].is_contiguous(memory_format=torch.channels_last):
        # flattened, the differences would have to be rearranged
        steps = frames.unbind(dim=1)
        return torch.cat([b - a for a, b in zip(steps, steps[1:])], dim=1)
    return feature_differences(frames).flatten(1, 2)
