"""Global transformation, FAMI-Pose's coarse alignment.

Liu et al., "Temporal Feature Alignment and Mutual Information Maximization
for Video-Based Human Pose Estimation", CVPR 2022, Sec. 3.1: from the
difference of a supporting frame's map and the key frame's, one affine
transformation of the whole map is estimated and applied. The release
estimates a translation only.

Here the estimate starts at zero, so that a new module passes maps through
(the release's last layer starts at random).

Shape shorthand: N pairs of frames, C channels, H x W cells.
"""
from typing import Optional

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential, constant_init, normal_init
from torch import Tensor, nn

from ...layers import ResidualChain
from ...layers.checks import check_choice, check_positive_int
from ...layers.precision import at_least_float32

#: Transformations and their numbers of parameters.
TRANSFORMS = dict(translation=2, affine=6)


class GlobalAlignment(BaseModule):
    """Transform a whole map towards the key frame's.

    Args:
        channels (int): C.
        transform (str): ``'translation'`` (release) or ``'affine'``, which
            adds the four numbers of a linear map.
        hidden_channels (int): Width of the estimator.
        num_reductions (int): Its number of convolutions of stride 2. What
            they leave of the map is pooled to 3 x 3; with the release's
            five, that is what they leave of 96 x 72.
        norm_cfg (dict, optional): Config of the normalisation layers.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 transform: str = 'translation',
                 hidden_channels: int = 16,
                 num_reductions: int = 5,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_choice('transform', transform, tuple(TRANSFORMS))
        check_positive_int('num_reductions', num_reductions)
        self.transform = transform
        norm_cfg = norm_cfg or dict(type='BN')
        self.difference = ResidualChain(
            channels,
            hidden_channels,
            1,
            skip_projection='always',
            norm_cfg=norm_cfg)
        self.reduction = Sequential(*(ConvModule(
            hidden_channels,
            hidden_channels,
            3,
            stride=2,
            padding=1,
            norm_cfg=norm_cfg) for _ in range(num_reductions)))
        # without activations between them, as in the release
        self.estimate = nn.Sequential(
            nn.AdaptiveAvgPool2d(3), nn.Flatten(),
            nn.Linear(9 * hidden_channels, 64), nn.Linear(64, 64),
            nn.Linear(64, TRANSFORMS[transform]))
        constant_init(self.estimate[-1], 0)

    def init_weights(self) -> None:
        """Initialise; the transformation starts as the identity."""
        super().init_weights()
        for layer in self.reduction:
            normal_init(layer.conv, std=0.001)
        constant_init(self.estimate[-1], 0)

    def parameters_of(self, support: Tensor, key: Tensor) -> Tensor:
        """The transformations' parameters.

        Args:
            support (Tensor): The supporting frames' maps, (N, C, H, W).
            key (Tensor): The key frames', (N, C, H, W).

        Returns:
            Tensor: (N, 2), how far the content moves, (right, down), in
            cells; or (N, 6), these two and then, row by row, what is added
            to the identity to give the linear map from a place in the
            result to that in ``support``, in halves of the map's width and
            height around its centre.
        """
        # a place in the map has to be better known than in half precision,
        # whose kernels for maps of one cell are not to be trusted either
        with torch.autocast(support.device.type, enabled=False):
            difference = at_least_float32(support - key)
            return self.estimate(self.reduction(self.difference(difference)))

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting maps, transformed; all (N, C, H, W)."""
        return transform_maps(support, self.parameters_of(support, key))


def transform_maps(maps: Tensor, parameters: Tensor) -> Tensor:
    """Resample whole maps bilinearly; what lies outside is 0.

    Args:
        maps (Tensor): (N, C, H, W).
        parameters (Tensor): As :meth:`GlobalAlignment.parameters_of` gives
            them, (N, 2) or (N, 6).

    Returns:
        Tensor: (N, C, H, W).
    """
    with torch.autocast(maps.device.type, enabled=False):
        dtype = torch.promote_types(maps.dtype, torch.float32)
        maps, parameters = maps.to(dtype), parameters.to(dtype)
        height, width = maps.shape[-2:]
        size = parameters.new_tensor([width, height])
        # grid_sample asks where a cell of the result comes from
        shift = -2 * parameters[:, :2] / size
        linear = torch.eye(2, dtype=dtype, device=maps.device)
        linear = linear.expand(maps.shape[0], 2, 2)
        if parameters.shape[1] == 6:
            linear = linear + parameters[:, 2:].unflatten(1, (2, 2))
        theta = torch.cat((linear, shift[:, :, None]), dim=2)
        grid = F.affine_grid(theta, list(maps.shape), align_corners=False)
        return F.grid_sample(maps, grid, align_corners=False)
