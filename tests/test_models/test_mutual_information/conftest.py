"""Disentangled features with gradients to look at."""
import pytest
import torch

from mmpose_tdmi.models import DisentangledFeatures

NAMES = ('motion', 'useful', 'noisy', 'visual', 'fused')


@pytest.fixture
def make_features():
    """Builds independent random features, (batch, channels, size, size)."""

    def build(batch=2,
              channels=4,
              size=6,
              keypoints=3,
              scale=1.,
              dtype=torch.float32):
        maps = {
            name: (torch.randn(batch, channels, size, size, dtype=dtype) *
                   scale).requires_grad_()
            for name in NAMES
        }
        heatmaps = torch.rand(
            batch, keypoints, size, size, dtype=dtype, requires_grad=True)
        return DisentangledFeatures(**maps), heatmaps

    return build


@pytest.fixture
def gradient_paths():
    """Which of the features and heatmaps a scalar sends gradients into."""

    def find(scalar, features, heatmaps):
        if not scalar.requires_grad:
            return set()
        leaves = [*features, heatmaps]
        found = torch.autograd.grad(
            scalar, leaves, allow_unused=True, retain_graph=True)
        return {
            name
            for name, x in zip((*NAMES, 'heatmaps'), found)
            if x is not None and bool(x.any())
        }

    return find
