"""Image files of frames: read, checked, decoded, and kept for a while.

Samples in the order of a test share frames: the next person is in the same
frames, the next frame's window has all of them but one. Keeping the last
decoded frames turns one decode per person, frame and place in the window into
about one per frame.

Shape shorthand: H x W pixels of the file's image, s the reduction.
"""
from collections import OrderedDict
from typing import Dict, List, Optional, Sequence, Tuple

import cv2
import mmcv
import mmengine.fileio as fileio
import numpy as np

#: Flags of OpenCV's decoder by reduction.
_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8
}

#: What JPEG files can be reduced by while they are decoded; 1: not at all.
REDUCTIONS = (1, *_REDUCED)


class FrameFiles:
    """Gives the frames of image files.

    Args:
        color_type (str): As mmcv's ``imfrombytes`` has it. Defaults to
            ``'color'``, BGR.
        imdecode_backend (str): mmcv's decoder. Defaults to ``'cv2'``.
        backend_args (dict, optional): The file backend. Defaults to None.
        keep (int): How many of the frames used last are kept, at least 0. A
            frame of 1920x1080 takes 6 MB. Defaults to 0, none.

    Attributes:
        num_decodes (int): Files decoded so far.

    Raises:
        ValueError: If ``keep`` is negative or no integer.
    """

    def __init__(self,
                 color_type: str = 'color',
                 imdecode_backend: str = 'cv2',
                 backend_args: Optional[dict] = None,
                 keep: int = 0) -> None:
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
            raise ValueError('cache_frames must be a number of frames, 0 for '
                             f'none, got {keep!r}')
        self.color_type = color_type
        self.imdecode_backend = imdecode_backend
        self.backend_args = backend_args
        self.keep = keep
        self.num_decodes = 0
        self._kept: 'OrderedDict[Tuple[str, int], np.ndarray]' = OrderedDict()

    def read(self,
             paths: Sequence[str],
             where: str,
             reduction: int = 1) -> List[np.ndarray]:
        """The frames of a clip.

        Args:
            paths (Sequence[str]): The files, in order; one may come several
                times and is decoded once.
            where (str): What the clip is called in messages.
            reduction (int): s of :data:`REDUCTIONS`. JPEG files are decoded
                to ceil(H / s) x ceil(W / s) pixels, each about the mean of
                the s x s of its place. Other files, and those that another
                decoder than OpenCV's decodes, come whole, and kept frames as
                large as they were kept. Defaults to 1.

        Returns:
            list[np.ndarray]: A frame for each path, (H, W, 3). Each is an
            array of its own, for transforms that write in place; kept frames
            are read-only instead, so that such a transform raises.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If a file is empty, ends early or cannot be decoded.
        """
        frames: Dict[str, np.ndarray] = {}
        for place, path in enumerate(paths):
            if path not in frames:
                frames[path] = self._frame(
                    path, reduction, f'place {place} in the clip of {where}')
        if self.keep:
            return [frames[path] for path in paths]
        return unshared([frames[path] for path in paths])

    def content(self, path: str, where: str) -> bytes:
        """A file's bytes, checked to be those of a whole image.

        Args:
            path (str): The file.
            where (str): What the clip is called in messages.

        Raises:
            FileNotFoundError: If it does not exist.
            ValueError: If it is empty or ends early.
        """
        try:
            content = fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'frame {path} is missing ({where})') from error
        if not content:
            raise ValueError(f'frame {path} is an empty file ({where})')
        if _is_truncated(content):
            raise ValueError(
                f'frame {path} is truncated: the file ends, after '
                f'{len(content)} bytes, before its image does ({where})')
        return content

    def _frame(self, path: str, reduction: int, where: str) -> np.ndarray:
        # less reduced than asked for is as good, and there already
        for s in REDUCTIONS[:REDUCTIONS.index(reduction) + 1]:
            if (path, s) in self._kept:
                self._kept.move_to_end((path, s))
                return self._kept[path, s]
        frame = self._decode(path, reduction, where)
        if self.keep:
            frame.flags.writeable = False
            self._kept[path, reduction] = frame
            while len(self._kept) > self.keep:
                self._kept.popitem(last=False)
        return frame

    def _decode(self, path: str, reduction: int, where: str) -> np.ndarray:
        content = self.content(path, where)
        self.num_decodes += 1
        try:
            if reduction > 1 and self._is_reducible(content):
                frame = cv2.imdecode(
                    np.frombuffer(content, np.uint8), _REDUCED[reduction])
            else:
                frame = mmcv.imfrombytes(
                    content,
                    flag=self.color_type,
                    backend=self.imdecode_backend)
        except (cv2.error, OSError) as error:
            raise ValueError(f'frame {path} cannot be decoded: {error} '
                             f'({where})') from error
        if frame is None:
            raise ValueError(f'frame {path} cannot be decoded as an image by '
                             f'{self.imdecode_backend!r} ({where})')
        return frame

    def _is_reducible(self, content: bytes) -> bool:
        return (self.imdecode_backend == 'cv2' and self.color_type == 'color'
                and content.startswith(b'\xff\xd8'))

    def __getstate__(self) -> dict:
        # frames stay in the process that decoded them
        return {**self.__dict__, '_kept': OrderedDict()}


def unshared(frames: Sequence[np.ndarray]) -> List[np.ndarray]:
    """The frames, with an array of its own for each repeated one."""
    seen = set()
    arrays = []
    for frame in frames:
        arrays.append(frame.copy() if id(frame) in seen else frame)
        seen.add(id(frame))
    return arrays


def _is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG file lacks its end marker.

    Some decoders show what there is of such a file, the rest in grey, with no
    error. JPEG: after the last start-of-scan marker there must be an
    end-of-image marker (entropy-coded data cannot contain one). PNG: the
    IEND chunk must be there.
    """
    if content.startswith(b'\xff\xd8'):
        return content.rfind(b'\xff\xd9') < content.rfind(b'\xff\xda')
    if content.startswith(b'\x89PNG'):
        return content.rfind(b'IEND') < 0
    return False
