"""The host's backends of a visualizer, with scalars in groups."""
import re
from typing import Optional

from mmengine.visualization import TensorboardVisBackend, WandbVisBackend
from mmpose.registry import VISBACKENDS

#: Names in the log, and what they become; the first that fits counts.
GROUPED = (
    ('(epoch|iter)', r'progress/\1'),
    ('(lr|base_lr|momentum|grad_norm|mi_alpha)', r'optimisation/\1'),
    ('(memory|time|data_time)', r'resources/\1'),
    ('loss_mi_([^/]*)', r'mi_loss/\1'),
    ('loss_probe_([^/]*)', r'mi_probe_loss/\1'),
    ('mi_([^/]*)', r'mi_estimate/\1'),
    ('(loss[^/]*)', r'loss/\1'),
    ('(acc[^/]*)', r'accuracy/\1'),
)


def grouped_name(name: str) -> str:
    """A scalar's name with its group: ``'mi_loss/noise'`` of
    ``'loss_mi_noise'``; one with a group, or of none, stays as it is.

    TensorBoard and WandB show curves by the part before the first slash, of
    which the host's names have none.
    """
    for pattern, grouped in GROUPED:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(grouped)
    return name


@VISBACKENDS.register_module()
class GroupedTensorboardVisBackend(TensorboardVisBackend):
    """The host's TensorBoard backend, scalars in groups.

    ``vis_backends = [dict(type='LocalVisBackend'),
    dict(type='GroupedTensorboardVisBackend')]`` and the same list in
    ``visualizer``. Pictures of :class:`ClipVisualizationHook` go there, too;
    ``scalars.json`` keeps the names of the log. Arguments are the host's.
    """

    def add_scalar(self, name: str, value, step: int = 0, **kwargs) -> None:
        super().add_scalar(grouped_name(name), value, step, **kwargs)


@VISBACKENDS.register_module()
class GroupedWandbVisBackend(WandbVisBackend):
    """The host's WandB backend, scalars in groups.

    ``init_kwargs=dict(project=..., mode='offline')`` works without an
    account; ``wandb sync`` uploads later. Arguments are the host's.
    """

    def add_scalar(self, name: str, value, step: int = 0, **kwargs) -> None:
        super().add_scalar(grouped_name(name), value, step, **kwargs)

    def add_scalars(self,
                    scalar_dict: dict,
                    step: int = 0,
                    file_path: Optional[str] = None,
                    **kwargs) -> None:
        scalars = {grouped_name(k): value for k, value in scalar_dict.items()}
        super().add_scalars(scalars, step, file_path, **kwargs)
