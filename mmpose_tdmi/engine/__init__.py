"""What the plugin adds to the host's training loop."""
from .hooks import DependenceHook
from .optim_wrappers import CpuAmpOptimWrapper

__all__ = ['CpuAmpOptimWrapper', 'DependenceHook']
