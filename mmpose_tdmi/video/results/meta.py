"""Fingerprints that tell whether finished results are still what a run gives.

Files are told apart by size, time of change and what is at both ends, so that
looking at a thousand long videos takes no longer than opening them. Weights
are read in whole.

What a reader of a video's poses must know about them.

Shape shorthand: K keypoints.
"""
import glob
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

from mmengine.config import Config

from mmpose_tdmi.version import __version__

_END = 1 << 20  # bytes looked at at both ends of a file


def digest_of(content: Any) -> str:
    """str: SHA-256 of plain values; anything else counts as its text."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def identify_input(source: str) -> Optional[Union[Dict[str, Any], List[Any]]]:
    """What tells an input from a changed one of the same name.

    Args:
        source (str): A file, a folder or a glob.

    Returns:
        dict | list | None: Plain values: of a file its size, time of change
        and the SHA-256 of its first and last megabyte; of a folder or glob
        the names, sizes and times of the files. None for anything else.
    """
    if os.path.isfile(source):
        return _file_ends(source)
    if os.path.isdir(source):
        paths = [entry.path for entry in os.scandir(source)]
    else:
        paths = glob.glob(source)
    found = []
    for path in sorted(paths):
        state = os.stat(path)
        found.append([Path(path).name, state.st_size, state.st_mtime_ns])
    return found or None


def identify_config(config: str) -> Optional[str]:
    """The content of a config with its base files, or None without a file.

    Args:
        config (str): Path of a config, or any text.

    Returns:
        str | None: SHA-256 of the resolved config.
    """
    if not os.path.isfile(config):
        return None
    return digest_of(Config.fromfile(config).to_dict())


def identify_weights(checkpoint: str) -> Optional[str]:
    """SHA-256 of a checkpoint, or None if it is no file.

    Args:
        checkpoint (str): Path of a file, or any text.
    """
    if not os.path.isfile(checkpoint):
        return None
    state = os.stat(checkpoint)
    return _whole_file(checkpoint, state.st_size, state.st_mtime_ns)


def _file_ends(path: str) -> Dict[str, Any]:
    state = os.stat(path)
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        digest.update(file.read(_END))
        if state.st_size > 2 * _END:
            file.seek(-_END, os.SEEK_END)
        digest.update(file.read())
    return dict(
        size=state.st_size, time=state.st_mtime_ns, ends=digest.hexdigest())


@lru_cache(maxsize=32)
def _whole_file(path: str, size: int, time: int) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(_END), b''):
            digest.update(block)
    return digest.hexdigest()


#: The packages whose versions results name.
_PACKAGES = ('mmpose', 'mmengine', 'mmcv', 'torch')


@dataclass(frozen=True)
class VideoMeta:
    """A video and how its poses came about.

    Args:
        input (str): What was opened: a path, a glob, ``'webcam:0'``.
        name (str): What the results are called; a file name.
        width (int): Of the first frame, upright, in pixels.
        height (int): Likewise.
        fps (Fraction): Frames per second, the average.
        num_frames (int, optional): As the header or folder tells.
        dataset_meta (dict): The layout of the keypoints with its skeleton and
            colours, as a model of MMPose has it.
        config (str): The model's config.
        checkpoint (str): The model's weights.
        frame_offsets (Sequence[int]): The model's window of frames.
        padding (str): What the window shows beyond the video's ends.
        mode (str): How the poses were computed: ``'offline'``, ``'online'``
            or ``'naive'``.
        boxes (dict): Where the persons' boxes come from; plain values.
        settings (dict): All else that the results depend on, such as tracker,
            smoothing and thresholds; plain values. Defaults to none.

    Raises:
        ValueError: If the name is none for a file, or the layout has no
            keypoints.
    """
    input: str
    name: str
    width: int
    height: int
    fps: Fraction
    num_frames: Optional[int]
    dataset_meta: Dict[str, Any]
    config: str
    checkpoint: str
    frame_offsets: Sequence[int]
    padding: str
    mode: str
    boxes: Dict[str, Any]
    settings: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or re.search(r'[/\\\0]', self.name) \
                or self.name.startswith('.'):
            raise ValueError(
                f'results of {self.input} cannot be called {self.name!r}: '
                'expected a file name without folder that does not start '
                'with a dot')
        if not self.dataset_meta.get('keypoint_id2name'):
            raise ValueError('dataset_meta has no "keypoint_id2name": '
                             'expected the layout of a model of MMPose')

    @property
    def keypoint_names(self) -> List[str]:
        """list[str]: The K names of the keypoints, in order."""
        names = self.dataset_meta['keypoint_id2name']
        return [names[i] for i in range(len(names))]

    def as_json(self) -> Dict[str, Any]:
        """dict: Everything as plain values, with the versions of packages."""
        meta = self.dataset_meta
        links = meta.get('skeleton_links')
        return dict(
            input=self.input,
            name=self.name,
            width=int(self.width),
            height=int(self.height),
            fps=float(self.fps),
            num_frames=self.num_frames,
            config=self.config,
            checkpoint=self.checkpoint,
            frame_offsets=[int(offset) for offset in self.frame_offsets],
            padding=self.padding,
            mode=self.mode,
            boxes=self.boxes,
            settings=self.settings,
            keypoint_names=self.keypoint_names,
            skeleton=_table(links),
            keypoint_colours=_table(meta.get('keypoint_colors')),
            skeleton_colours=_table(meta.get('skeleton_link_colors')),
            coordinates='pixels of the upright frame, x to the right, y down',
            versions=dict({name: version(name)
                           for name in _PACKAGES},
                          mmpose_tdmi=__version__))

    def fingerprint(self) -> Optional[str]:
        """What tells runs apart whose results differ.

        Returns:
            str | None: SHA-256 of the input's files, the config, the weights
            and the settings. None if the input is nothing that can be looked
            at again, such as a webcam or frames in memory.
        """
        content = identify_input(self.input)
        if content is None:
            return None
        settings = self.as_json()
        del settings['num_frames']  # a hint, not a setting
        return digest_of(
            dict(
                settings,
                input_files=content,
                config_content=identify_config(self.config),
                weights=identify_weights(self.checkpoint)))


def _table(rows: Optional[Sequence[Sequence[int]]]) -> List[List[int]]:
    return [[int(value) for value in row]
            for row in (() if rows is None else rows)]
