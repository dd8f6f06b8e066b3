"""The number format in which a model predicts.

Half precision is autocast, as in the host's training with ``--amp``: weights
stay as they are, convolutions and matrix products are done in 16 bits, and
what needs more (sampling, deformable convolution, decoding) in 32. Frames are
laid out channels last where convolutions are fastest so: on CPUs, and in half
precision on any device.

Shape shorthand: none.
"""
from contextlib import nullcontext
from typing import ContextManager

import torch
from torch import Tensor

#: bfloat16 pays on processors with AMX or AVX512-BF16 and on GPUs since
#: Ampere, float16 on GPUs; elsewhere both are slower than float32.
PRECISIONS = ('float32', 'bfloat16', 'float16')


class Precision:
    """A number format for predictions.

    Args:
        name (str): Of :data:`PRECISIONS`.

    Raises:
        ValueError: If the name is not one of these.
    """

    def __init__(self, name: str = 'float32') -> None:
        if name not in PRECISIONS:
            raise ValueError(
                f'precision must be one of {PRECISIONS}, got {name!r}')
        self.name = name

    @property
    def is_full(self) -> bool:
        """bool: Whether it is single precision."""
        return self.name == 'float32'

    def autocast(self, device: torch.device) -> ContextManager:
        """What the model is called within.

        Args:
            device (torch.device): Where the model is.
        """
        if self.is_full:
            return nullcontext()
        return torch.autocast(device.type, getattr(torch, self.name))

    def arrange(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in the memory format that is fastest."""
        if self.is_full and frames.device.type != 'cpu':
            return frames
        return frames.contiguous(memory_format=torch.channels_last)
