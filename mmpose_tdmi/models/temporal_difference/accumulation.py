"""Inter-stage fusion: progressive accumulation, Eq. 5, and its ablation.

M = Conv(... Conv(Conv(D1) + D2) ... + DJ), "several 3x3 convolutions" at
every step. The authors' code has one residual block at each step and none on
the first stage: ``unit='residual', num_units=1, on_first=False``. Fusion by
concatenation and convolution is Table 6 (b).

Shape shorthand: B clips, J stages, C channels, H x W feature cells.
"""
from typing import Optional, Sequence

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, ModuleList, Sequential
from torch import Tensor, nn

from ..layers import ResidualChain
from ..layers.checks import check_bool, check_choice, check_positive_int

UNITS = ('conv', 'residual')

#: The options of the config key ``accumulation`` with their defaults.
ACCUMULATION_DEFAULTS = dict(unit='conv', num_units=2, on_first=True)


def convolutions(in_channels: int, out_channels: int, num_convs: int,
                 norm_cfg: Optional[dict]) -> nn.Module:
    """``num_convs`` times 3x3 convolution, normalisation, ReLU."""
    layers = []
    for i in range(num_convs):
        layers += [
            nn.Conv2d(
                in_channels if i == 0 else out_channels,
                out_channels,
                kernel_size=3,
                padding=1,
                bias=False),
            build_norm_layer(norm_cfg or dict(type='BN'), out_channels)[1],
            nn.ReLU(inplace=True)
        ]
    return Sequential(*layers)


class ProgressiveAccumulation(BaseModule):
    """Stages are added one after the other, with convolutions between.

    Args:
        channels (int): C.
        num_stages (int): J.
        unit (str): ``'conv'``, 3x3 convolution, normalisation, ReLU, or
            ``'residual'``, a basic block (authors' code).
        num_units (int): Units per step. Defaults to 2; the paper says
            "several".
        on_first (bool): Whether the first stage goes through units of its
            own, as Eq. 5 has it. Defaults to ``True``. With a single stage
            and ``False``, M is D1.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 num_stages: int,
                 unit: str = 'conv',
                 num_units: int = 2,
                 on_first: bool = True,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        check_choice('accumulation.unit', unit, UNITS)
        check_positive_int('accumulation.num_units', num_units)
        check_bool('accumulation.on_first', on_first)
        self.on_first = on_first

        def step() -> nn.Module:
            if unit == 'conv':
                return convolutions(channels, channels, num_units, norm_cfg)
            return ResidualChain(
                channels,
                channels,
                num_units,
                skip_projection=skip_projection,
                norm_cfg=norm_cfg,
                with_cp=with_cp)

        self.steps = ModuleList(
            [step() for _ in range(num_stages - (not on_first))])

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Accumulate J maps (B, C, H, W) into M, (B, C, H, W)."""
        motion = stages[0]
        steps = iter(self.steps)
        if self.on_first:
            motion = next(steps)(motion)
        for stage, step in zip(stages[1:], steps):
            motion = step(motion + stage)
        return motion


class ConcatFusion(BaseModule):
    """Stages are concatenated and convolved at once, Table 6 (b).

    Args:
        channels (int): C.
        num_stages (int): J.
        num_units (int): Number of 3x3 convolutions. Defaults to 2.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
    """

    def __init__(self,
                 channels: int,
                 num_stages: int,
                 num_units: int = 2,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_positive_int('accumulation.num_units', num_units)
        self.convs = convolutions(num_stages * channels, channels, num_units,
                                  norm_cfg)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Fuse J maps (B, C, H, W) into M, (B, C, H, W)."""
        return self.convs(torch.cat(tuple(stages), dim=1))
