"""Leaving half precision where it would hurt."""
import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 if it is in half precision, else as it is."""
    # not promote_types: torch 2.1's compiler does not know it
    return x if x.dtype == torch.float64 else x.float()
