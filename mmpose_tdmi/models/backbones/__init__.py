"""Backbones that give the maps of several stages."""
from .multi_stage_hrnet import MultiStageHRNet
from .vision_transformer import MultiStageViT

__all__ = ['MultiStageHRNet', 'MultiStageViT']
