"""Learning rates over a training, without training.

The optimiser of the config's own model steps through the config's own
schedulers as MMEngine's hook steps them. The weight alpha of the mutual
information objective (Eq. 15) may change over a training, too.

Shape shorthand: n iterations.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmpose.registry import MODELS
from torch import nn

from mmpose_tdmi.models.mutual_information.alpha import AlphaSchedule
from mmpose_tdmi.utils.files import atomic_path
from .browsing import build_phase_dataset


@dataclass
class Schedule:
    """Curves over a training.

    Attributes:
        lr (dict[str, np.ndarray]): Learning rate in each iteration, (n, ), by
            what shares it: ``'all'``, or groups of parameters as their lr
            multipliers make them.
        momentum (dict[str, np.ndarray]): The same of momentum (Adam's first
            beta).
        alpha (np.ndarray, optional): Alpha of the objective, (n, ).
        epoch_length (int): Iterations of an epoch.
    """
    lr: Dict[str, np.ndarray]
    momentum: Dict[str, np.ndarray]
    alpha: Optional[np.ndarray]
    epoch_length: int


def epoch_length_of(config: Config, num_processes: int = 1) -> int:
    """Iterations of an epoch, which needs the training data.

    Args:
        config (Config): The config.
        num_processes (int): Processes, one batch each. Defaults to 1.

    Returns:
        int: Iterations.
    """
    dataset = build_phase_dataset(config, 'train')
    loader = config.train_dataloader
    share = -(-len(dataset) // num_processes)
    if loader.get('drop_last', False):
        return share // loader.batch_size
    return -(-share // loader.batch_size)


def training_schedule(config: Config, epoch_length: int) -> Schedule:
    """Step through a config's schedulers.

    Args:
        config (Config): The config of a training with one optimiser.
        epoch_length (int): Iterations of an epoch.

    Returns:
        Schedule: The curves.

    Raises:
        ValueError: If the config trains nothing or ``epoch_length`` is not
            positive.
    """
    if epoch_length < 1:
        raise ValueError(f'an epoch must have iterations, got {epoch_length}')
    train_cfg = config.get('train_cfg') or {}
    by_epoch = train_cfg.get('by_epoch', 'max_iters' not in train_cfg)
    total = train_cfg.get('max_epochs' if by_epoch else 'max_iters')
    if not total or not config.get('optim_wrapper'):
        raise ValueError('the config trains nothing: expected optim_wrapper '
                         'and train_cfg with max_epochs or max_iters')
    num_iters = total * epoch_length if by_epoch else total
    init_default_scope(config.get('default_scope', 'mmpose'))
    model = MODELS.build(config.model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    schedulers = _build_schedulers(config, wrapper, epoch_length, num_iters,
                                   by_epoch)
    groups = _group_names(wrapper.optimizer.param_groups)
    lr = np.empty((num_iters, len(groups)))
    momentum = np.empty_like(lr)
    alpha_schedule = _alpha_schedule(model)
    hub = MessageHub.get_current_instance()
    alpha = np.empty(num_iters)
    for iteration in range(num_iters):
        if alpha_schedule is not None:
            hub.update_info('iter', iteration)
            hub.update_info('epoch', iteration // epoch_length)
            alpha[iteration] = alpha_schedule.value()
        lr[iteration] = [g['lr'] for g in wrapper.optimizer.param_groups]
        momentum[iteration] = [
            g['betas'][0] if 'betas' in g else g.get('momentum', 0.)
            for g in wrapper.optimizer.param_groups
        ]
        # torch warns about schedulers that step before the optimiser does
        wrapper.optimizer.step()
        ends = (iteration + 1) % epoch_length == 0
        for scheduler in schedulers:
            if not scheduler.by_epoch or ends:
                scheduler.step()
    if alpha_schedule is not None:
        hub.pop_info('iter')
        hub.pop_info('epoch')
    return Schedule(
        _distinct(lr, groups), _distinct(momentum, groups),
        None if alpha_schedule is None else alpha, epoch_length)


def plot_schedule(schedule: Schedule, out: Union[str, Path],
                  title: str) -> None:
    """Plot learning rates, momentum where it changes, and alpha.

    Args:
        schedule (Schedule): The curves.
        out (str | Path): The picture.
        title (str): Its title.
    """
    panels: List[Tuple[str, Dict[str, np.ndarray]]] = [('lr', schedule.lr)]
    if any(np.ptp(values) > 0 for values in schedule.momentum.values()):
        panels.append(('momentum', schedule.momentum))
    if schedule.alpha is not None:
        panels.append(('alpha (Eq. 15)', dict(all=schedule.alpha)))
    figure = Figure(figsize=(8, 2.8 * len(panels)), dpi=110)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (name, curves) in zip(axes, panels):
        for text, values in curves.items():
            epochs = np.arange(len(values)) / schedule.epoch_length
            axis.plot(epochs, values, label=text, linewidth=1.3)
        lowest = min(values.min() for values in curves.values())
        highest = max(values.max() for values in curves.values())
        if name == 'lr' and highest > 20 * lowest > 0:
            axis.set_yscale('log')
        axis.set_ylabel(name, fontsize=8)
        axis.set_xlabel(
            f'epoch ({schedule.epoch_length} iterations each)', fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
        if len(curves) > 1:
            axis.legend(fontsize=6)
    axes[0].set_title(title, fontsize=9)
    figure.tight_layout()
    with atomic_path(out) as temporary:
        figure.savefig(temporary)


def _build_schedulers(config: Config, wrapper, epoch_length: int,
                      num_iters: int, by_epoch: bool) -> list:
    configs = config.get('param_scheduler') or []
    if isinstance(configs, dict):
        configs = [configs]
    built = []
    for scheduler in configs:
        scheduler = dict(scheduler)
        # as the Runner does
        end = num_iters
        if scheduler.get('by_epoch', True) and by_epoch:
            end = num_iters // epoch_length
        scheduler.setdefault('end', end)
        built.append(
            PARAM_SCHEDULERS.build(
                scheduler,
                default_args=dict(
                    optimizer=wrapper, epoch_length=epoch_length)))
    return built


def _alpha_schedule(model: nn.Module) -> Optional[AlphaSchedule]:
    for module in model.modules():
        alpha = getattr(module, 'alpha', None)
        if isinstance(alpha, AlphaSchedule):
            return alpha
    return None


def _group_names(groups: List[dict]) -> List[str]:
    """A name for each group: what its parameters' rates start from."""
    return [f'lr {group["initial_lr"]:.3g}' for group in groups]


def _distinct(values: np.ndarray, names: List[str]) -> Dict[str, np.ndarray]:
    """Groups that go together as one curve."""
    columns, first = np.unique(values.T, axis=0, return_index=True)
    if len(columns) == 1:
        return dict(all=values[:, 0])
    curves: Dict[str, np.ndarray] = {}
    for column in sorted(first.tolist()):
        together = int((values == values[:, column:column + 1]).all(0).sum())
        name = f'{names[column]}, {together} groups'
        while name in curves:
            name += ' '
        curves[name] = values[:, column]
    return curves
