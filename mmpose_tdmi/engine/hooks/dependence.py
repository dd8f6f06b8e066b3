"""How much two sets of vectors depend on each other, from samples.

Two estimates that no loss of this package uses:

- **HSIC** (Gretton et al., "Measuring Statistical Dependence with
  Hilbert-Schmidt Norms", ALT 2005), with Gaussian kernels whose width is the
  median distance between samples, unbiased (Song et al., "Feature Selection
  via Dependence Maximization", JMLR 2012), and normalised to
  HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y)): about 0 for independent and 1 for
  equal x and y, whatever their scale. It sees every kind of dependence.
- **Linear CKA**, the same with the inner product as the kernel: it sees
  linear dependence.

Shape shorthand: n samples, p and q features.

Measure, while it is trained, how dependent Mu and Mn are.

The mutual information objective (Section 3.2 of the paper) is to make the
useful and the noisy motion feature independent. Its own estimate cannot tell
whether it does; this hook gives one that is not in the loss, on held-out
clips.

Shape shorthand: B clips, C channels, H x W feature cells, n samples.
"""
import json
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS
from torch import Tensor

from mmpose_tdmi.utils.files import write_json

#: Below it a product of two variances is that of constant samples.
ROUNDING = 1e-24


def normalised_hsic(x: Tensor, y: Tensor) -> float:
    """Normalised HSIC with Gaussian kernels.

    Args:
        x (Tensor): Samples, (n, p), n at least 4.
        y (Tensor): The same samples' other vectors, (n, q).

    Returns:
        float: About 0 if independent (the unbiased estimate may be a little
        below), 1 if equal up to scale; 0 if either is constant.
    """
    return _normalised(_gaussian_kernel(x), _gaussian_kernel(y))


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA; arguments and result as :func:`normalised_hsic`."""
    x, y = _standard(x), _standard(y)
    return _normalised(x @ x.t(), y @ y.t())


def unbiased_hsic(kernel_x: Tensor, kernel_y: Tensor) -> Tensor:
    """Unbiased estimate of HSIC from two kernel matrices.

    Args:
        kernel_x (Tensor): (n, n).
        kernel_y (Tensor): (n, n).

    Returns:
        Tensor: A scalar.

    Raises:
        ValueError: With fewer than four samples.
    """
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

    A model with a :class:`DisentanglementHead` is run, in eval mode and
    without gradients, on clips of a dataset of its own, before the first
    iteration, every ``interval`` iterations and after the last. Two kinds of
    samples are looked at: ``clip``, the features averaged over space, one
    sample a clip; and ``cell``, their vectors at the cells of a coarse grid.
    Logged as ``dependence/hsic_clip``, ``dependence/hsic_cell``,
    ``dependence/cka_clip`` and ``dependence/cka_cell``, and written to
    ``dependence.json`` in the work folder.

    Mu and Mn are the same map times two vectors of channel weights, so that
    they cannot become independent as long as both are alive; what can change
    is which channels each of them shows.

    Args:
        dataset (dict): Config of the held-out dataset.
        interval (int): Iterations between two measurements.
        num_clips (int): Clips, evenly taken from the dataset. Defaults to
            128.
        batch_size (int): Clips of a forward pass. Defaults to 16.
        grid (tuple[int, int]): The grid of the cells, height and width.
            Defaults to ``(4, 3)``.
        max_cells (int): At most so many cells are used, evenly taken.
            Defaults to 768.

    Raises:
        ValueError: If a number is not positive, or there are too few clips.
    """

    priority = 'NORMAL'

    def __init__(self,
                 dataset: dict,
                 interval: int,
                 num_clips: int = 128,
                 batch_size: int = 16,
                 grid: Tuple[int, int] = (4, 3),
                 max_cells: int = 768) -> None:
        for name, value, low in (('interval', interval,
                                  1), ('num_clips', num_clips,
                                       4), ('batch_size', batch_size, 1),
                                 ('max_cells', max_cells, 4)):
            if isinstance(value,
                          bool) or not isinstance(value, int) or value < low:
                raise ValueError(f'{name} must be an integer of at least '
                                 f'{low}, got {value!r}')
        self.dataset = dataset
        self.interval = interval
        self.num_clips = num_clips
        self.batch_size = batch_size
        self.grid = tuple(grid)
        self.max_cells = max_cells
        self._batches: Optional[List[dict]] = None
        self._history: List[Dict[str, float]] = []

    def before_train(self, runner: Runner) -> None:
        """Measure the model that training starts with."""
        self._history = _known_history(runner)
        self._measure(runner)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Measure every so many iterations, and after the last."""
        if (self.every_n_train_iters(runner, self.interval)
                or runner.iter + 1 == runner.max_iters):
            self._measure(runner, runner.iter + 1)

    @torch.no_grad()
    def measure(self, model: torch.nn.Module) -> Dict[str, float]:
        """Measure a model.

        Args:
            model (nn.Module): A pose estimator whose head disentangles.

        Returns:
            dict[str, float]: ``hsic_clip``, ``hsic_cell``, ``cka_clip`` and
            ``cka_cell``.

        Raises:
            ValueError: If the head gives no noisy feature.
        """
        training = model.training
        model.eval()
        parts: Dict[str, List[Tensor]] = dict(useful=[], noisy=[])
        for batch in self._held_out():
            data = model.data_preprocessor(batch, False)
            features = model.head.disentangle(
                model.extract_feat(data['inputs']))
            if features.noisy is None:
                raise ValueError(
                    'DependenceHook needs a head with a noisy motion feature, '
                    "not one with factorisation='none'")
            parts['useful'].append(features.useful.float())
            parts['noisy'].append(features.noisy.float())
        model.train(training)
        useful, noisy = (torch.cat(parts[k]) for k in ('useful', 'noisy'))
        results = {}
        for kind, pair in (('clip', (useful.mean(dim=(2, 3)),
                                     noisy.mean(dim=(2, 3)))),
                           ('cell', (self._cells(useful),
                                     self._cells(noisy)))):
            results[f'hsic_{kind}'] = normalised_hsic(*pair)
            results[f'cka_{kind}'] = linear_cka(*pair)
        return results

    def _measure(self,
                 runner: Runner,
                 iteration: Optional[int] = None) -> None:
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        iteration = runner.iter if iteration is None else iteration
        results = self.measure(model)
        for name, value in results.items():
            runner.message_hub.update_scalar(f'train/dependence/{name}', value)
        runner.logger.info(f'Mu and Mn after {iteration} iterations: ' +
                           ', '.join(f'{k} {v:.4f}'
                                     for k, v in results.items()))
        self._history = [
            *(h for h in self._history if h['iteration'] < iteration),
            dict(iteration=iteration, **results)
        ]
        write_json(Path(runner.work_dir) / 'dependence.json', self._history)

    def _held_out(self) -> List[dict]:
        """The clips, loaded once."""
        if self._batches is None:
            dataset = DATASETS.build(self.dataset)
            count = min(self.num_clips, len(dataset))
            if count < 4:
                raise ValueError('DependenceHook needs at least 4 clips, its '
                                 f'dataset has {len(dataset)}')
            chosen = [i * len(dataset) // count for i in range(count)]
            samples = [dataset[i] for i in chosen]
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
        step = -(-len(cells) // self.max_cells)
        return cells[::step]


def _known_history(runner: Runner) -> List[Dict[str, float]]:
    """What was measured before a training that is resumed."""
    path = Path(runner.work_dir) / 'dependence.json'
    if runner.iter == 0 or not path.is_file():
        return []

    return json.loads(path.read_text(encoding='utf-8'))
