"""Loading of a clip's frames.

Shape shorthand: T frames of a clip, H x W pixels of the original frame.
"""
from typing import List, Optional

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.video import VideoReader
from .frame_files import FrameFiles, unshared


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
        self._reader: Optional[VideoReader] = None

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
        if self._reader is None or self._reader.path != path:
            if self._reader is not None:
                self._reader.close()
            self._reader = VideoReader(path)
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
