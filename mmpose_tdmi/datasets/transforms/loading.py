"""Loading of a clip's frames: files read, checked, decoded, kept for a while.

Samples in the order of a test share frames. Keeping the last decoded ones
turns one decode per person, frame and place in the window into about one per
frame.

T frames of a clip, H x W pixels of a file's image, s the reduction.
"""
import mmap
import re
import struct
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple, Union

import cv2
import mmcv
import mmengine.fileio as fileio
import numpy as np
from mmcv.image.io import imread_flags
from mmcv.transforms import LoadImageFromFile
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import FrameWindow

#: Flags of OpenCV's decoder by reduction.
_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8
}
#: What JPEG files can be reduced by while they are decoded; 1: not at all.
REDUCTIONS = (1, *_REDUCED)


@dataclass(eq=False, repr=False)
class FrameFiles:
    """Gives the frames of image files, and keeps those used last; the first
    three options are mmcv's."""
    color_type: str = 'color'
    imdecode_backend: str = 'cv2'
    backend_args: Optional[dict] = None
    keep: int = 0
    num_decodes: int = field(default=0, init=False)
    _kept: 'OrderedDict[Tuple[str, int], np.ndarray]' = field(
        default_factory=OrderedDict, init=False)

    def __post_init__(self) -> None:
        if type(self.keep) is not int or self.keep < 0:
            raise ValueError('cache_frames must be a number of frames, 0 for '
                             f'none, got {self.keep!r}')

    def read(self,
             paths: Sequence[str],
             where: str,
             reduction: int = 1) -> List[np.ndarray]:
        """The frames of a clip, called ``where`` in messages, (H, W, 3) each.

        JPEG files are decoded to ceil(H / s) x ceil(W / s) pixels, each about
        the mean of the s x s of its place. Other files, and those that another
        decoder than OpenCV's decodes, come whole, and kept frames as large as
        they were kept. Each frame is an array of its own, for transforms that
        write in place; kept frames are read-only, so that such ones raise.
        """
        frames: Dict[str, np.ndarray] = {}
        for place, path in enumerate(paths):
            if path not in frames:
                frames[path] = self._frame(
                    path, reduction, f'place {place} in the clip of {where}')
        found = [frames[path] for path in paths]
        return found if self.keep else _unshared(found)

    def content(self, path: str, where: str) -> bytes:
        """A file's bytes, checked to be those of one whole image."""
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
        if has_several_pictures(content):
            raise ValueError(
                f'frame {path} has several pictures, expected one ({where}); '
                'as a video of its own, the file is given by its name')
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
        is_reducible = (
            self.imdecode_backend == 'cv2' and self.color_type == 'color'
            and content.startswith(b'\xff\xd8'))
        try:
            deep = self._decode_deep(content)
            if deep is not None:
                frame = to_eight_bits(deep, f'frame {path}')
            elif reduction > 1 and is_reducible:
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

    def _decode_deep(self, content: bytes) -> Optional[np.ndarray]:
        """An image whose samples may have more than eight bits, of which
        decoders other than OpenCV make different things."""
        if self.color_type == 'unchanged' or (
                content.startswith(_EIGHT_BITS)
                and not (content[12:16] == b'IHDR' and content[24] > 8)):
            return None
        image = cv2.imdecode(
            np.frombuffer(content, np.uint8),
            imread_flags[self.color_type] | cv2.IMREAD_ANYDEPTH)
        is_deep = image is not None and image.dtype != np.uint8
        return image if is_deep or self.imdecode_backend == 'cv2' else None

    def __getstate__(self) -> dict:
        # frames stay in the process that decoded them
        return {**self.__dict__, '_kept': OrderedDict()}


def _unshared(frames: Sequence[np.ndarray]) -> List[np.ndarray]:
    seen = set()
    arrays = []
    for frame in frames:
        arrays.append(frame.copy() if id(frame) in seen else frame)
        seen.add(id(frame))
    return arrays


#: A file's bytes, or a map of it.
Content = Union[bytes, mmap.mmap]
#: A JPEG marker that ends entropy-coded data: no stuffing, no restart.
_JPEG_MARKER = re.compile(rb'\xff[\xc0-\xcf\xd8-\xfe]')
#: Starts of files whose samples have eight bits; 16 of PNG are told apart.
_EIGHT_BITS = (b'\xff\xd8', b'\x89PNG', b'RIFF', b'BM')


