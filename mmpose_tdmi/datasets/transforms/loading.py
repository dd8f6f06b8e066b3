"""Image files of frames: read, checked, decoded, and kept for a while.

Samples in the order of a test share frames: the next person is in the same
frames, the next frame's window has all of them but one. Keeping the last
decoded frames turns one decode per person, frame and place in the window into
about one per frame.

Shape shorthand: H x W pixels of the file's image, s the reduction.

Loading of a clip's frames.

Shape shorthand: T frames of a clip, H x W pixels of the original frame.

Frames decoded no larger than their crop needs.

A JPEG file can be decoded to a half, a quarter or an eighth of its size in
less time than whole. Whether a sample's crop needs more is known only when
its augmentation is drawn; so the frames, which no geometric transform needs,
are loaded last::

    dict(type='LocateFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform', ...),
    dict(type='LoadTopdownCrops', input_size=(288, 384)),

instead of ``LoadFrameSequence``, the same transforms and ``TopdownAffine``.
Random numbers, crops and labels are the same; pixels are, where the crop needs
the whole file, and else are means over s x s pixels where the stock warp picks
single ones. Transforms of pixels go after ``LoadTopdownCrops``.

Shape shorthand: T frames of a clip, H x W pixels of the file's image, h x w
of the model's input, s the reduction.
"""
import io
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import mmcv
import mmengine.fileio as fileio
import numpy as np
from mmcv.image import imflip
from mmcv.transforms import LoadImageFromFile
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix
from PIL import Image, UnidentifiedImageError

from mmpose_tdmi.structures import FrameWindow

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


