"""Backbones that give the maps of several stages."""
from .multi_stage_hrnet import MultiStageHRNet

__all__ = ['MultiStageHRNet']
