"""What the plugin adds to the host's training loop."""
from .hooks import (AtomicCheckpointHook, ExactResumeHook, NonFiniteError,
                    NonFiniteGuardHook)
from .hooks.safeguards import AtomicLocalBackend
from .optim_wrappers import CpuAmpOptimWrapper
from .vis_backends import GroupedTensorboardVisBackend, GroupedWandbVisBackend

__all__ = [
    'AtomicCheckpointHook', 'AtomicLocalBackend', 'CpuAmpOptimWrapper',
    'ExactResumeHook', 'GroupedTensorboardVisBackend',
    'GroupedWandbVisBackend', 'NonFiniteError', 'NonFiniteGuardHook'
]