@TRANSFORMS.register_module()
class LoadFrameSequence(LoadImageFromFile):
    """Load the frames of a clip, in the order of time.

    The clip comes from the first of these that ``results`` holds:

    1. ``img`` or ``frames``: the frames themselves, arrays (H, W, 3) in BGR;
    2. ``video_path`` and ``frame_indices``: a video file and the 0-based
       indices of the frames in it;
    3. ``frame_paths``: image files, as the sequence datasets give them.

    A frame that occurs several times, as padding does, is decoded once; each
    occurrence is an array of its own, for transforms that write in place.

    Without ``frame_offsets`` the clip is taken as consecutive frames around
    the middle one, and must have an odd number of them.

    Required Keys:

        - one of the three above
        - frame_offsets (optional)
        - key_frame (optional)
        - frame_padded (optional)
        - img_path (optional)

    Added Keys:

        - img (list[np.ndarray], T arrays (H, W, 3), BGR)
        - img_shape ((H, W))
        - ori_shape ((H, W))
        - img_path (the key frame's path; the video's for a video file; None
          for arrays that came without one)
        - frame_indices, frame_offsets, frame_padded, key_frame, and, unless
          the clip came as arrays, frame_paths, where absent

    Args:
        cache_frames (int): How many of the frames decoded last are kept, in
            each worker process, for samples to come: pixels are the same, the
            time to decode is saved where samples that follow each other share
            frames. For tests, whose samples are in order: a window's frames
            and a few more. In training, where they are not, it saves nothing
            without :class:`~mmpose_tdmi.datasets.FrameGroupSampler`. A frame
            of 1920x1080 takes 6 MB. Image files only; of a video file the
            last frames are always kept. Frames are then read-only: transforms
            that write in place go under ``ShareRandomParams``, which gives
            them copies, or behind the crop. Defaults to 0, none.
        **kwargs: ``to_float32``, ``color_type``, ``imdecode_backend``,
            ``ignore_empty`` (a clip with an unreadable frame gives None,
            which makes the dataset draw another sample) and
            ``backend_args`` of :class:`mmcv.transforms.LoadImageFromFile`.

    Raises:
        FileNotFoundError: If a frame's file or the video does not exist.
        ValueError: If the clip is empty, has an even number of frames and no
            offsets, if a frame cannot be decoded, ends early or differs in
            size from the key frame, or if the clip's keys disagree about T.
            Each names the frame.
    """

    def __init__(self, cache_frames: int = 0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.files = FrameFiles(self.color_type, self.imdecode_backend,
                                self.backend_args, cache_frames)
        self._reader: Any = None

    def transform(self, results: dict) -> Optional[dict]:
        """Load the clip. See the class for the keys.

        Args:
            results (dict): The sample.

        Returns:
            dict | None: The sample with the frames, or None if a frame is
            unreadable and ``ignore_empty`` is set.
        """
        key = self._clip_key(results)
        window = self._window(results, key)
        try:
            if key == 'frame_paths':
                frames = self._read_files(results)
            elif key == 'frame_indices':
                frames = self._read_video(results)
            else:
                frames = self._take_arrays(results, key)
        except (FileNotFoundError, ValueError):
            if self.ignore_empty:
                return None
            raise

        size = frames[window.key].shape[:2]
        for place, frame in enumerate(frames):
            if frame.shape[:2] != size:
                raise ValueError(
                    f'{_name(results, key, place)} has {_size(frame)} pixels, '
                    f'the key frame, {_name(results, key, window.key)}, has '
                    f'{_size(frames[window.key])}: all frames of a clip must '
                    'be of one size')
        if self.to_float32:
            frames = [frame.astype(np.float32) for frame in frames]

        results.pop('frames', None)
        results['img'] = frames
        results['img_shape'] = size
        results['ori_shape'] = size
        self._complete(results, key, window)
        return results

    @staticmethod
    def _clip_key(results: dict) -> str:
        """The key that holds the clip's frames, paths or indices."""
        if 'img' in results:
            key = 'img'
        elif 'frames' in results:
            key = 'frames'
        elif 'video_path' in results:
            key = 'frame_indices'
            if key not in results:
                raise ValueError(
                    f'video_path {results["video_path"]!r} came without '
                    'frame_indices, the 0-based indices of the clip\'s frames')
        elif 'frame_paths' in results:
            key = 'frame_paths'
        else:
            raise ValueError(
                'LoadFrameSequence needs one of frame_paths, frames, img, or '
                'video_path with frame_indices; the sample has '
                f'{sorted(results)}')
        if not isinstance(results[key], (list, tuple)):
            raise ValueError(
                f'{key} must be a list with one entry per frame of the clip, '
                f'got {type(results[key]).__name__}')
        if not results[key]:
            raise ValueError(f'the clip is empty: {key} has no entries '
                             f'(img_path {results.get("img_path")!r})')
        return key

    @staticmethod
    def _window(results: dict, clip_key: str) -> FrameWindow:
        """The clip's window; checks that all keys agree about T."""
        if results.get('frame_offsets') is None:
            window = FrameWindow.centred(len(results[clip_key]))
        else:
            window = FrameWindow(tuple(results['frame_offsets']))
        for key in (clip_key, 'frame_paths', 'frame_indices', 'frame_padded'):
            if key in results and len(results[key]) != window.num_frames:
                raise ValueError(
                    f'{key} has {len(results[key])} frames but the clip '
                    f'(img_path {results.get("img_path")!r}) has T = '
                    f'{window.num_frames}, offsets {window.offsets}')
        return window

    @staticmethod
    def _take_arrays(results: dict, key: str) -> List[np.ndarray]:
        for place, frame in enumerate(results[key]):
            if not isinstance(frame, np.ndarray) or frame.ndim != 3:
                raise ValueError(
                    f'{_name(results, key, place)} must be an array '
                    f'(H, W, C), got {getattr(frame, "shape", type(frame))}')
        return unshared(results[key])

    def _read_video(self, results: dict) -> List[np.ndarray]:
        path = str(results['video_path'])
        from mmpose_tdmi.video.decoding import open_frames
        if self._reader is None or self._reader.path != path:
            self._reader = open_frames(path)
        indices = results['frame_indices']
        # in ascending order, the one that is cheap in a video
        decoded = {i: self._reader[i] for i in sorted(set(indices))}
        # the reader keeps its frames for the next clip
        return [decoded[index].copy() for index in indices]

    def _read_files(self, results: dict) -> List[np.ndarray]:
        return self.files.read(results['frame_paths'],
                               repr(results.get('img_path')))

    @staticmethod
    def _complete(results: dict, key: str, window: FrameWindow) -> None:
        """Fill in the clip's keys that the sample came without."""
        results['frame_offsets'] = window.offsets
        results['key_frame'] = window.key
        results.setdefault('frame_padded', [False] * window.num_frames)
        results.setdefault('frame_indices', list(range(window.num_frames)))
        if key == 'frame_indices':
            video = str(results['video_path'])
            results.setdefault('frame_paths', [video] * window.num_frames)
        if results.get('frame_paths'):
            results.setdefault('img_path', results['frame_paths'][window.key])
        results.setdefault('img_path', None)

    def __getstate__(self) -> dict:
        # an open video cannot go to a worker process: it opens its own
        return {**self.__dict__, '_reader': None}


def _name(results: dict, key: str, place: int) -> str:
    """What a frame of the clip is called in messages."""
    if key == 'frame_paths':
        return f'frame {results[key][place]}'
    if key == 'frame_indices':
        return f'frame {results[key][place]} of {results["video_path"]}'
    return f'frame {place} of the clip ({key}[{place}])'


def _size(frame: np.ndarray) -> str:
    return f'{frame.shape[1]}x{frame.shape[0]}'


#: EXIF's tag, and its values with which width and height change places.
_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)


