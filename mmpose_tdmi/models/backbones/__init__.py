"""Backbones that give the maps of several stages."""
from .multi_stage_hrnet import MultiStageHRNet
from .stored_feature_backbone import StoredFeatureBackbone
from .vision_transformer import MultiStageViT

__all__ = ['MultiStageHRNet', 'MultiStageViT', 'StoredFeatureBackbone']
