"""Batch normalisation folded into the convolutions before it, for inference.

In evaluation a batch normalisation is one factor and one offset a channel,
which the convolution before it can have in its weights: the same outputs up to
rounding, and a pass over the maps less for each. Which convolution that is
cannot be told from the order of a module's children. Here the model is run
once on fake tensors (shapes without numbers), and a normalisation is folded
if, and only if, its input always is the output of the same convolution and
nothing else reads that output.

Shape shorthand: T frames of a clip, H x W input pixels.
"""
import warnings
from collections import Counter, defaultdict
from typing import Any, Dict, List, Optional, Set, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from .cost import clip_length, on_fake_tensors

Convolution = (nn.Conv2d, nn.ConvTranspose2d)


def fold_batch_norms(model: nn.Module, shape: Tuple[int, int]) -> int:
    """Fold the batch normalisations of a pose estimator, in place.

    Args:
        model (nn.Module): A pose estimator in evaluation mode. It cannot be
            trained afterwards, nor load the checkpoint again.
        shape (tuple[int, int]): (H, W) of the crops.

    Returns:
        int: How many were folded; they are :class:`torch.nn.Identity` then.
        0, with a warning, if the model does not run on fake tensors, as
        with compiled operators or where numbers decide what is run.

    Raises:
        ValueError: If the model is in training mode.
    """
    if model.training:
        raise ValueError('batch normalisations are folded for inference only: '
                         'call model.eval() before')
    try:
        pairs = _Recorder(model).run(shape)
    except RuntimeError as error:  # what fake tensors raise
        warnings.warn(
            f'batch normalisations of {type(model).__name__} are not folded, '
            f'it does not run on fake tensors: {error}')
        return 0
    for convolution, norm in pairs:
        _fold(convolution, norm)
    folded = {norm for _, norm in pairs}
    for parent in model.modules():
        for name, child in parent.named_children():
            if child in folded:
                setattr(parent, name, nn.Identity())
    return len(pairs)


class _Uses(TorchDispatchMode):
    """Counts how often operators read each tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Dict[int, int] = Counter()

    def __torch_dispatch__(self,
                           func: Any,
                           types: Any,
                           args: tuple = (),
                           kwargs: Optional[dict] = None) -> Any:
        if func.namespace == 'aten':  # others ask for the device and the like
            for x in tree_flatten((args, kwargs or {}))[0]:
                if isinstance(x, Tensor):
                    self.counts[id(x)] += 1
        return func(*args, **(kwargs or {}))


class _Recorder:
    """Sees which normalisation reads which convolution's output.

    Args:
        model (nn.Module): The model.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._uses = _Uses()
        # kept, so that no other tensor gets the identity of one of them
        self._outputs: Dict[nn.Module, List[Tensor]] = defaultdict(list)
        self._made_by: Dict[int, nn.Module] = {}
        self._sources: Dict[nn.Module, Set[Optional[nn.Module]]] = \
            defaultdict(set)

    def run(self, shape: Tuple[int, int]) -> List[Tuple[nn.Module, nn.Module]]:
        """The convolutions and normalisations that can be folded.

        Args:
            shape (tuple[int, int]): (H, W) of the crops.
        """
        handles = []
        for module in self._model.modules():
            if isinstance(module, Convolution):
                handles.append(module.register_forward_hook(self._convolved))
            elif isinstance(module, _BatchNorm) and module.track_running_stats:
                handles.append(
                    module.register_forward_pre_hook(self._normalises))
        like = next(self._model.parameters())
        try:
            with on_fake_tensors(self._model):
                clip = like.new_empty(clip_length(self._model), 3, *shape)
                with self._uses:
                    self._model(clip, None, mode='tensor')
        finally:
            for handle in handles:
                handle.remove()
        readers = Counter(source for sources in self._sources.values()
                          for source in sources)
        return [
            (source, norm) for norm, sources in self._sources.items()
            for source in sources if len(sources) == 1 and source is not None
            and readers[source] == 1 and all(self._uses.counts[id(x)] == 1
                                             for x in self._outputs[source])
        ]

    def _convolved(self, module: nn.Module, args: tuple, out: Tensor) -> None:
        self._outputs[module].append(out)
        self._made_by[id(out)] = module
        # what was counted before was another tensor's, which is gone
        self._uses.counts[id(out)] = 0

    def _normalises(self, module: nn.Module, args: tuple) -> None:
        self._sources[module].add(self._made_by.get(id(args[0])))


def _fold(convolution: nn.Module, norm: nn.Module) -> None:
    """Give a convolution the factors and offsets of a normalisation."""
    with torch.no_grad():
        weight, bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
            transpose=isinstance(convolution, nn.ConvTranspose2d))
    convolution.weight, convolution.bias = weight, bias
