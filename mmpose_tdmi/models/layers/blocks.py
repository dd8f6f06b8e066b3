"""Residual blocks and initialisations that the paper's boxes share, and checks
of config values.

Shape letters: N maps, C channels, H x W feature cells.
"""
import inspect
from typing import Any, Callable, List, Mapping, Optional, Sequence, Union

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, Sequential
from mmengine.model.weight_init import (BaseInit, _get_bases_name,
                                        update_init_info)
from mmpose.models.backbones.resnet import BasicBlock
from mmpose.registry import WEIGHT_INITIALIZERS
from torch import Tensor, nn


def check_choice(key: str, value: Any, choices: Sequence) -> None:
    # 1 and True are equal, and are not the same choice
    if not any(type(value) is type(x) and value == x for x in choices):
        raise ValueError(f'{key} must be one of {tuple(choices)}, got '
                         f'{value!r}')


def check_positive_int(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f'{key} must be a positive integer, got {value!r}')


def check_bool(key: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f'{key} must be True or False, got {value!r}')


def check_positive(key: str, value: Any, or_zero: bool = False) -> None:
    if (isinstance(value, bool) or not isinstance(value, (int, float))
            or not 0 <= value < float('inf') or value == 0 and not or_zero):
        kind = 'number >= 0' if or_zero else 'positive number'
        raise ValueError(f'{key} must be a finite {kind}, got {value!r}')


def merge_options(key: str, options: Optional[Mapping],
                  defaults: Union[Mapping, Callable]) -> dict:
    """Every option of a config key; ``defaults`` is a mapping, or the function
    or class whose parameters that have defaults are the options."""
    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise ValueError(f'{key} must be a dict, got {options!r}')
    if not isinstance(defaults, Mapping):
        parameters = inspect.signature(defaults).parameters
        defaults = {
            name: x.default
            for name, x in parameters.items() if x.default is not x.empty
        }
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise ValueError(f'{key} has no option {", ".join(unknown)}; its '
                         f'options are {", ".join(sorted(defaults))}')
    return {**defaults, **options}


def move_weights(state_dict: dict, old: str, new: str) -> None:
    """Give names that begin with ``old`` another beginning."""
    for name in [x for x in state_dict if x.startswith(old)]:
        state_dict[new + name[len(old):]] = state_dict.pop(name)


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 if it is in half precision, else as it is."""
    # not promote_types: torch 2.1's compiler does not know it
    return x if x.dtype == torch.float64 else x.float()


def paper_init(*layers: str) -> List[dict]:
    """The paper's: convolutions N(0, 0.001), normalisation 1 and 0."""
    return [
        dict(
            type='Normal',
            layer=list(layers or ('Conv2d', 'DeformableConv2d')),
            std=0.001),
        dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
    ]


@WEIGHT_INITIALIZERS.register_module(name='Dirac')
class DiracInit(BaseInit):
    """Each output channel is the input channel of the same number.

    Deformable convolutions whose offsets start at zero are then the identity
    (with a modulation that starts at 1/2, at a gain of 2). The paper starts
    them at random, which costs little in a long training and much in a short
    one.

    Args:
        gain: What the channels are multiplied by.
        **kwargs: ``layer``, the names of the layers' classes, and ``bias``, as
            :class:`mmengine.model.ConstantInit` has them.
    """

    def __init__(self, gain: float = 1., **kwargs) -> None:
        super().__init__(**kwargs)
        self.gain = gain

    def __call__(self, module: nn.Module) -> None:
        for part in module.modules():
            names = {type(part).__name__, *_get_bases_name(part)}
            if self.wholemodule or names & set(self.layer):
                nn.init.dirac_(part.weight)
                part.weight.data.mul_(self.gain)
                if getattr(part, 'bias', None) is not None:
                    nn.init.constant_(part.bias, self.bias)
        if hasattr(module, '_params_init_info'):
            update_init_info(module,
                             f'DiracInit: gain={self.gain}, bias={self.bias}')


def conv3x3(in_channels: int,
            out_channels: int,
            dilation: int = 1,
            bias: bool = False) -> nn.Conv2d:
    """A 3x3 convolution that keeps the maps' size."""
    return nn.Conv2d(
        in_channels, out_channels, 3, 1, dilation, dilation, bias=bias)


def projection(in_channels: int, out_channels: int) -> nn.Module:
    """A 1x1 convolution, only where the numbers of channels differ."""
    if in_channels == out_channels:
        return nn.Identity()
    return nn.Conv2d(in_channels, out_channels, kernel_size=1)


class ResidualChain(BaseModule):
    """The paper's "residual blocks": MMPose's basic blocks (two 3x3
    convolutions each) in a row.

    Args:
        skip_projection: When the first block's skip is a 1x1 convolution with
            normalisation, of which the paper says nothing: ``'needed'``, only
            where channels change, or ``'always'`` (the authors' code).
        norm_cfg: Normalisation; ``None`` is batch normalisation.
        with_cp: Recompute activations in the backward pass to save memory.
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
        check_choice('skip_projection', skip_projection, ('needed', 'always'))
        check_bool('with_cp', with_cp)
        norm_cfg = dict(type='BN') if norm_cfg is None else norm_cfg
        if not isinstance(norm_cfg, Mapping) or 'type' not in norm_cfg:
            raise ValueError('norm_cfg must be None or a dict with a type, '
                             f"such as dict(type='BN'), got {norm_cfg!r}")
        downsample = None
        if skip_projection == 'always' or in_channels != out_channels:
            downsample = Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                build_norm_layer(norm_cfg, out_channels)[1])
        self.blocks = Sequential(*(BasicBlock(
            in_channels if i == 0 else out_channels,
            out_channels,
            downsample=downsample if i == 0 else None,
            norm_cfg=norm_cfg,
            with_cp=with_cp) for i in range(num_blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W), >= 0."""
        return self.blocks(x)
