"""Parameters and multiply-accumulates of a model, module by module.

The model is run on fake tensors (shapes without numbers), so that the count
takes no time and no memory, under PyTorch's own operator counter. Deformable
convolutions run in the ``grid_sample`` form for it, whose matrix product is
counted: as many multiply-accumulates as a plain convolution. Attention runs
as its two matrix products, fused forms not being counted on CPUs. Sampling,
normalisation, activations and resizing are not counted, as is usual.

Shape shorthand: T frames of a clip, H x W input pixels.

What the models of configs cost, a row each.

Shape shorthand: T frames of a clip, H x W input pixels.

What a model costs for a clip, as text.

Shape shorthand: T frames of a clip, H x W pixels of a crop.
"""
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import (Any, ContextManager, Dict, Iterator, List, Optional,
                    Sequence, Tuple, Union)

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
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


HEADER = ('config', 'T', 'input', 'params', 'trained', 'without backbone',
          'GMAC per clip', 'without backbone')


@dataclass(frozen=True)
class ConfigCost:
    """The cost of a config's model.

    Attributes:
        name (str): The config's file name without its suffix.
        num_frames (int): T.
        shape (tuple[int, int]): (H, W) of the crops.
        params (int): Parameters, frozen ones included.
        trainable (int): Those of them that are trained.
        own_params (int): Parameters of everything but the backbone.
        macs (int): Multiply-accumulates for one clip.
        own_macs (int): Those of everything but the backbone.
    """
    name: str
    num_frames: int
    shape: Tuple[int, int]
    params: int
    trainable: int
    own_params: int
    macs: int
    own_macs: int

    def cells(self) -> Tuple[str, ...]:
        """The row's texts, in the order of :data:`HEADER`."""
        return (self.name, str(self.num_frames),
                f'{self.shape[0]}x{self.shape[1]}', f'{self.params:,}',
                f'{self.trainable:,}', f'{self.own_params:,}',
                f'{self.macs / 1e9:.3f}', f'{self.own_macs / 1e9:.3f}')


def find_configs(paths: Sequence[Union[str, Path]]) -> List[Path]:
    """Configs by file name, or all below a folder, sorted by name.

    Raises:
        FileNotFoundError: If there is no such file or folder, or no config
            in the folder.
    """
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            below = sorted(path.rglob('*.py'))
            if not below:
                raise FileNotFoundError(f'no config (*.py) in folder {path}')
            found.extend(below)
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f'no such config or folder: {path}')
    return found


def build_from_config(
    path: Union[str, Path],
    cfg_options: Optional[dict] = None,
    shape: Optional[Sequence[int]] = None
) -> Tuple[nn.Module, Tuple[int, int]]:
    """A config's model, without weights, and the size of its crops.

    Args:
        path (str | Path): The config.
        cfg_options (dict, optional): Overrides of it.
        shape (Sequence[int], optional): (H, W). Defaults to ``None``, the
            input size of the head's decoder.

    Returns:
        tuple: The model and (H, W).

    Raises:
        ValueError: If nothing tells the input size.
    """
    config = Config.fromfile(str(path))
    if cfg_options is not None:
        config.merge_from_dict(cfg_options)
    init_default_scope(config.get('default_scope', 'mmpose'))
    model = MODELS.build(config.model)
    if shape is None:
        decoder = getattr(model.head, 'decoder', None)
        if decoder is None:
            raise ValueError(f'{path}: the head has no decoder that tells '
                             'the input size, give --shape H W')
        width, height = decoder.input_size
        shape = (height, width)
    height, width = shape
    return model, (height, width)


def config_cost(path: Union[str, Path],
                cfg_options: Optional[dict] = None,
                shape: Optional[Sequence[int]] = None) -> ConfigCost:
    """Count a config's model for one clip.

    Args:
        path (str | Path): The config.
        cfg_options (dict, optional): Overrides of it.
        shape (Sequence[int], optional): As :func:`build_from_config`'s.

    Returns:
        ConfigCost: The row.
    """
    model, shape = build_from_config(path, cfg_options, shape)
    num_frames = clip_length(model)
    counts = {
        x.name: x
        for x in count_model(model, shape, num_frames, depth=1)
    }
    total, backbone = counts[''], counts['backbone']
    return ConfigCost(
        Path(path).stem, num_frames, shape, total.params, total.trainable,
        total.params - backbone.params, total.macs, total.macs - backbone.macs)


def markdown_row(cells: Sequence[str], first_width: int) -> str:
    """A line of a Markdown table, the first cell padded."""
    return f'| {cells[0]:{first_width}} | {" | ".join(cells[1:])} |'


def markdown_header(first_width: int) -> List[str]:
    """The first two lines of the table."""
    rule = ['-' * first_width] + ['---:'] * (len(HEADER) - 1)
    return [markdown_row(HEADER, first_width), markdown_row(rule, first_width)]


_ALL_DEPTHS = 99


@dataclass(frozen=True)
class ClipCost:
    """Parameters and multiply-accumulates of a model for one clip.

    Attributes:
        num_frames (int): T.
        shape (tuple[int, int]): (H, W).
        modules (list[ModuleCount]): The model, then its modules.
        deformable (list[ModuleCount]): Its deformable convolutions.
    """
    num_frames: int
    shape: Tuple[int, int]
    modules: List[ModuleCount]
    deformable: List[ModuleCount]

    def lines(self) -> List[str]:
        """A table, and what it is a table of."""
        total = self.modules[0]
        height, width = self.shape
        lines = [
            f'Input: a clip of T = {self.num_frames} frames, '
            f'{height}x{width} (height x width)',
            f'Parameters: {total.params / 1e6:.3f} M, '
            f'{total.trainable / 1e6:.3f} M of them trained',
            f'Multiply-accumulates: {total.macs / 1e9:.3f} G a clip, '
            f'{2 * total.macs / 1e9:.3f} GFLOPs, '
            f'{total.macs / 1e9 / self.num_frames:.3f} G for each of its '
            'frames', f'Deformable convolutions: {len(self.deformable)}, '
            f'{sum(x.macs for x in self.deformable) / 1e9:.3f} GMAC of these',
            f'{"module":44}{"params":>14}{"trained":>14}{"GMAC":>10}'
            f'{"share":>8}'
        ]
        for count in self.modules:
            share = count.macs / total.macs if total.macs else 0.
            lines.append(f'{count.name or "(all)":44}{count.params:14,}'
                         f'{count.trainable:14,}{count.macs / 1e9:10.3f}'
                         f'{share:8.1%}')
        return lines


def clip_cost(config: Union[str, Path],
              shape: Optional[Sequence[int]] = None,
              depth: int = 2,
              cfg_options: Optional[dict] = None) -> ClipCost:
    """Count a config's model.

    Args:
        config (str | Path): The config.
        shape (Sequence[int], optional): (H, W) of the crops. Defaults to the
            decoder's input size.
        depth (int): How deep modules are listed. Defaults to 2.
        cfg_options (dict, optional): Overrides of the config.

    Returns:
        ClipCost: Its cost.

    Raises:
        ValueError: If the crops' size is not known.
    """
    model, shape = build_from_config(config, cfg_options, shape)
    num_frames = clip_length(model)
    counts = count_model(model, shape, num_frames, depth=_ALL_DEPTHS)
    deformable = {
        name
        for name, module in model.named_modules()
        if isinstance(module, DeformableConv2d)
    }
    return ClipCost(
        num_frames, shape,
        [x for x in counts if not x.name or x.name.count('.') < depth],
        [x for x in counts if x.name in deformable])
