"""Measure, while it is trained, how dependent Mu and Mn are.

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
from .dependence import linear_cka, normalised_hsic


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
