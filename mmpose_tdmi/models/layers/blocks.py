"""Checks of config values that say which key is wrong and what was found.

Leaving half precision where it would hurt.

An initialisation with which a convolution passes its input on.

Deformable convolutions whose offsets start at zero are then the identity (or,
with a modulation that starts at 1/2, with a gain of 2), and what comes before
and after them is connected from the first iteration on. In the paper's recipe
they start at random; that costs little in a long training and much in a short
one.

Chains of ResNet basic blocks, the paper's "residual blocks".

Used for intra-stage fusion (Eq. 2), for estimating offsets and modulation
(Eq. 3) and for aggregation (Sec. 3.2, "Heatmap generation"). The block is
MMPose's ``BasicBlock``; this module only says how a chain is put together.
The paper does not say what the skip of a block looks like; the authors' code
gives the first block of every chain a 1x1 convolution with batch
normalisation, also where the channels agree: ``skip_projection='always'``.

Shape shorthand: N maps, C channels, H x W feature cells.
"""
from typing import Any, Mapping, Optional, Sequence

import torch
from mmcv.cnn import build_conv_layer, build_norm_layer
from mmengine.model import BaseModule, Sequential
from mmengine.model.weight_init import (BaseInit, _get_bases_name,
                                        update_init_info)
from mmpose.models.backbones.resnet import BasicBlock
from mmpose.registry import WEIGHT_INITIALIZERS
from torch import Tensor, nn


def check_choice(key: str, value: Any, choices: Sequence) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a choice."""
    # 1 and True are equal, and are not the same choice
    if not any(
            type(value) is type(choice) and value == choice
            for choice in choices):
        raise ValueError(f'{key} must be one of {tuple(choices)}, got '
                         f'{value!r}')


def check_positive_int(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is an int >= 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f'{key} must be a positive integer, got {value!r}')


def check_bool(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a bool."""
    if not isinstance(value, bool):
        raise ValueError(f'{key} must be True or False, got {value!r}')


def check_norm_cfg(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a layer config.

    Args:
        key (str): The config key.
        value: Must be None or a mapping with a ``type``.
    """
    if value is not None and (not isinstance(value, Mapping)
                              or 'type' not in value):
        raise ValueError(f'{key} must be None or a dict with a type, such as '
                         f"dict(type='BN'), got {value!r}")


def check_positive(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a number > 0."""
    if isinstance(value, bool) or not isinstance(
            value, (int, float)) or not 0 < value < float('inf'):
        raise ValueError(f'{key} must be a positive number, got {value!r}')


def merge_options(key: str, options: Optional[Mapping],
                  defaults: Mapping) -> dict:
    """Fill a config dict's gaps with defaults; refuse keys it cannot have.

    Args:
        key (str): The config key that ``options`` was given under.
        options (Mapping, optional): What the config gives.
        defaults (Mapping): Every allowed key with its default.

    Returns:
        dict: A new dict with exactly the keys of ``defaults``.

    Raises:
        ValueError: If ``options`` is no mapping or has an unknown key.
    """
    if options is None:
        options = {}
    if not isinstance(options, Mapping):
        raise ValueError(f'{key} must be a dict, got {options!r}')
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise ValueError(f'{key} has no option {", ".join(unknown)}; its '
                         f'options are {", ".join(sorted(defaults))}')
    return {**defaults, **options}


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 if it is in half precision, else as it is."""
    # not promote_types: torch 2.1's compiler does not know it
    return x if x.dtype == torch.float64 else x.float()


@WEIGHT_INITIALIZERS.register_module(name='Dirac')
class DiracInit(BaseInit):
    """Each output channel is the input channel of the same number.

    Args:
        gain (float): What the channels are multiplied by. Defaults to 1.
        **kwargs: ``layer``, the names of the layers' classes, and ``bias``,
            as :class:`mmengine.model.ConstantInit` has them.
    """

    def __init__(self, gain: float = 1., **kwargs) -> None:
        super().__init__(**kwargs)
        self.gain = gain

    def __call__(self, module: nn.Module) -> None:
        """Initialise a module's layers."""

        def init(part: nn.Module) -> None:
            names = {type(part).__name__, *_get_bases_name(part)}
            if self.wholemodule or names & set(self.layer):
                nn.init.dirac_(part.weight)
                part.weight.data.mul_(self.gain)
                if getattr(part, 'bias', None) is not None:
                    nn.init.constant_(part.bias, self.bias)

        module.apply(init)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: gain={self.gain}, bias={self.bias}'


SKIP_PROJECTIONS = ('needed', 'always')


class ResidualChain(BaseModule):
    """``num_blocks`` basic blocks (two 3x3 convolutions each) in a row.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of every block's output.
        num_blocks (int): Number of blocks, at least 1.
        skip_projection (str): When the first block's skip is a 1x1
            convolution with normalisation: ``'needed'``, only where
            ``in_channels != out_channels``, or ``'always'`` (the authors'
            code). Defaults to ``'needed'``.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        with_cp (bool): Recompute activations in the backward pass to save
            memory. Defaults to ``False``.
        init_cfg (dict | list[dict], optional): Initialisation config.

    Raises:
        ValueError: If ``num_blocks`` or ``skip_projection`` is invalid.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_blocks: int,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        super().__init__(init_cfg)
        check_positive_int('num_blocks', num_blocks)
        check_choice('skip_projection', skip_projection, SKIP_PROJECTIONS)
        norm_cfg = norm_cfg or dict(type='BN')
        downsample = None
        if skip_projection == 'always' or in_channels != out_channels:
            downsample = Sequential(
                build_conv_layer(
                    None, in_channels, out_channels, kernel_size=1,
                    bias=False),
                build_norm_layer(norm_cfg, out_channels)[1])
        blocks = [
            BasicBlock(
                in_channels,
                out_channels,
                downsample=downsample,
                norm_cfg=norm_cfg,
                with_cp=with_cp)
        ]
        blocks.extend(
            BasicBlock(
                out_channels, out_channels, norm_cfg=norm_cfg, with_cp=with_cp)
            for _ in range(num_blocks - 1))
        self.blocks = Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W), >= 0."""
        return self.blocks(x)
