"""The frames of a video on disk.

Shape shorthand: none.
"""
import re
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from PIL import Image, UnidentifiedImageError

#: What the frames of all official releases are stored as.
SUFFIXES = ('.jpg', '.jpeg', '.png')
# '00000012', '0012_crop'
_STEM = re.compile(r'([0-9]{1,15})(_.*)?', re.DOTALL)


def frame_number(name: str) -> int:
    """The number of a frame by its file's name.

    Args:
        name (str): A number, alone or with ``_`` and more behind it (some
            of PoseTrack17's are called ``0012_crop.jpg``), and a suffix.

    Returns:
        int: The number.

    Raises:
        ValueError: If it is no such name.
    """
    path = Path(name)
    match = _STEM.fullmatch(path.stem)
    if match is None or path.suffix.lower() not in SUFFIXES:
        raise ValueError(f'{name!r} is not named as a frame, by its number '
                         'such as 000012.jpg')
    return int(match.group(1))


def list_frames(root: Path, folder: str,
                preferred: Sequence[str]) -> Dict[int, str]:
    """The frames that exist in a folder.

    Args:
        root (Path): The data root.
        folder (str): The folder, relative to it.
        preferred (Sequence[str]): Names of files that decide if two have
            the same number.

    Returns:
        dict[int, str]: File names by frame number, ascending. Files that are
        not named as frames are passed over.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If two frames have the same number, and not exactly one
            of them is preferred.
    """
    path = root / folder
    if not path.is_dir():
        raise FileNotFoundError(f'there is no folder {path} with frames')
    found: Dict[int, List[str]] = {}
    for entry in sorted(path.iterdir()):
        try:
            found.setdefault(frame_number(entry.name), []).append(entry.name)
        except ValueError:
            continue
    frames: Dict[int, str] = {}
    chosen = set(preferred)
    for number in sorted(found):
        names = found[number]
        if len(names) > 1:
            names = [name for name in names if name in chosen]
            if len(names) != 1:
                raise ValueError(f'{path}: {" and ".join(found[number])} have '
                                 'the same frame number')
        frames[number] = names[0]
    return frames


def image_size(path: Path, where: str) -> Tuple[int, int]:
    """An image's size, by its header.

    Args:
        path (Path): The image.
        where (str): What names it, for messages.

    Returns:
        tuple[int, int]: Width and height in pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{where}: no image at {path}')
    try:
        with Image.open(path) as image:  # reads the header only
            return image.size
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f'{where}: {path} is not a readable image') from error
