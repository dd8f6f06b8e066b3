"""Hooks of the training loop."""
# registers backends, which the hooks' pictures go to
from mmpose_tdmi.visualization import \
    vis_backends as grouped_backends  # noqa: F401
from .bad_cases import ClipBadCaseHook
from .checkpoint import AtomicCheckpointHook
from .dependence import DependenceHook
from .guard import NonFiniteError, NonFiniteGuardHook
from .pictures import ClipVisualizationHook
from .resume import ExactResumeHook

__all__ = [
    'AtomicCheckpointHook', 'ClipBadCaseHook', 'ClipVisualizationHook',
    'DependenceHook', 'ExactResumeHook', 'NonFiniteError', 'NonFiniteGuardHook'
]
