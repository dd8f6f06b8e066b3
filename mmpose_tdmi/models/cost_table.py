"""What the models of configs cost, a row each.

Shape shorthand: T frames of a clip, H x W input pixels.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from .complexity import clip_length, count_model

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
