"""What the plugin adds to the host's training loop."""
from .hooks import (AtomicCheckpointHook, DependenceHook, ExactResumeHook,
                    NonFiniteError, NonFiniteGuardHook)
from .hooks.safeguards import AtomicLocalBackend
from .optim_wrappers import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook', 'AtomicLocalBackend', 'CpuAmpOptimWrapper',
    'DependenceHook', 'ExactResumeHook', 'NonFiniteError', 'NonFiniteGuardHook'
]
