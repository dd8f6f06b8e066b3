"""What a run on fake tensors (shapes without numbers) tells about a model: its
cost, and which batch normalisations can be folded away.

Multiply-accumulates are counted by PyTorch's own operator counter, deformable
convolutions in their ``grid_sample`` form, as many as a plain convolution has.
Sampling, normalisation, activations and resizing are not counted, as is usual.

Shape letters: T frames of a clip, H x W input pixels.
"""
import warnings
from collections import Counter, defaultdict
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import (Any, Dict, Iterator, List, NamedTuple, Optional, Sequence,
                    Set, Tuple, Union)

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

from mmpose_tdmi.structures import FrameWindow
from .layers import DeformableConv2d

_CPU_ATTENTION = getattr(torch.ops.aten,
                         '_scaled_dot_product_flash_attention_for_cpu', None)
#: Of operators that the counters of some versions of torch do not know, the
#: operations by shapes: here two matrix products.
_FORMULAS = {} if _CPU_ATTENTION is None else {
    _CPU_ATTENTION: lambda query, key, *_, **__: 4 * prod(query) * key[-2]
}


class ModuleCount(NamedTuple):
    """What a module (``''``: the model) costs: parameters, those of them that
    are trained, and multiply-accumulates of one clip."""
    name: str
    params: int
    trainable: int
    macs: int


def clip_length(model: nn.Module) -> int:
    """T of a pose estimator: of its neck's or head's window, else 1."""
    for part in ('neck', 'head'):
        window = getattr(getattr(model, part, None), 'window', None)
        if isinstance(window, FrameWindow):
            return window.num_frames
    return 1


@contextmanager
def on_fake_tensors(model: nn.Module) -> Iterator[None]:
    """Let a model run on shapes without numbers; compiled deformable
    convolutions, which need them, as ``grid_sample``."""
    backends = {
        module: module.backend
        for module in model.modules() if isinstance(module, DeformableConv2d)
    }
    try:
        for module in backends:
            module.backend = 'grid_sample'
        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
            yield
    finally:
        for module, backend in backends.items():
            module.backend = backend