def _is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG file ends before its image does, of which some
    decoders show what there is, the rest in grey, with no error.

    Bytes after the image's end are no harm: telephones append videos. A JPEG's
    segments are stepped over, with what they contain, such as a thumbnail;
    entropy-coded data ends at the next marker.
    """
    if not content.startswith(b'\xff\xd8'):
        return content.startswith(b'\x89PNG') and all(
            kind != b'IEND' for kind, _ in _png_chunks(content))
    place = 2
    while True:
        match = _JPEG_MARKER.search(content, place)
        if match is None:
            return True
        marker, place = match.group()[1], match.end()
        if marker == 0xd9:
            return False
        if marker == 0xd8:  # another image, before the end of this one
            return True
        place += int.from_bytes(content[place:place + 2], 'big')


def _png_chunks(content: Content) -> Iterator[Tuple[bytes, bytes]]:
    """The type and the first bytes of each chunk that is there in whole."""
    place = 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place:place + 4], 'big')
        end = place + 12 + length
        if end <= len(content):
            yield content[place + 4:place + 8], content[place + 8:place + 16]
        place = end


def has_several_pictures(content: Content) -> bool:
    """Whether an image file is an animation (WebP, PNG, GIF) or a TIFF stack,
    by its headers; smaller copies and masks in a TIFF file do not count."""
    start = content[:16]
    if start[:4] == b'RIFF':
        return start[8:] == b'WEBPVP8X' and content[20:21] > b'\x01' and bool(
            content[20] & 2)
    if start[:4] == b'\x89PNG':
        for kind, data in _png_chunks(content):
            if kind in (b'acTL', b'IDAT'):
                return kind == b'acTL' and data[:4] != b'\0\0\0\1'
    if start[:4] == b'GIF8':
        return b'NETSCAPE2.0' in content[:2048]
    order = {b'II': '<', b'MM': '>'}.get(start[:2])
    if order and start[2:4] in (b'*\0', b'\0*', b'+\0', b'\0+'):
        with suppress(struct.error):  # a damaged file: the decoder's affair
            return _count_pages(content, order, b'+' in start[2:4]) > 1
    return False


def _count_pages(content: Content, order: str, is_big: bool) -> int:
    """How many directories of a TIFF file are pages, as far as two."""
    offset, count, entry = ('Q', 'Q', 20) if is_big else ('I', 'H', 12)
    place, = struct.unpack_from(order + offset, content, 8 if is_big else 4)
    num_pages = 0
    seen: Set[int] = set()
    while place and place not in seen and num_pages < 2:
        seen.add(place)
        number, = struct.unpack_from(order + count, content, place)
        place += struct.calcsize(order + count)
        end = place + number * entry
        # tag 254, in front: 1 and 4 are a smaller copy and a mask
        kind = 0
        if struct.unpack_from(order + 'H', content, place)[0] == 254:
            kind, = struct.unpack_from(order + 'I', content,
                                       place + (12 if is_big else 8))
        num_pages += not kind & 5
        place, = struct.unpack_from(order + offset, content, end)
    return num_pages


def to_eight_bits(image: np.ndarray, where: str) -> np.ndarray:
    """An image's samples as uint8; those of 16 bits are divided by 256.

    Raises:
        ValueError: On other samples, and on 16-bit ones of at most 4095, which
            are probably of 12 bits or fewer: nobody tells what white is.
    """
    if image.dtype == np.uint8:
        return image
    high = image.max()
    if image.dtype == np.uint16 and (high > 4095 or high == 0):
        return (image >> 8).astype(np.uint8)
    raise ValueError(
        f'{where} has samples of {image.dtype}, at most {high}; expected '
        'those of 8 bits, or of 16 that go beyond 4095: scale it to 8 bits')


@TRANSFORMS.register_module()
class LoadFrameSequence(LoadImageFromFile):
    """Load the frames of a clip, in the order of time.

    A frame that occurs several times, as padding does, is decoded once.
    Without ``frame_offsets`` the clip is taken as consecutive frames around
    the middle one, and must have an odd number of them.

    Required Keys:

        - img or frames (arrays (H, W, 3), BGR), or frame_paths (image files)
        - frame_offsets, frame_padded, img_path (optional)

    Added Keys:

        - img (list[np.ndarray], T arrays (H, W, 3), BGR)
        - img_shape, ori_shape ((H, W))
        - img_path (the key frame's path; None for arrays without one)
        - frame_indices, frame_offsets, frame_padded, key_frame, where absent

    Args:
        cache_frames: How many of the frames decoded last each worker process
            keeps for samples that share them: for tests, whose samples are in
            order, a window's frames and a few more; in training it saves
            nothing without :class:`~mmpose_tdmi.datasets.FrameGroupSampler`.
            A frame of 1920x1080 takes 6 MB. Frames are then read-only:
            transforms that write in place go under ``ShareRandomParams``,
            which gives them copies, or behind the crop.
        **kwargs: Those of :class:`mmcv.transforms.LoadImageFromFile`. With
            ``ignore_empty`` a clip with an unreadable frame gives None, which
            makes the dataset draw another sample.

    Raises:
        FileNotFoundError: If a frame's file does not exist.
        ValueError: If the clip is empty, or its keys disagree about T; if a
            frame cannot be decoded, ends early, has several pictures or
            samples of unknown scale (:func:`to_eight_bits`) or differs in size
            from the key frame.
    """

    def __init__(self, cache_frames: int = 0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.files = FrameFiles(self.color_type, self.imdecode_backend,
                                self.backend_args, cache_frames)

    def transform(self, results: dict) -> Optional[dict]:
        key, window = self._describe(results)
        try:
            if key == 'frame_paths':
                frames = self.files.read(results[key],
                                         repr(results.get('img_path')))
            else:
                for place, frame in enumerate(results[key]):
                    if not isinstance(frame, np.ndarray) or frame.ndim != 3:
                        raise ValueError(
                            f'{_name(results, key, place)} must be an array '
                            '(H, W, C), got '
                            f'{getattr(frame, "shape", type(frame))}')
                frames = _unshared(results[key])
        except (FileNotFoundError, ValueError):
            if self.ignore_empty:
                return None
            raise

        height, width = frames[window.key].shape[:2]
        for place, frame in enumerate(frames):
            h, w = frame.shape[:2]
            if (h, w) != (height, width):
                raise ValueError(
                    f'{_name(results, key, place)} has {w}x{h} pixels, the '
                    f'key frame, {_name(results, key, window.key)}, has '
                    f'{width}x{height}: all frames of a clip must be of one '
                    'size')
        if self.to_float32:
            frames = [frame.astype(np.float32) for frame in frames]
        results.pop('frames', None)
        return self._complete(results, frames, (height, width), window)

    @staticmethod
    def _describe(results: dict) -> Tuple[str, FrameWindow]:
        """The key that holds the clip, and its window; here clips come in
        that no dataset of this package has made."""
        key = next(
            (k for k in ('img', 'frames', 'frame_paths') if k in results),
            None)
        if key is None:
            raise ValueError(
                'LoadFrameSequence needs one of frame_paths, frames and img; '
                f'the sample has {sorted(results)}')
        if not isinstance(results[key], (list, tuple)):
            raise ValueError(
                f'{key} must be a list with one entry per frame of the clip, '
                f'got {type(results[key]).__name__}')
        clip = f'(img_path {results.get("img_path")!r})'
        if not results[key]:
            raise ValueError(f'the clip is empty: {key} has no entries {clip}')
        offsets = results.get('frame_offsets')
        window = FrameWindow.centred(len(
            results[key])) if offsets is None else FrameWindow(offsets)
        for name in (key, 'frame_paths', 'frame_indices', 'frame_padded'):
            if name in results and len(results[name]) != window.num_frames:
                raise ValueError(
                    f'{name} has {len(results[name])} frames but the clip '
                    f'{clip} has T = {window.num_frames}, offsets '
                    f'{window.offsets}')
        return key, window

    @staticmethod
    def _complete(results: dict, frames: List[np.ndarray],
                  size: Tuple[int, int], window: FrameWindow) -> dict:
        """Put in the frames and the clip's keys."""
        results['img'] = frames
        results['img_shape'] = results['ori_shape'] = size
        results['frame_offsets'] = window.offsets
        results['key_frame'] = window.key
        results.setdefault('frame_padded', [False] * window.num_frames)
        results.setdefault('frame_indices', list(range(window.num_frames)))
        paths = results.get('frame_paths')
        results.setdefault('img_path', paths[window.key] if paths else None)
        return results


def _name(results: dict, key: str, place: int) -> str:
    if key == 'frame_paths':
        return f'frame {results[key][place]}'
    return f'frame {place} of the clip ({key}[{place}])'
