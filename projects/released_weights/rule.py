"""Weights, frames and names that a rule gives: the same here and beside the
released code, of which nothing is kept but the numbers that come out.
"""
import zlib
from typing import Dict, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor


def rule_weights(shapes: Mapping[str, Sequence[int]]) -> Dict[str, Tensor]:
    """A network's weights from their names and shapes, such that activations
    keep their size; frozen numpy streams, so equal everywhere."""
    weights = {}
    for name, shape in shapes.items():
        if name.endswith('num_batches_tracked'):
            weights[name] = torch.zeros(tuple(shape), dtype=torch.long)
            continue
        state = np.random.RandomState(zlib.crc32(name.encode()))
        drawn = state.standard_normal(tuple(shape))
        if name.endswith('running_var'):
            drawn = np.exp(0.2 * drawn)
        elif len(shape) > 1:
            drawn *= (np.prod(shape[1:]) or 1)**-0.5
        else:
            drawn = 0.1 * drawn + (
                name.endswith('weight')
                and not name.endswith('in_proj_weight'))
        weights[name] = torch.from_numpy(drawn.astype(np.float32))
    return weights


def rule_crops(num_frames: int,
               height: int,
               width: int,
               seed: int = 0) -> np.ndarray:
    """Crops as a file reader gives them, (T, H, W, 3), uint8, BGR: smooth
    noise that drifts from frame to frame."""
    state = np.random.RandomState(seed)
    coarse = state.rand(height // 8 + 2, width // 8 + num_frames + 2, 3)
    rows = np.linspace(0, coarse.shape[0] - 1.001, height)
    crops = []
    for t in range(num_frames):
        columns = np.linspace(0, width // 8, width) + 0.5 * t
        top, left = rows.astype(int), columns.astype(int)
        down, right = (rows - top)[:, None, None], (columns - left)[:, None]
        upper = coarse[top][:, left] * (1 - right) + coarse[top][:, left +
                                                                 1] * right
        lower = coarse[top + 1][:, left] * (
            1 - right) + coarse[top + 1][:, left + 1] * right
        crops.append(upper * (1 - down) + lower * down)
    return (np.stack(crops) * 255).astype(np.uint8)
