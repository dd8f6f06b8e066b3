"""Hooks of the training loop."""
# registers backends, which the hooks' pictures go to
from mmpose_tdmi.visualization import grouped_backends  # noqa: F401
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .bad_case_hook import ClipBadCaseHook
from .dependence_hook import DependenceHook
from .exact_resume_hook import ExactResumeHook
from .non_finite_guard_hook import NonFiniteError, NonFiniteGuardHook
from .visualization_hook import ClipVisualizationHook

__all__ = [
    'AtomicCheckpointHook', 'ClipBadCaseHook', 'ClipVisualizationHook',
    'DependenceHook', 'ExactResumeHook', 'NonFiniteError', 'NonFiniteGuardHook'
]
