"""Checking the frames of a video on disk.

Shape shorthand: none.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

from PIL import Image


@dataclass(frozen=True)
class FrameTask:
    """The frames of a video that are to be opened.

    Args:
        root (Path): The data root.
        where (str): What names the video in messages.
        file_names (tuple[str, ...]): The frames.
        sizes (dict[str, tuple[int, int]]): Width and height that frames
            must have, by file name.
        quick (bool): Read headers only.
    """
    root: Path
    where: str
    file_names: Tuple[str, ...]
    sizes: Dict[str, Tuple[int, int]]
    quick: bool


def check_frames(task: FrameTask) -> Tuple[List[str], List[str]]:
    """Open a video's frames.

    Args:
        task (FrameTask): The frames.

    Returns:
        tuple[list[str], list[str]]: One line per problem, and per warning.
    """
    problems: List[str] = []
    warnings: List[str] = []
    sizes: Dict[str, Tuple[int, int]] = {}
    for index, name in enumerate(task.file_names):
        where = f'{task.where}.file_names[{index}]'
        path = task.root / name
        try:
            with Image.open(path) as image:
                if not task.quick:
                    image.load()
                sizes[name] = image.size
        except FileNotFoundError:
            problems.append(f'{where}: there is no frame {path}')
            continue
        # Pillow raises SyntaxError and others on damaged files
        except (OSError, ValueError, SyntaxError,
                Image.DecompressionBombError) as error:
            problems.append(f'{where}: {path} cannot be opened: {error}')
            continue
        expected = task.sizes.get(name)
        if expected is not None and expected != sizes[name]:
            problems.append(f'{where}: {name} is of size {sizes[name]}, but '
                            f'its image record says {expected}')
    if len(set(sizes.values())) > 1:
        warnings.append(f'{task.where}: its frames are of different sizes: '
                        f'{sorted(set(sizes.values()))}')
    return problems, warnings
