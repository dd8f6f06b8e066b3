"""What the plugin adds to the host's training loop."""
from .optim_wrappers import CpuAmpOptimWrapper

__all__ = ['CpuAmpOptimWrapper']