def count_model(model: nn.Module,
                shape: Tuple[int, int],
                num_frames: int = 1,
                channels: int = 3,
                depth: int = 2) -> List[ModuleCount]:
    """Count a pose estimator, left in eval mode, for one clip of crops (H, W):
    the model, then its modules down to ``depth``."""
    model.eval()
    root = type(model).__name__
    counter = FlopCounterMode(
        display=False, depth=None, custom_mapping=_FORMULAS)
    handles = []
    # Before torch 2.3 counters follow modules by functions that make plain
    # tuples of named ones: there it is told where it is.
    parents = getattr(counter, 'parents', None)
    for name, module in model.named_modules() if parents else ():
        handles += [
            module.register_forward_pre_hook(
                lambda *_, name=f'{root}.{name}'
                if name else root: parents.append(name)),
            module.register_forward_hook(lambda *_: parents.pop() and None)
        ]
    with on_fake_tensors(model):
        clip = torch.empty(num_frames, channels, *shape)
        with counter:
            model(clip, None, mode='tensor')
    for handle in handles:
        handle.remove()
    called = counter.get_flop_counts()

    def flops(name: str, module: nn.Module) -> int:
        own = called.get(f'{root}.{name}' if name else root)
        if own is not None:
            return sum(own.values())
        # containers and modules whose methods are called directly have no
        # entry of their own
        return sum(
            flops(f'{name}.{child}' if name else child, submodule)
            for child, submodule in module.named_children())

    counts = []
    for name, module in model.named_modules():
        if not name or name.count('.') < depth:
            parameters = list(module.parameters())
            counts.append(
                ModuleCount(
                    name, sum(x.numel() for x in parameters),
                    sum(x.numel() for x in parameters if x.requires_grad),
                    flops(name, module) // 2))
    return counts


class ClipCost(NamedTuple):
    """The cost of a config's model for one clip: of the model, then its
    modules, and of its deformable convolutions."""
    name: str
    num_frames: int
    shape: Tuple[int, int]
    modules: List[ModuleCount]
    deformable: List[ModuleCount]

    def without_backbone(self) -> Tuple[int, int]:
        """Parameters and multiply-accumulates of all but the backbone."""
        total = self.modules[0]
        backbone, = (x for x in self.modules if x.name == 'backbone')
        return total.params - backbone.params, total.macs - backbone.macs


def clip_cost(config: Union[str, Path],
              shape: Optional[Sequence[int]] = None,
              depth: int = 2,
              cfg_options: Optional[dict] = None) -> ClipCost:
    """Count a config's model, by default for the decoder's (H, W)."""
    cfg = Config.fromfile(str(config))
    cfg.merge_from_dict(cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = MODELS.build(cfg.model)
    if shape is None:
        decoder = getattr(model.head, 'decoder', None)
        if decoder is None:
            raise ValueError(f'{config}: the head has no decoder that tells '
                             'the input size, give --shape H W')
        shape = decoder.input_size[::-1]
    height, width = shape
    num_frames = clip_length(model)
    counts = count_model(model, (height, width), num_frames, depth=99)
    modules = dict(model.named_modules())
    return ClipCost(
        Path(config).stem, num_frames, (height, width),
        [x for x in counts if not x.name or x.name.count('.') < depth],
        [x for x in counts if isinstance(modules[x.name], DeformableConv2d)])


def fold_batch_norms(model: nn.Module, shape: Tuple[int, int]) -> int:
    """Fold the batch normalisations of a pose estimator, in place.

    One is folded into the weights of a convolution only if its input always is
    that one's output and nothing else reads it. (``mmcv.cnn.fuse_conv_bn``
    goes by the order of a module's children, which is wrong where a map forks,
    and leaves out transposed convolutions.)

    Args:
        model: A pose estimator in evaluation mode. It cannot be trained
            afterwards, nor load the checkpoint again.
        shape: (H, W) of the crops.

    Returns:
        How many were folded; they are :class:`torch.nn.Identity` then. 0, with
        a warning, if the model does not run on fake tensors.
    """
    if model.training:
        raise ValueError('batch normalisations are folded for inference only: '
                         'call model.eval() before')
    try:
        pairs = _foldable(model, shape)
    except RuntimeError as error:  # what fake tensors raise
        warnings.warn(
            f'batch normalisations of {type(model).__name__} are not folded, '
            f'it does not run on fake tensors: {error}')
        return 0
    for norm, conv in pairs.items():
        with torch.no_grad():
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var,
                norm.eps, norm.weight, norm.bias,
                isinstance(conv, nn.ConvTranspose2d))
    for parent in model.modules():
        for name, child in parent.named_children():
            if child in pairs:
                setattr(parent, name, nn.Identity())
    return len(pairs)


class _Reads(TorchDispatchMode):
    """Counts how often operators read each tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Dict[int, int] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:
        if func.namespace == 'aten':  # others ask for the device and the like
            for x in tree_flatten((args, kwargs or {}))[0]:
                if isinstance(x, Tensor):
                    self.counts[id(x)] += 1
        return func(*args, **(kwargs or {}))


def _foldable(model: nn.Module,
              shape: Tuple[int, int]) -> Dict[nn.Module, nn.Module]:
    """Normalisations that can be folded, and the convolution of each."""
    reads = _Reads()
    # kept, so that no other tensor gets the identity of one of them
    outputs: Dict[nn.Module, List[Tensor]] = defaultdict(list)
    made_by: Dict[int, nn.Module] = {}
    sources: Dict[nn.Module, Set[Optional[nn.Module]]] = defaultdict(set)

    def convolved(module: nn.Module, args: tuple, out: Tensor) -> None:
        outputs[module].append(out)
        made_by[id(out)] = module
        # what was counted before was another tensor's, which is gone
        reads.counts[id(out)] = 0

    def normalises(module: nn.Module, args: tuple) -> None:
        sources[module].add(made_by.get(id(args[0])))

    handles = []
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            handles.append(module.register_forward_hook(convolved))
        elif isinstance(module, _BatchNorm) and module.track_running_stats:
            handles.append(module.register_forward_pre_hook(normalises))
    like = next(model.parameters())
    try:
        with on_fake_tensors(model):
            clip = like.new_empty(clip_length(model), 3, *shape)
            with reads:
                model(clip, None, mode='tensor')
    finally:
        for handle in handles:
            handle.remove()
    readers = Counter(x for found in sources.values() for x in found)
    pairs = {}
    for norm, found in sources.items():
        source, *others = found
        if not others and source is not None and readers[source] == 1 and all(
                reads.counts[id(x)] == 1 for x in outputs[source]):
            pairs[norm] = source
    return pairs
