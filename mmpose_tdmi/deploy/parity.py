"""ONNX Runtime against PyTorch."""
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Mapping, Sequence, Union

import numpy as np
import torch
from torch import nn

from .onnx_graphs import ClipPhase
from .runtime import open_session, read_metadata

#: What graphs must reach.
MAX_DIFFERENCE = 1e-3
MIN_SAME_PEAKS = 0.999


class ParityError(ValueError):
    """An exported graph gives other heatmaps than the model."""


@dataclass(frozen=True)
class Parity:
    """How far heatmaps are from those of PyTorch."""
    max_difference: float  #: The largest absolute difference.
    same_peaks: float  #: The share of joints with the same argmax.
    num_joints: int  #: Joints that were compared.
    largest: float  #: The largest absolute value of PyTorch's.

    @property
    def is_good(self) -> bool:
        """Whether both limits are met."""
        return (self.max_difference <= MAX_DIFFERENCE
                and self.same_peaks >= MIN_SAME_PEAKS)


def compare_heatmaps(expected: np.ndarray, found: np.ndarray) -> Parity:
    """Compare PyTorch's heatmaps, (B, K, h, w), with a graph's."""
    if expected.shape != found.shape:
        raise ParityError('the graph gives heatmaps of the shape '
                          f'{found.shape}, the model {expected.shape}')
    flat = [x.reshape(*x.shape[:2], -1) for x in (expected, found)]
    same = flat[0].argmax(-1) == flat[1].argmax(-1)
    return Parity(
        float(np.abs(expected - found).max()), float(same.mean()), same.size,
        float(np.abs(expected).max()))


@torch.no_grad()
def measure_parity(model: nn.Module,
                   paths: Mapping[str, Union[str, Path]],
                   batch_sizes: Sequence[int] = (1, 3),
                   seed: int = 0,
                   threads: int = 0) -> Dict[str, Parity]:
    """Compare exported graphs with their model on random clips.

    ``paths`` has ``frame`` and ``window``, which are compared together,
    ``clip``, or all; ``batch_sizes`` has B of each pass; ``threads`` is as
    :func:`open_session`'s. Gives ``'frame+window'`` and ``'clip'``.
    """
    sessions = {
        graph: open_session(paths[graph], threads)
        for graph in ('frame', 'window', 'clip') if graph in paths
    }

    def run_phases(clips: np.ndarray) -> np.ndarray:
        frame, window = sessions['frame'], sessions['window']
        maps = frame.run(None, {'frames': clips.reshape(-1, *clips.shape[2:])})
        names = [value.name for value in window.get_inputs()]
        return window.run(
            None, {
                name: x.reshape(*clips.shape[:2], *x.shape[1:])
                for name, x in zip(names, maps)
            })[0]

    runs: Dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    if 'frame' in sessions and 'window' in sessions:
        runs['frame+window'] = run_phases
    if 'clip' in sessions:
        runs['clip'] = lambda x: sessions['clip'].run(None, {'clips': x})[0]
    if not runs:
        raise ValueError("parity needs the graph 'clip', or 'frame' and "
                         f"'window', got {tuple(paths)}")
    metadata = read_metadata(next(iter(sessions.values())))
    width, height = metadata.input_size
    phase = ClipPhase(model).eval()
    generator = torch.Generator().manual_seed(seed)
    expected, found = [], {name: [] for name in runs}
    for batch_size in batch_sizes:
        shape = batch_size, len(metadata.offsets), 3, height, width
        clips = torch.randn(shape, generator=generator)
        expected.append(phase(clips).numpy())
        for name, run in runs.items():
            found[name].append(run(clips.numpy()))
    return {
        name:
        compare_heatmaps(np.concatenate(expected), np.concatenate(heatmaps))
        for name, heatmaps in found.items()
    }
