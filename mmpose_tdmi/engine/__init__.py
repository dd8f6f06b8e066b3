"""What the plugin adds to the host's training loop."""
from .atomic_backend import AtomicLocalBackend
from .hooks import (AtomicCheckpointHook, DependenceHook, ExactResumeHook,
                    NonFiniteError, NonFiniteGuardHook)
from .optim_wrappers import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook', 'AtomicLocalBackend', 'CpuAmpOptimWrapper',
    'DependenceHook', 'ExactResumeHook', 'NonFiniteError', 'NonFiniteGuardHook'
]
