"""Writing a data set of generated clips in a dataset's official form.

What a user has after unpacking the official download, at any size, to show
that converters, training and evaluation work on it. As with
:func:`projects.synthetic.generate`, every video draws its randomness from
(seed, split, number) alone, and a video counts as done once its label is
there, which is written last.

Shape shorthand: none.
"""
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from mmpose_tdmi.datasets.converters.common import PathLike
from mmpose_tdmi.utils.files import remove_outputs, write_json
from mmpose_tdmi.utils.parallel import run_tasks
from ..generator import VERSION, generate
from ..settings import ClipSettings
from . import hieve, posetrack17, posetrack21
from .drawing import VideoTask

#: Settings of a set that is written in a moment.
TINY = ClipSettings(width=160, height=120, frames=7, label_margin=2)


class _Writer(NamedTuple):
    """How one format is written.

    Attributes:
        write_video (Callable): Writes the video of a task.
        label_path (Callable): What it writes last.
        splits (tuple[str, ...]): The splits.
        option (str): What its option is called, '' if it has none.
        options (tuple[str, ...]): The option's values, the default first.
        folders (tuple[str, ...]): What it writes into.
    """
    write_video: Callable[[VideoTask], Path]
    label_path: Callable[[VideoTask], Path]
    splits: Tuple[str, ...]
    option: str
    options: Tuple[str, ...]
    folders: Tuple[str, ...]


_WRITERS = dict(
    posetrack17=_Writer(posetrack17.write_video, posetrack17.label_path,
                        ('train', 'val'), 'naming', posetrack17.NAMINGS,
                        ('images', 'images_renamed', 'annotations')),
    posetrack21=_Writer(posetrack21.write_video, posetrack21.label_path,
                        ('train', 'val'), '', ('', ),
                        ('images', 'posetrack_data', 'annotations')),
    hieve=_Writer(hieve.write_video, hieve.label_path, ('train', 'test'),
                  'labels', hieve.LABELS,
                  ('images', 'videos', 'labels', 'annotations')))
OFFICIAL_FORMATS = ('posetrack17', 'posetrack18', 'posetrack21', 'hieve')


def write_official_set(root: PathLike,
                       format: str = 'posetrack18',
                       videos: Optional[Dict[str, int]] = None,
                       settings: ClipSettings = TINY,
                       seed: int = 0,
                       workers: int = 1,
                       overwrite: bool = False,
                       progress: bool = False,
                       naming: Optional[str] = None,
                       labels: Optional[str] = None) -> Path:
    """Write a data set of generated clips, or finish one.

    Args:
        root (str | Path): Folder to write to.
        format (str): One of :data:`OFFICIAL_FORMATS`. Default:
            'posetrack18', which is what
            :func:`projects.synthetic.generate` writes.
        videos (dict[str, int], optional): Number of videos per split.
            Default: None, one of each: train and val, for HiEve train and
            test.
        settings (ClipSettings): What to draw. Default: :data:`TINY`.
        seed (int): Seed, not negative. Default: 0.
        workers (int): Processes, see :func:`.run_tasks`. Default: 1.
        overwrite (bool): Throw away a data set of other settings that is
            in the folder. Default: False.
        progress (bool): Show a progress bar. Default: False.
        naming (str, optional): For PoseTrack17, 'irregular' or 'renamed',
            see :mod:`.posetrack17`. Default: None, the former.
        labels (str, optional): For HiEve, 'json', 'xml' or 'both'. Default:
            None, json.

    Returns:
        Path: ``root``.

    Raises:
        ValueError: If the folder holds another data set, a name is unknown,
            an option is given that the format does not have, or a number is
            out of its range.
    """
    root = Path(root)
    if format not in OFFICIAL_FORMATS:
        raise ValueError(f'unknown format {format!r}, expected one of '
                         f'{", ".join(OFFICIAL_FORMATS)}')
    given = dict(naming=naming, labels=labels)
    option = _check_options(format, given)
    if format == 'posetrack18':
        generate(root, settings, videos or dict(train=1, val=1), seed, workers,
                 overwrite, progress)
        return root
    writer = _WRITERS[format]
    videos = dict.fromkeys(writer.splits, 1) if videos is None else videos
    _check_numbers(writer, videos, seed, workers)
    _claim(
        root, writer,
        dict(
            generator='projects.synthetic',
            version=VERSION,
            format=format,
            option=option,
            seed=seed,
            videos=dict(videos),
            settings=settings.to_dict()), overwrite)
    tasks = [
        VideoTask(root, settings, seed, split, number, option)
        for split, count in videos.items() for number in range(count)
    ]
    waiting: List[VideoTask] = [
        task for task in tasks if not writer.label_path(task).is_file()
    ]
    for _ in run_tasks(writer.write_video, waiting, workers, 'generating',
                       'video', progress,
                       len(tasks) - len(waiting)):
        pass
    return root


def _check_options(format: str, given: Dict[str, Optional[str]]) -> str:
    """The value of the format's option."""
    writer = _WRITERS.get(format)
    value = writer.options[0] if writer else ''
    for name, choice in given.items():
        if choice is None:
            continue
        if writer is None or name != writer.option:
            raise ValueError(f'the format {format} has no {name}')
        if choice not in writer.options:
            raise ValueError(f'{name} is {choice!r}, expected one of '
                             f'{", ".join(writer.options)}')
        value = choice
    return value


def _check_numbers(writer: _Writer, videos: Dict[str, int], seed: int,
                   workers: int) -> None:
    unknown = set(videos) - set(writer.splits)
    if unknown:
        raise ValueError(f'unknown splits {sorted(unknown)}, expected '
                         f'{" or ".join(writer.splits)}')
    for name, value, low in (('seed', seed, 0), ('workers', workers, 1),
                             *((f'videos[{k!r}]', v, 0)
                               for k, v in videos.items())):
        if value < low:
            raise ValueError(f'{name} must be at least {low}, got {value}')


def _claim(root: Path, writer: _Writer, content: Dict[str, Any],
           overwrite: bool) -> None:
    """Make sure that the folder holds this data set or none."""
    path = root / 'generated.json'
    if path.is_file():
        found = json.loads(path.read_text(encoding='utf-8'))
        if found == content:
            return
        if not overwrite:
            differing = sorted(key for key in {*found, *content}
                               if found.get(key) != content.get(key))
            raise ValueError(
                f'{path}: this folder holds clips generated otherwise '
                f'({", ".join(differing)} differ); choose another folder or '
                'overwrite this one (overwrite=True, --overwrite)')
        for name in writer.folders:
            remove_outputs(root / name)
    write_json(path, content, indent=1)