@TRANSFORMS.register_module()
class LocateFrameSequence(LoadFrameSequence):
    """What :class:`LoadFrameSequence` gives, but for the frames.

    Only the head of the key frame's file is looked at, for its size.
    :class:`LoadTopdownCrops` is to follow.

    Required Keys:

        - frame_paths
        - frame_offsets, key_frame, frame_padded, img_path (optional)

    Added Keys:

        - img (an empty list)
        - those of :class:`LoadFrameSequence`

    Args:
        backend_args (dict, optional): The file backend. Defaults to None.

    Raises:
        FileNotFoundError: If the key frame's file does not exist.
        ValueError: If the clip does not come as ``frame_paths``, its keys
            disagree about T, or the key frame's file is no image.
    """

    def __init__(self, backend_args=None) -> None:
        super().__init__(backend_args=backend_args)

    def transform(self, results: dict) -> dict:
        """Complete a sample. See the class for the keys.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with no frames.
        """
        key = self._clip_key(results)
        if key != 'frame_paths':
            raise ValueError(
                'LocateFrameSequence is for image files, frame_paths; the '
                f'sample has its frames in {key}: use LoadFrameSequence')
        window = self._window(results, key)
        path = results['frame_paths'][window.key]
        size = self._image_size(path)
        results['img'] = []
        results['img_shape'] = results['ori_shape'] = size
        self._complete(results, key, window)
        return results

    def _image_size(self, path: str) -> Tuple[int, int]:
        """H and W of an image file, upright."""
        content = self.files.content(path, 'the key frame')
        try:
            with Image.open(io.BytesIO(content)) as image:
                width, height = image.size
                if image.getexif().get(_ORIENTATION) in _SIDEWAYS:
                    width, height = height, width
        except UnidentifiedImageError as error:
            raise ValueError(
                f'frame {path} cannot be decoded: {error}') from error
        return height, width


