"""The single-frame model's heatmap layer, inside a neck.

PoseWarper and DCPose refine *heatmaps*: a model is first trained on single
frames, then its backbone and its last layer are frozen, and what is learnt on
clips works on the heatmaps that they give. This is that last layer.

Not in the papers: ``activation='softmax'``, for single-frame models that were
trained on logits (:class:`SpatialSoftmaxHead`). Logits cannot be warped: what
lies off the map counts as 0, which is no low logit. The softmax over space,
scaled to the peak that a heatmap target has, can.

Shape shorthand: N frames, C channels, K keypoints, H x W cells.
"""
import logging
import math
from typing import Mapping, Optional

import torch
from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from ..layers.blocks import (at_least_float32, check_choice, check_positive,
                             check_positive_int, merge_options)

ACTIVATIONS = ('none', 'softmax')

#: The options of the config key ``heatmap_layer`` with their defaults.
HEATMAP_LAYER_DEFAULTS = dict(
    kernel_size=1,
    activation='none',
    sigma=None,
    frozen=True,
    checkpoint=None,
    prefix='head.final_layer')


class SingleFrameHeatmapLayer(nn.Conv2d):
    """A convolution to heatmaps that is loaded from a single-frame model.

    Args:
        in_channels (int): C.
        num_keypoints (int): K.
        options (Mapping, optional): Those of
            :data:`HEATMAP_LAYER_DEFAULTS`: ``kernel_size`` (odd), that of
            the single-frame head's ``final_layer``; ``activation``,
            ``'none'`` or ``'softmax'``; ``sigma``, with softmax the standard
            deviation of the target Gaussians in cells; ``frozen``, whether
            the layer is left as it was loaded; ``checkpoint``, a path or URL
            of the single-frame model, and ``prefix``, the layer's name in
            it.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 options: Optional[Mapping] = None) -> None:
        options = merge_options('heatmap_layer', options,
                                HEATMAP_LAYER_DEFAULTS)
        kernel_size = options['kernel_size']
        check_positive_int('heatmap_layer.kernel_size', kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError('heatmap_layer.kernel_size must be odd, so that '
                             f'the maps keep their size, got {kernel_size}')
        check_choice('heatmap_layer.activation', options['activation'],
                     ACTIVATIONS)
        if options['activation'] == 'softmax':
            check_positive(
                "heatmap_layer.sigma (which activation='softmax' needs)",
                options['sigma'])
        super().__init__(
            in_channels, num_keypoints, kernel_size, padding=kernel_size // 2)
        self.activation = options['activation']
        self.sigma = options['sigma']
        self.checkpoint = options['checkpoint']
        self.prefix = options['prefix'].rstrip('.')
        self.requires_grad_(not options['frozen'])

    def init_weights(self) -> None:
        """Load the layer from the single-frame model.

        Raises:
            ValueError: If the checkpoint has no such layer or one of another
                shape.
        """
        if self.checkpoint is None:
            print_log(
                'heatmap_layer.checkpoint is not given: the layer to '
                'single-frame heatmaps is random unless a checkpoint of the '
                'whole model is loaded',
                logger='current',
                level=logging.WARNING)
            return
        checkpoint = CheckpointLoader.load_checkpoint(self.checkpoint, 'cpu')
        weights = checkpoint.get('state_dict', checkpoint)
        for name, parameter in self.named_parameters():
            found = weights.get(f'{self.prefix}.{name}')
            if found is None or found.shape != parameter.shape:
                got = 'nothing' if found is None else tuple(found.shape)
                raise ValueError(f'heatmap_layer: {self.checkpoint} must have '
                                 f'{self.prefix}.{name} of shape '
                                 f'{tuple(parameter.shape)}, found {got}')
            with torch.no_grad():
                parameter.copy_(found)

    def forward(self, x: Tensor) -> Tensor:
        """Heatmaps of single frames.

        Args:
            x (Tensor): The backbone's maps, (N, C, H, W).

        Returns:
            Tensor: (N, K, H, W), at least float32; with softmax in (0, 2 *
            pi * sigma^2), a Gaussian of that sigma having peak 1.
        """
        maps = at_least_float32(super().forward(x))
        if self.activation == 'none':
            return maps
        volume = 2 * math.pi * self.sigma**2
        probability = torch.softmax(maps.flatten(2), dim=-1)
        return (probability * volume).reshape_as(maps)
