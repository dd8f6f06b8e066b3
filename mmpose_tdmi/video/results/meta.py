"""What a reader of a video's poses must know about them.

Shape shorthand: K keypoints.
"""
import re
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import version
from typing import Any, Dict, List, Optional, Sequence

from mmpose_tdmi.version import __version__
from .fingerprint import (digest_of, identify_config, identify_input,
                          identify_weights)

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
