"""Watching the mutual information objective (Section 3.2 of the paper).

It is to make the useful and the noisy motion feature, Mu and Mn, independent.
The hook measures on held-out clips whether it does, by two estimates that no
loss uses.

- **HSIC** (Gretton et al., "Measuring Statistical Dependence with
  Hilbert-Schmidt Norms", ALT 2005), with Gaussian kernels whose width is the
  median distance between samples, unbiased (Song et al., "Feature Selection
  via Dependence Maximization", JMLR 2012), and normalised to
  HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y)): about 0 for independent and 1 for
  equal x and y, whatever their scale. It sees every kind of dependence.
- **Linear CKA**, the same with the inner product as the kernel: it sees
  linear dependence.

Shapes: n samples, p and q features, B clips, C channels, H x W cells.
"""
import json
from pathlib import Path
from typing import Dict, List, Tuple

import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS
from torch import Tensor

from mmpose_tdmi.engine.hooks.safeguards import check_integers, unwrapped
from mmpose_tdmi.utils.files import write_json

#: Below it a product of two variances is that of constant samples.
ROUNDING = 1e-24


def normalised_hsic(x: Tensor, y: Tensor) -> float:
    """Normalised HSIC with Gaussian kernels of x (n, p) and y (n, q), n >= 4:
    about 0 if independent, 1 if equal up to scale; 0 if either is constant."""
    return _normalised(_gaussian_kernel(x), _gaussian_kernel(y))


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA; as :func:`normalised_hsic`."""
    x, y = _standard(x), _standard(y)
    return _normalised(x @ x.t(), y @ y.t())


def unbiased_hsic(kernel_x: Tensor, kernel_y: Tensor) -> Tensor:
    """Unbiased estimate of HSIC from two kernel matrices, (n, n)."""
    n = len(kernel_x)
    if n < 4:
        raise ValueError(f'HSIC needs at least 4 samples, got {n}')
    k, m = (x - torch.diag(torch.diagonal(x)) for x in (kernel_x, kernel_y))
    sums = k.sum(dim=0) @ m.sum(dim=0)
    trace = (k * m).sum()
    product = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (trace + product - 2 * sums / (n - 2)) / (n * (n - 3))


def _normalised(kernel_x: Tensor, kernel_y: Tensor) -> float:
    own = (
        unbiased_hsic(kernel_x, kernel_x) * unbiased_hsic(kernel_y, kernel_y))
    if own <= ROUNDING:
        return 0.
    return float(unbiased_hsic(kernel_x, kernel_y) / own.sqrt())


def _standard(samples: Tensor) -> Tensor:
    """Centred samples of a mean square of 1, unless they are constant."""
    samples = samples.double()
    samples = samples - samples.mean(dim=0)
    scale = samples.square().mean().sqrt()
    return samples / scale if scale > 0 else samples


def _gaussian_kernel(samples: Tensor) -> Tensor:
    samples = _standard(samples)
    squared = torch.cdist(
        samples, samples,
        compute_mode='donot_use_mm_for_euclid_dist').square()
    n = len(samples)
    others = squared[~torch.eye(n, dtype=torch.bool, device=samples.device)]
    width = others.median()
    if width <= 0:
        # more than half of the samples are equal: any width tells them apart
        width = others.mean().clamp_min(torch.finfo(squared.dtype).tiny)
    return torch.exp(-squared / (2 * width))


@HOOKS.register_module()
class DependenceHook(Hook):
    """Log HSIC and CKA between Mu and Mn on held-out clips.

    A model with a :class:`DisentanglementHead` is run, in eval mode, on clips
    of a dataset of its own, before the first iteration, every ``interval``
    iterations and after the last. There are two kinds of samples: ``clip``,
    features averaged over space, and ``cell``, their vectors at the cells of a
    coarse grid. Logged as ``dependence/hsic_clip``, ``dependence/hsic_cell``,
    ``dependence/cka_clip`` and ``dependence/cka_cell``, and written to
    ``dependence.json`` in the work folder.

    Mu and Mn are one map times two vectors of channel weights: as long as both
    are alive they cannot be independent, only show other channels.

    Args:
        dataset: Config of the held-out dataset.
        interval: Iterations between two measurements.
        num_clips: Clips, evenly taken from the dataset; at least 4.
        batch_size: Clips of a forward pass.
        grid: The grid of the cells, height and width.
        max_cells: At most so many cells are used, evenly taken.
    """

    priority = 'NORMAL'

    def __init__(self,
                 dataset: dict,
                 interval: int,
                 num_clips: int = 128,
                 batch_size: int = 16,
                 grid: Tuple[int, int] = (4, 3),
                 max_cells: int = 768) -> None:
        check_integers(1, interval=interval, batch_size=batch_size)
        check_integers(4, num_clips=num_clips, max_cells=max_cells)
        self.dataset = dataset
        self.interval = interval
        self.num_clips = num_clips
        self.batch_size = batch_size
        self.grid = tuple(grid)
        self.max_cells = max_cells
        self._batches: List[dict] = []
        self._history: List[Dict[str, float]] = []

    def before_train(self, runner: Runner) -> None:
        path = Path(runner.work_dir) / 'dependence.json'
        if runner.iter > 0 and path.is_file():  # of the training so far
            self._history = json.loads(path.read_text(encoding='utf-8'))
        self._measure(runner, runner.iter)

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        if (self.every_n_train_iters(runner, self.interval)
                or runner.iter + 1 == runner.max_iters):
            self._measure(runner, runner.iter + 1)

    @torch.no_grad()
    def measure(self, model: torch.nn.Module) -> Dict[str, float]:
        """HSIC and CKA of a pose estimator whose head disentangles."""
        training = model.training
        model.eval()
        parts = []
        for batch in self._held_out():
            data = model.data_preprocessor(batch, False)
            features = model.head.disentangle(
                model.extract_feat(data['inputs']))
            if features.noisy is None:
                raise ValueError(
                    'DependenceHook needs a head with a noisy motion feature, '
                    "not one with factorisation='none'")
            parts.append((features.useful.float(), features.noisy.float()))
        model.train(training)
        useful, noisy = map(torch.cat, zip(*parts))
        samples = dict(
            clip=(useful.mean(dim=(2, 3)), noisy.mean(dim=(2, 3))),
            cell=(self._cells(useful), self._cells(noisy)))
        results = {}
        for kind, pair in samples.items():
            results[f'hsic_{kind}'] = normalised_hsic(*pair)
            results[f'cka_{kind}'] = linear_cka(*pair)
        return results

    def _measure(self, runner: Runner, iteration: int) -> None:
        results = self.measure(unwrapped(runner))
        for name, value in results.items():
            runner.message_hub.update_scalar(f'train/dependence/{name}', value)
        shown = ', '.join(f'{k} {v:.4f}' for k, v in results.items())
        runner.logger.info(f'Mu and Mn after {iteration} iterations: {shown}')
        self._history = [
            *(h for h in self._history if h['iteration'] < iteration),
            dict(iteration=iteration, **results)
        ]
        write_json(
            Path(runner.work_dir) / 'dependence.json',
            self._history,
            is_own=True)

    def _held_out(self) -> List[dict]:
        if not self._batches:
            dataset = DATASETS.build(self.dataset)
            count = min(self.num_clips, len(dataset))
            if count < 4:
                raise ValueError('DependenceHook needs at least 4 clips, its '
                                 f'dataset has {len(dataset)}')
            places = (i * len(dataset) // count for i in range(count))
            samples = [dataset[place] for place in places]
            self._batches = [
                pseudo_collate(samples[i:i + self.batch_size])
                for i in range(0, count, self.batch_size)
            ]
        return self._batches

    def _cells(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (n, C), of the cells of a coarse grid."""
        size = tuple(min(a, b) for a, b in zip(self.grid, maps.shape[-2:]))
        cells = F.adaptive_avg_pool2d(maps, size).permute(0, 2, 3, 1)
        cells = cells.flatten(0, 2)
        return cells[::-(-len(cells) // self.max_cells)]
