"""Backbones that give the maps of several stages."""
from .hrnet import MultiStageHRNet
from .vit import MultiStageViT

__all__ = ['MultiStageHRNet', 'MultiStageViT']
