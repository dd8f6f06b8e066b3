"""Which frames exist of each video, from a listing of folders or of images.

Here a frame's name tells its video and number; where an annotation lists the
frames with their numbers, :mod:`mmpose_tdmi.datasets.video_table` goes by
that.

Shape shorthand: none; paths only.
"""
import logging
import os.path as osp
from collections import defaultdict
from typing import (Callable, Dict, Iterable, List, Mapping, Optional, Set,
                    Tuple)

import numpy as np
from mmengine import fileio
from mmengine.logging import print_log

from .clip_frames import VideoFrames


class FrameCatalogue:
    """Looks up the frames of the video that a frame belongs to.

    A folder is listed when a frame in it is first asked about, once.

    Args:
        parse (Callable): ``parse(path) -> (video, number)``; raises
            ValueError on a name that is no frame's. All frames of a video
            must lie in one folder.
        paths (Iterable[str], optional): The frames that exist. Defaults to
            None: those in the folders.
        promised (Mapping[str, int], optional): How many frames a video is
            said to have. The first video of which fewer are found is logged.
            Defaults to None, nothing is said.
        backend_args (dict, optional): The file backend for the listing.
            Defaults to None.
    """

    def __init__(self,
                 parse: Callable[[str], Tuple[str, int]],
                 paths: Optional[Iterable[str]] = None,
                 promised: Optional[Mapping[str, int]] = None,
                 backend_args: Optional[dict] = None) -> None:
        self._parse = parse
        self._promised = dict(promised or {})
        self._backend_args = backend_args
        self._listed: Set[str] = set()
        self._found: Dict[str, List[Tuple[int, str]]] = defaultdict(list)
        self._videos: Dict[str, VideoFrames] = {}
        self.from_disk = paths is None
        for path in paths or ():
            self._add(path)

    def locate(self, path: str) -> Tuple[VideoFrames, int]:
        """The video that the frame at ``path`` belongs to, and its number.

        Raises:
            FileNotFoundError: If the folder or that frame does not exist.
            ValueError: If the name is no frame's, or the video has two frames
                of one number.
        """
        video, number = self._parse(path)
        if video not in self._videos:
            if self.from_disk:
                self._list_folder(osp.dirname(path))
            found = sorted(self._found.pop(video, ()))
            if found:
                numbers, paths = zip(*found)
                self._videos[video] = VideoFrames(video,
                                                  np.array(numbers, np.int64),
                                                  paths)
                self._compare_with_promised(self._videos[video])
        frames = self._videos.get(video)
        if frames is None or number not in frames.numbers:
            where = 'folder' if self.from_disk else 'annotated images'
            raise FileNotFoundError(
                f'the key frame {path} does not exist: it is not among the '
                f'{0 if frames is None else len(frames)} frames {video} in '
                f'the {where}')
        return frames, number

    def video(self, path: str) -> str:
        """What the video that a frame belongs to is called."""
        return self._parse(path)[0]

    def _compare_with_promised(self, frames: VideoFrames) -> None:
        promised = self._promised.pop(frames.video, 0)
        if len(frames) < promised:
            print_log(
                f'{frames.video}: the annotation names {promised} frames '
                f'(nframes), {len(frames)} were found: clips are padded. '
                'Other videos of this kind are not reported.',
                logger='current',
                level=logging.WARNING)
            self._promised.clear()

    def _list_folder(self, folder: str) -> None:
        if folder in self._listed:
            return
        try:
            names = list(
                fileio.list_dir_or_file(
                    folder, list_dir=False, backend_args=self._backend_args))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'the folder {folder!r} of a video\'s frames does not '
                'exist') from error
        self._listed.add(folder)
        for name in names:
            try:
                self._add(osp.join(folder, name))
            except ValueError:
                continue  # a file that is no frame

    def _add(self, path: str) -> None:
        video, number = self._parse(path)
        self._found[video].append((number, path))
