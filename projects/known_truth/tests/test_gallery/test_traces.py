"""What is kept of a model's run."""
from dataclasses import replace

import numpy as np
import torch

from mmpose_tdmi.models.layers import DeformableConv2d
from projects.known_truth.gallery.traces import kernel_points, trace


def test_a_tdmi_model_leaves_all_of_its_steps(models, subject):
    kept = trace(models['tdmi'], subject)
    assert kept.keypoints.shape == (17, 2) and kept.scores.shape == (17, )
    assert {
        k: v.shape
        for k, v in kept.maps.items()
    } == dict.fromkeys(('motion', 'useful', 'noisy'), (16, 24, 16))
    assert [d.shape for d in kept.differences] == [(4, 24, 16)] * 4
    assert [o.shape for o in kept.offsets] == [(4, 9, 2, 24, 16)] * 4
    assert [m.shape for m in kept.masks] == [(4, 9, 24, 16)] * 4
    # offsets start at zero, the modulation at sigmoid(0)
    assert np.allclose(kept.offsets[0][:, 0, :, 5, 5], -1)
    assert np.allclose(kept.masks[0], .5)
    hooks = [
        hook for module in models['tdmi'].modules()
        for hook in module._forward_pre_hooks.values()
    ]
    assert not hooks


def test_a_still_clip_has_no_differences(models, subject):
    still = replace(subject, frames=[subject.frames[0]] * 7)
    kept = trace(models['tdmi'], still)
    assert all((d == 0).all() for d in kept.differences)
    moving = trace(models['tdmi'], subject)
    assert all((d.max(axis=(1, 2)) > 0).all() for d in moving.differences)


def test_a_single_frame_model_leaves_its_pose(models, subject):
    kept = trace(models['single'], subject)
    assert kept.keypoints.shape == (17, 2)
    assert not kept.maps and not kept.differences and not kept.offsets
    x1, y1, x2, y2 = subject.bbox
    assert np.allclose(kept.crop.center, ((x1 + x2) / 2, (y1 + y2) / 2))


def test_kernel_points_are_grid_and_offset():
    layer = DeformableConv2d(4, 4, groups=2, dilation=2, padding=2)
    offset = torch.zeros(1, 2 * 2 * 9, 3, 3)
    offset[0, 1] = 0.5  # dx of the first group's first point
    points = kernel_points(layer, offset)
    assert points.shape == (2, 9, 2, 3, 3)
    assert (points[0, 0, 1] == -1.5).all() and (points[1, 0, 1] == -2).all()
    assert (points[:, 4] == 0).all() and (points[:, 8] == 2).all()
