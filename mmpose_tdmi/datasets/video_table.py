"""The frames that exist of each video, from the annotation's own table.

Converted annotations list them under ``videos``: ``id``, ``name``,
``file_names`` (relative to the data root, as the images') and ``frame_ids``,
the frames' true numbers. So a video's frames may have any names, PoseTrack17's
irregular ones included, and no folder is listed while training.

Shape shorthand: N frames of a video; paths only.
"""
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

import numpy as np

from .annotation_file import is_integer
from .clip_frames import VideoFrames


class VideoTable:
    """Looks up the frames of the video that a frame belongs to.

    Args:
        ann_file (str): The annotation file, for messages.
        videos (Sequence[dict]): Its ``videos``: ``file_names``, N, and
            ``frame_ids``, N integers that ascend strictly.
        path_of (Callable): ``path_of(file_name)`` -> the frame's path.

    Raises:
        ValueError: If a record is not of that form, or a frame belongs to two
            videos.
    """

    def __init__(self, ann_file: str, videos: Sequence[dict],
                 path_of: Callable[[str], str]) -> None:
        self.ann_file = ann_file
        self._videos: List[VideoFrames] = []
        self._places: Dict[str, Tuple[int, int]] = {}
        for index, video in enumerate(videos):
            where = f'{ann_file}: videos[{index}]'
            frames = _read_video(where, video, path_of)
            for path, number in zip(frames.paths, frames.numbers.tolist()):
                if path in self._places:
                    other = self._videos[self._places[path][0]]
                    raise ValueError(f'{where}: frame {path} is also one of '
                                     f'{other.video}')
                self._places[path] = index, number
            self._videos.append(frames)

    def locate(self, path: str) -> Tuple[VideoFrames, int]:
        """The video that a frame belongs to, and the frame's number in it.

        Raises:
            FileNotFoundError: If the table does not list that frame.
        """
        if path not in self._places:
            raise FileNotFoundError(
                f'the key frame {path} does not exist: it is not among the '
                f'{len(self._places)} frames of the {len(self._videos)} '
                f'videos that {self.ann_file} lists')
        index, number = self._places[path]
        return self._videos[index], number

    def video(self, path: str) -> str:
        """What the video that a frame belongs to is called."""
        return self.locate(path)[0].video

    def missing(self, paths: Iterable[str]) -> List[str]:
        """Those paths that are no frame of any video."""
        return [path for path in paths if path not in self._places]


def _read_video(where: str, video: dict,
                path_of: Callable[[str], str]) -> VideoFrames:
    names, numbers = video.get('file_names'), video.get('frame_ids')
    if not isinstance(names, list) or not all(
            isinstance(name, str) for name in names):
        raise ValueError(f'{where}.file_names must be a list of paths, got '
                         f'{names!r:.80}')
    if not isinstance(numbers, list) or not all(map(is_integer, numbers)):
        raise ValueError(f'{where}.frame_ids must be a list of integers, got '
                         f'{numbers!r:.80}')
    title = video.get('name', video.get('id', where))
    try:
        return VideoFrames(
            str(title), np.array(numbers, np.int64),
            [path_of(n) for n in names])
    except (ValueError, OverflowError) as error:
        raise ValueError(f'{where}: {error}') from error
