"""Hooks of the training loop."""
from .pictures import ClipBadCaseHook, ClipVisualizationHook
from .resume import ExactResumeHook
from .safeguards import (AtomicCheckpointHook, NonFiniteError,
                         NonFiniteGuardHook)

__all__ = [
    'AtomicCheckpointHook', 'ClipBadCaseHook', 'ClipVisualizationHook',
    'ExactResumeHook', 'NonFiniteError', 'NonFiniteGuardHook'
]