@TRANSFORMS.register_module()
class LoadTopdownCrops(TopdownAffine):
    """Load a clip's frames, as large as needed, and cut out the crop.

    A file is decoded to 1 / s of its size with the largest s, of 1, 2, 4 and
    8, that leaves a pixel for each of the input's: s <= (crop's width) / w.

    Required Keys:

        - those that :class:`LocateFrameSequence` adds
        - bbox_center, bbox_scale, and as
          :class:`mmpose.datasets.transforms.TopdownAffine`
        - flip, flip_direction (optional)

    Modified Keys:

        - img (list[np.ndarray], T arrays (h, w, 3), BGR)
        - bbox_scale

    Added Keys:

        - as :class:`mmpose.datasets.transforms.TopdownAffine`

    Args:
        input_size (tuple[int, int]): w and h.
        use_udp (bool): As of the stock transform. Defaults to False.
        max_reduction (int): The largest s. 1 gives the stock pixels.
            Defaults to 8.
        cache_frames (int): As of :class:`LoadFrameSequence`. Defaults to 0.
        backend_args (dict, optional): The file backend. Defaults to None.

    Raises:
        ValueError: If ``max_reduction`` is none of 1, 2, 4 and 8, the frames
            are there already, or one is of another size than the key frame.
        FileNotFoundError: If a frame's file does not exist.
    """

    def __init__(self,
                 input_size: Tuple[int, int],
                 use_udp: bool = False,
                 max_reduction: int = REDUCTIONS[-1],
                 cache_frames: int = 0,
                 backend_args=None) -> None:
        super().__init__(input_size=input_size, use_udp=use_udp)
        if max_reduction not in REDUCTIONS:
            raise ValueError(f'max_reduction must be one of {REDUCTIONS}, got '
                             f'{max_reduction!r}')
        self.max_reduction = max_reduction
        self.files = FrameFiles(backend_args=backend_args, keep=cache_frames)

    def transform(self, results: dict) -> dict:
        """Load and crop. See the class for the keys.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with its crops.
        """
        if results.get('img') != []:
            raise ValueError(
                f'{results.get("img_path")}: LoadTopdownCrops loads the '
                'frames itself, but the sample has img: put '
                'LocateFrameSequence first, not LoadFrameSequence')
        # with no frames: labels and the crop's keys
        results = super().transform(results)
        reduction = self.reduction(results['input_scale'])
        matrix = self._matrix(results)
        paths = results['frame_paths']
        frames = self.files.read(paths, repr(results.get('img_path')),
                                 reduction)
        results['img'] = [
            self._crop(frame, matrix,
                       self._reduction_of(frame, reduction, path, results),
                       results) for path, frame in zip(paths, frames)
        ]
        return results

    @staticmethod
    def _reduction_of(frame: np.ndarray, reduction: int, path: str,
                      results: dict) -> int:
        """What a frame has been reduced by: as asked, or by less."""
        height, width = results['img_shape']
        for s in REDUCTIONS[REDUCTIONS.index(reduction)::-1]:
            if frame.shape[:2] == (-(-height // s), -(-width // s)):
                return s
        raise ValueError(
            f'frame {path} has {frame.shape[1]}x{frame.shape[0]} pixels, '
            f'decoded to 1 / {reduction}; the key frame has {width}x{height} '
            'in full: all frames of a clip must be of one size')

    def reduction(self, scale: np.ndarray) -> int:
        """s for a crop.

        Args:
            scale (np.ndarray): The crop's width and height in pixels, (2, ).
        """
        ratio = scale[0] / self.input_size[0]
        return max(s for s in REDUCTIONS
                   if s == 1 or s <= min(ratio, self.max_reduction))

    def _matrix(self, results: dict) -> np.ndarray:
        """From pixels of the (flipped) frame to pixels of the input, 2x3."""
        rotation = results['bbox_rotation'][0] \
            if 'bbox_rotation' in results else 0.
        warp = get_udp_warp_matrix if self.use_udp else get_warp_matrix
        return warp(
            results['input_center'],
            results['input_scale'],
            rotation,
            output_size=self.input_size)

    def _crop(self, frame: np.ndarray, matrix: np.ndarray, reduction: int,
              results: dict) -> np.ndarray:
        directions: List[str] = []
        if results.get('flip'):
            found = results['flip_direction']
            directions = [found] if isinstance(found, str) else list(found)
        for direction in directions:
            frame = imflip(frame, direction=direction)
        if reduction > 1:
            # a reduced pixel's centre lies between those of its s pixels
            offset = np.full(2, (reduction - 1) / 2)
            # the last one stands for fewer, and is first in a flipped frame
            surplus = np.array(frame.shape[1::-1]) * reduction - \
                results['img_shape'][::-1]
            for direction in directions:
                axes = dict(
                    horizontal=[0], vertical=[1], diagonal=[0, 1])[direction]
                offset[axes] -= surplus[axes]
            matrix = np.column_stack([
                matrix[:, :2] * reduction,
                matrix[:, :2] @ offset + matrix[:, 2]
            ])
        return cv2.warpAffine(
            frame, matrix, tuple(self.input_size), flags=cv2.INTER_LINEAR)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(input_size={self.input_size}, '
                f'use_udp={self.use_udp}, '
                f'max_reduction={self.max_reduction}, '
                f'cache_frames={self.files.keep})')
