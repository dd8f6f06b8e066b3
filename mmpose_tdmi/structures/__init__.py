"""Structures that every part of the package shares."""
from .frame_window import CLIP_META_KEYS, FrameWindow, fold_time, unfold_time

__all__ = ['CLIP_META_KEYS', 'FrameWindow', 'fold_time', 'unfold_time']
