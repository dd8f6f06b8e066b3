"""A caller's own boxes, in whatever form they come.

Shape shorthand: n boxes of a frame, H x W pixels of a frame.
"""
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Sequence, Union

import numpy as np

from mmpose_tdmi.video.decoding import VideoSource
from mmpose_tdmi.video.structures import TrackedBox
from .person_boxes import BoxSource, FileBoxes

#: Boxes as a caller gives them, see :func:`open_boxes`.
Boxes = Union[str, Path, Callable, Sequence, Mapping]


def open_boxes(boxes: Boxes,
               source: VideoSource,
               score_thr: Optional[float] = None,
               ann_file: Union[str, Path, None] = None) -> BoxSource:
    """Boxes by frame index.

    Args:
        boxes: One of

            - a detection file, see :class:`FileBoxes`;
            - a function of the frame's index and the frame;
            - a sequence with an entry per frame, or a mapping from frame
              indices to entries; frames without one have no persons.

            What a function returns and what the entries are is an array
            x1, y1, x2, y2 or x1, y1, x2, y2, score, (n, 4) or (n, 5), in
            pixels of the frame, or a list of :class:`TrackedBox`.
        source (VideoSource): The video.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
        ann_file (str | Path, optional): Explains the image ids of a file.

    Returns:
        Callable: ``boxes(index, frame)``, a list of :class:`TrackedBox` or
        an array (n, 5).

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file or an entry is malformed; entries are looked at
            when their frame comes.
    """
    if isinstance(boxes, (str, Path)):
        return FileBoxes(boxes, source, score_thr, ann_file)
    if callable(boxes):
        return GivenBoxes(boxes, score_thr)
    if isinstance(boxes, Mapping):
        return GivenBoxes(lambda index, _: boxes.get(index, ()), score_thr)
    if isinstance(boxes, (Sequence, np.ndarray)):
        return GivenBoxes(
            lambda index, _: boxes[index]
            if index < len(boxes) else (), score_thr)
    raise ValueError(
        'boxes must be a file, a function, or a sequence or mapping of the '
        f'frames\' boxes, got {type(boxes).__name__}')


class GivenBoxes:
    """Checks boxes that come from a caller.

    Args:
        find (Callable): ``find(index, frame)``, see :func:`open_boxes`.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
    """

    def __init__(self,
                 find: Callable[[int, np.ndarray], Any],
                 score_thr: Optional[float] = None) -> None:
        self._find = find
        self._score_thr = -np.inf if score_thr is None else score_thr

    def __call__(self, index: int,
                 frame: np.ndarray) -> Union[List[TrackedBox], np.ndarray]:
        """The boxes in a frame.

        Raises:
            ValueError: If they are not what they should be.
        """
        found = self._find(index, frame)
        if len(found) and all(isinstance(box, TrackedBox) for box in found):
            for box in found:
                _check(np.array([[*box.bbox, box.score]], float), index)
            return [box for box in found if box.score >= self._score_thr]
        rows = np.array(found, float)
        if not len(rows):
            return np.zeros((0, 5))
        if rows.ndim != 2 or rows.shape[1] not in (4, 5):
            raise ValueError(
                f'boxes of frame {index}: expected a list of TrackedBox or an '
                f'array (n, 4) or (n, 5), got the shape {rows.shape}')
        if rows.shape[1] == 4:
            rows = np.pad(rows, ((0, 0), (0, 1)), constant_values=1.)
        _check(rows, index)
        return rows[rows[:, 4] >= self._score_thr]


def _check(rows: np.ndarray, index: int) -> None:
    """Raise unless all boxes, (n, 5), are finite and have an area."""
    is_good = np.isfinite(rows).all(axis=1) & (rows[:, 2:4]
                                               > rows[:, :2]).all(axis=1)
    if not is_good.all():
        raise ValueError(
            f'boxes of frame {index}: expected finite x1 < x2, y1 < y2 and '
            f'a score, got {rows[~is_good][0].tolist()}')
