"""What a model makes of one clip, kept step by step.

Of a TDMI model: the stages' feature differences (Eq. 1), the offsets and
modulation of the deformable convolutions (Eq. 3), the motion feature and its
two parts (Eq. 5 and 6). Of every model: the pose.

Shape shorthand: T frames, C channels, J stages, G offset groups, P kernel
points, K keypoints, h x w feature cells.
"""
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Dict, List

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from mmpose_tdmi.models.layers import DeformableConv2d
from mmpose_tdmi.models.temporal_difference import feature_differences
from mmpose_tdmi.video.streaming import ClipSettings
from mmpose_tdmi.video.structures import Crop, TrackedBox
from .subjects import Subject


@dataclass
class Trace:
    """What is known of a clip's way through a model.

    Args:
        crop (Crop): The part of the frame that the model saw.
        keypoints (np.ndarray): Predicted x, y in the frame, (K, 2).
        scores (np.ndarray): (K, ).
        maps (dict[str, np.ndarray]): ``motion``, ``useful`` and ``noisy``,
            (C, h, w) each; empty for models that have none.
        differences (list[np.ndarray]): Of each stage the lengths of the
            T - 1 feature differences, (T - 1, h, w).
        offsets (list[np.ndarray]): Of each stage the displaced kernel points
            relative to their cell, dy and dx in cells, (G, P, 2, h, w).
        masks (list[np.ndarray]): Their modulation, (G, P, h, w).
    """
    crop: Crop
    keypoints: np.ndarray
    scores: np.ndarray
    maps: Dict[str, np.ndarray] = field(default_factory=dict)
    differences: List[np.ndarray] = field(default_factory=list)
    offsets: List[np.ndarray] = field(default_factory=list)
    masks: List[np.ndarray] = field(default_factory=list)


@torch.no_grad()
def trace(model: nn.Module, subject: Subject) -> Trace:
    """Run a model on a person and keep what it computes.

    Args:
        model (nn.Module): As
            :func:`mmpose_tdmi.apis.models.init_pose_model` gives it.
        subject (Subject): The person.

    Returns:
        Trace: For a model without a temporal difference neck only the pose.
    """
    settings = ClipSettings(model.cfg, model.dataset_meta)
    offsets = settings.window.offsets
    box = TrackedBox(0, tuple(map(float, subject.bbox)), 1.)
    sample = settings.pack(
        subject.window(offsets), [subject.key + o for o in offsets], box)
    data = model.data_preprocessor(pseudo_collate([sample]), False)
    result = Trace(settings.crop(subject.bbox), np.empty(0), np.empty(0))
    with ExitStack() as stack:
        _record_stages(model, result, stack)
        predicted = model(**data, mode='predict')[0].pred_instances
        if hasattr(model.head, 'disentangle'):
            features = model.head.disentangle(
                model.extract_feat(data['inputs']))
            result.maps = {
                name: getattr(features, name)[0].float().numpy()
                for name in ('motion', 'useful', 'noisy')
                if getattr(features, name) is not None
            }
    result.keypoints = predicted.keypoints[0]
    result.scores = predicted.keypoint_scores[0]
    return result


def _record_stages(model: nn.Module, result: Trace, stack: ExitStack) -> None:
    """Have a TDMI model's stages write into a trace while it runs."""
    neck = getattr(model, 'neck', None)
    if not hasattr(neck, 'intra_stage'):
        return

    def differences(module: nn.Module, inputs: tuple) -> None:
        steps = feature_differences(inputs[0])[0]
        result.differences.append(steps.square().mean(dim=1).sqrt().numpy())

    def sampling(module: DeformableConv2d, inputs: tuple) -> None:
        _, offset, mask = inputs
        result.offsets.append(kernel_points(module, offset))
        result.masks.append(mask[0].unflatten(
            0, (module.groups, module.num_points)).float().numpy())

    def start(module: nn.Module, inputs: tuple) -> None:
        # the model runs more than once, the last time counts
        for kept in (result.differences, result.offsets, result.masks):
            kept.clear()

    hooks = [neck.register_forward_pre_hook(start)]
    hooks += [
        module.register_forward_pre_hook(differences)
        for module in neck.intra_stage.values()
    ]
    hooks += [
        module.conv.register_forward_pre_hook(sampling)
        for module in (neck.modulation or {}).values()
    ]
    for hook in hooks:
        stack.callback(hook.remove)


def kernel_points(layer: DeformableConv2d, offset: Tensor) -> np.ndarray:
    """Where a deformable convolution samples, relative to each cell.

    Args:
        layer (DeformableConv2d): The layer.
        offset (Tensor): Its offsets, (1, 2 * G * P, h, w).

    Returns:
        np.ndarray: dy, dx in cells, the kernel's own grid included, (G, P, 2,
        h, w).
    """
    rows, columns = (
        (torch.arange(size) - (size - 1) / 2) * dilation
        for size, dilation in zip(layer.kernel_size, layer.dilation))
    grid = torch.stack(torch.meshgrid(rows, columns, indexing='ij'), dim=-1)
    moved = offset[0].unflatten(0, (layer.groups, layer.num_points, 2))
    return (moved.float() + grid.reshape(1, -1, 2, 1, 1)).numpy()
