"""TensorBoard and WandB with the objective's terms in groups.

Both show curves by the part of their names before the first slash. The host's
names have none, so that the terms of the mutual information objective drown
in one flat list; these backends put them in groups and change nothing else:
``scalars.json`` keeps the names of the log.
"""

from typing import Optional

from mmengine.visualization import TensorboardVisBackend, WandbVisBackend
from mmpose.registry import VISBACKENDS

#: Prefix of a name in the log -> its group; the first that fits counts.
GROUPS = (('loss_mi_', 'mi_loss'), ('loss_probe_', 'mi_probe_loss'),
          ('mi_', 'mi_estimate'), ('loss', 'loss'), ('acc', 'accuracy'))

#: Whole names -> their group.
SINGLE = dict(
    epoch='progress',
    iter='progress',
    lr='optimisation',
    base_lr='optimisation',
    momentum='optimisation',
    grad_norm='optimisation',
    mi_alpha='optimisation',
    memory='resources',
    time='resources',
    data_time='resources')


def grouped_name(name: str) -> str:
    """A scalar's name with its group.

    Args:
        name (str): Its name in the log, e.g. ``'loss_mi_noise'``.

    Returns:
        str: E.g. ``'mi_loss/noise'``; a name that has a group keeps it, and
        one that belongs to none stays as it is.
    """
    if '/' in name:
        return name
    if name in SINGLE:
        return f'{SINGLE[name]}/{name}'
    for prefix, group in GROUPS:
        if name.startswith(prefix):
            rest = name[len(prefix):].lstrip('_')
            if group in ('loss', 'accuracy'):
                rest = name
            return f'{group}/{rest}'
    return name


@VISBACKENDS.register_module()
class GroupedTensorboardVisBackend(TensorboardVisBackend):
    """The host's TensorBoard backend, scalars in groups.

    ``vis_backends = [dict(type='LocalVisBackend'),
    dict(type='GroupedTensorboardVisBackend')]`` and the same list in
    ``visualizer``. Pictures of :class:`ClipVisualizationHook` go there, too.

    Args:
        save_dir (str): As the host's; the Runner gives it.
    """

    def add_scalar(self, name: str, value, step: int = 0, **kwargs) -> None:
        """Record a scalar under its group; as the host's otherwise."""
        super().add_scalar(grouped_name(name), value, step, **kwargs)


@VISBACKENDS.register_module()
class GroupedWandbVisBackend(WandbVisBackend):
    """The host's WandB backend, scalars in groups.

    ``init_kwargs=dict(project=..., mode='offline')`` works without an
    account; ``wandb sync`` uploads later.

    Args:
        save_dir (str): As the host's; the Runner gives it.
        **kwargs: The host's: ``init_kwargs``, ``define_metric_cfg`` ...
    """

    def add_scalar(self, name: str, value, step: int = 0, **kwargs) -> None:
        """Record a scalar under its group; as the host's otherwise."""
        super().add_scalar(grouped_name(name), value, step, **kwargs)

    def add_scalars(self,
                    scalar_dict: dict,
                    step: int = 0,
                    file_path: Optional[str] = None,
                    **kwargs) -> None:
        """Record scalars under their groups; as the host's otherwise."""
        super().add_scalars(
            {
                grouped_name(name): value
                for name, value in scalar_dict.items()
            }, step, file_path, **kwargs)
