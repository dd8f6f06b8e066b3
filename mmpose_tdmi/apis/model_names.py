"""Models by a config's path or name.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Union

from mmengine.config import Config
from mmengine.hub import get_config

import mmpose_tdmi


def find_config(model: Union[str, Path, Config], what: str) -> Config:
    """A config by path, by its name in this package, or in a package.

    Args:
        model (str | Path | Config): A path; the name of one of this
            package's configs, e.g. ``'tdmi_hrnet-w48_posetrack17-384x288'``;
            a config of an OpenMMLab package, e.g.
            ``'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'``; or a config.
        what (str): What it is, for the message.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If a name is not unique.
    """
    if isinstance(model, Config):
        return model
    if Path(model).is_file():
        return Config.fromfile(model)
    if '::' in str(model):
        return get_config(str(model))
    name = str(model)
    found = []
    if not Path(name).suffix and '/' not in name:
        package = Path(mmpose_tdmi.__file__).parent
        found = sorted((package / '.mim' / 'configs').rglob(f'{name}.py'))
    if len(found) > 1:
        raise ValueError(f'{what} {name!r} is not unique: '
                         f'{", ".join(map(str, found))}')
    if not found:
        raise FileNotFoundError(f'{what} {model} does not exist')
    return Config.fromfile(found[0])
