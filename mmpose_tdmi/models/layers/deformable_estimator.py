"""Offsets and modulation of a deformable convolution from a feature map.

The "regular convolution" of Eq. 3: two 3x3 convolutions estimate the kernel
offsets O and the modulation W. How they are initialised is a choice:

- ``'zeros'`` (default, as is usual for DCNv2): offsets start at zero and the
  modulation constant, so that the layer starts as a plain convolution,
  scaled by sigmoid(0) = 0.5 with a sigmoid mask and by 1 without;
- ``'normal'``: N(0, 0.001) with zero biases, the authors' recipe for every
  new convolution. Without a sigmoid the modulation then starts close to 0.

The authors' code puts no sigmoid on the mask and dilates the estimating
convolutions by 3.

Shape shorthand: N maps, C channels, G offset groups, P kernel points, H x W
cells.
"""
from typing import Tuple

from mmengine.model import BaseModule, constant_init, normal_init
from torch import Tensor, nn

from .checks import check_choice, check_positive_int
from .deformable import DeformableConv2d

MASKS = ('sigmoid', 'none')
OFFSET_INITS = ('zeros', 'normal')


class DeformableEstimator(BaseModule):
    """3x3 convolutions to offsets and modulation (Eq. 3).

    Args:
        in_channels (int): Channels of the maps that are looked at.
        groups (int): G.
        num_points (int): P.
        mask (str): What is done to the modulation: ``'sigmoid'`` or
            ``'none'``.
        dilation (int): Dilation of the two convolutions.
        offset_init (str): ``'zeros'`` or ``'normal'``, see the module.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 in_channels: int,
                 groups: int,
                 num_points: int,
                 mask: str = 'sigmoid',
                 dilation: int = 1,
                 offset_init: str = 'zeros') -> None:
        super().__init__()
        check_choice('mask', mask, MASKS)
        check_choice('offset_init', offset_init, OFFSET_INITS)
        check_positive_int('offset_dilation', dilation)
        self.mask = mask
        self.offset_init = offset_init
        self.offset_conv, self.mask_conv = (
            nn.Conv2d(
                in_channels,
                channels,
                kernel_size=3,
                padding=dilation,
                dilation=dilation)
            for channels in (2 * groups * num_points, groups * num_points))
        self._init_convs()

    def _init_convs(self) -> None:
        if self.offset_init == 'normal':
            normal_init(self.offset_conv, std=0.001)
            normal_init(self.mask_conv, std=0.001)
            return
        constant_init(self.offset_conv, 0)
        constant_init(
            self.mask_conv, 0, bias=0 if self.mask == 'sigmoid' else 1)

    def init_weights(self) -> None:
        """Initialise as ``offset_init`` says, whatever the parent's config."""
        super().init_weights()
        self._init_convs()

    def forward(self, offset_input: Tensor,
                mask_input: Tensor) -> Tuple[Tensor, Tensor]:
        """Offsets and modulation.

        Args:
            offset_input (Tensor): Map for the offsets, (N, C, H, W).
            mask_input (Tensor): Map for the modulation, (N, C, H, W).

        Returns:
            tuple[Tensor, Tensor]: Offsets in cells, (N, 2 * G * P, H, W),
            and modulation, (N, G * P, H, W), in (0, 1) with a sigmoid.
        """
        offset = self.offset_conv(offset_input)
        mask = self.mask_conv(mask_input)
        return offset, mask.sigmoid_() if self.mask == 'sigmoid' else mask


class SteeredDeformableConv2d(BaseModule):
    """A deformable convolution steered by a map that is given with its input.

    Args:
        channels (int): Channels of input, output and steering map.
        groups (int): Offset groups.
        mask (str): ``'sigmoid'`` or ``'none'``.
        dilation (int): Dilation (and padding) of the deformable kernel.
        offset_dilation (int): Dilation of the estimating convolutions.
        offset_init (str): ``'zeros'`` or ``'normal'``.
        backend (str): As :class:`DeformableConv2d`'s.
    """

    def __init__(self,
                 channels: int,
                 groups: int = 12,
                 mask: str = 'sigmoid',
                 dilation: int = 1,
                 offset_dilation: int = 1,
                 offset_init: str = 'zeros',
                 backend: str = 'auto') -> None:
        super().__init__()
        self.conv = DeformableConv2d(
            channels,
            channels,
            padding=dilation,
            dilation=dilation,
            groups=groups,
            backend=backend)
        self.estimator = DeformableEstimator(
            channels,
            groups,
            self.conv.num_points,
            mask=mask,
            dilation=offset_dilation,
            offset_init=offset_init)

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """(N, C, H, W) displaced as ``steering`` (N, C, H, W) says."""
        return self.conv(x, *self.estimator(steering, steering))
