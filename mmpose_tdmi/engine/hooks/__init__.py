"""Hooks of the training loop."""
from .dependence import DependenceHook
from .pictures import ClipBadCaseHook, ClipVisualizationHook
from .resume import ExactResumeHook
from .safeguards import (AtomicCheckpointHook, NonFiniteError,
                         NonFiniteGuardHook)

__all__ = [
    'AtomicCheckpointHook', 'ClipBadCaseHook', 'ClipVisualizationHook',
    'DependenceHook', 'ExactResumeHook', 'NonFiniteError', 'NonFiniteGuardHook'
]
