"""Hooks of the training loop."""
from .dependence_hook import DependenceHook

__all__ = ['DependenceHook']
