"""Parameters and multiply-accumulates of a model, module by module.

The model is run on fake tensors (shapes without numbers), so that the count
takes no time and no memory, under PyTorch's own operator counter. Deformable
convolutions run in the ``grid_sample`` form for it, whose matrix product is
counted: as many multiply-accumulates as a plain convolution. Attention runs
as its two matrix products, fused forms not being counted on CPUs. Sampling,
normalisation, activations and resizing are not counted, as is usual.

Shape shorthand: T frames of a clip, H x W input pixels.
"""
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ContextManager, Dict, Iterator, List, Tuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from mmpose_tdmi.structures import FrameWindow
from .layers import DeformableConv2d


@dataclass(frozen=True)
class ModuleCount:
    """What one module costs.

    Attributes:
        name (str): The module's name in the model; ``''`` is the model.
        params (int): Its parameters, frozen ones included.
        trainable (int): Those of them that are trained.
        macs (int): Multiply-accumulates for one clip.
    """
    name: str
    params: int
    trainable: int
    macs: int


def clip_length(model: nn.Module) -> int:
    """The number of frames that a pose estimator takes.

    Args:
        model (nn.Module): A pose estimator.

    Returns:
        int: T of its neck's window, else of its head's, else 1.
    """
    for part in ('neck', 'head'):
        window = getattr(getattr(model, part, None), 'window', None)
        if isinstance(window, FrameWindow):
            return window.num_frames
    return 1


def count_model(model: nn.Module,
                shape: Tuple[int, int],
                num_frames: int = 1,
                channels: int = 3,
                depth: int = 2) -> List[ModuleCount]:
    """Count a pose estimator for one clip.

    Args:
        model (nn.Module): A pose estimator; it is left in eval mode.
        shape (tuple[int, int]): (H, W) of the crops.
        num_frames (int): T. Defaults to 1.
        channels (int): Channels of the crops. Defaults to 3.
        depth (int): How deep modules are listed. Defaults to 2.

    Returns:
        list[ModuleCount]: The model, then its modules in order.
    """
    model.eval()
    counter = FlopCounterMode(display=False, depth=None)
    with on_fake_tensors(model):
        clip = torch.empty(num_frames, channels, *shape)
        with counter, _attributed(counter, model), _plain_attention():
            model(clip, None, mode='tensor')

    root = type(model).__name__
    # containers and modules whose methods are called directly have no entry
    # of their own
    called = {
        name: sum(by_operator.values())
        for name, by_operator in counter.get_flop_counts().items()
    }

    def flops(name: str, module: nn.Module) -> int:
        own = called.get(f'{root}.{name}' if name else root)
        if own is not None:
            return own
        return sum(
            flops(f'{name}.{child}' if name else child, submodule)
            for child, submodule in module.named_children())

    counts = []
    for name, module in model.named_modules():
        if name and name.count('.') >= depth:
            continue
        parameters = list(module.parameters())
        counts.append(
            ModuleCount(name, sum(x.numel() for x in parameters),
                        sum(x.numel() for x in parameters if x.requires_grad),
                        flops(name, module) // 2))
    return counts


@contextmanager
def on_fake_tensors(model: nn.Module) -> Iterator[None]:
    """A context in which a model runs on shapes without numbers.

    Args:
        model (nn.Module): Its deformable convolutions run as ``grid_sample``
            there: compiled operators need numbers.
    """
    backends: Dict[DeformableConv2d, str] = {
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


@contextmanager
def _attributed(counter: FlopCounterMode, model: nn.Module) -> Iterator[None]:
    """Let operators count for the modules that they are called in.

    Newer counters follow modules themselves. Before torch 2.3 they do so by
    functions that make plain tuples of named ones, so that is done here.
    """
    handles = []

    def follow(name: str, module: nn.Module) -> None:

        def enter(*_: Any) -> None:
            counter.parents.append(name)

        def leave(*_: Any) -> None:
            counter.parents.pop()

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave))

    if hasattr(counter, 'parents'):
        root = type(model).__name__
        for name, module in model.named_modules():
            follow(f'{root}.{name}' if name else root, module)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _plain_attention() -> ContextManager:
    """Attention as matrix products, which the counter knows."""
    try:
        from torch.nn.attention import SDPBackend, sdpa_kernel
    except ModuleNotFoundError:  # before torch 2.3
        return torch.backends.cuda.sdp_kernel(
            enable_flash=False, enable_math=True, enable_mem_efficient=False)
    return sdpa_kernel(SDPBackend.MATH)
