"""Poses along a video at one backbone pass per person and frame.

Three modes:

- ``'offline'``: a frame's poses come when its window is there and, where a
  crop must be chosen, the crop policy's lookahead: a few frames late.
- ``'online'``: a frame's poses come before the next frame is asked for. The
  model must be one for it: its window must not reach into the future. With
  ``pad_future`` a model of another window is taken too, and every frame is
  treated as the video's last, which the config's padding fills up; such a
  window is one that the model rarely saw in training.
- ``'naive'``: a crop for every box and T backbone passes for each, as a test
  on a dataset does it: the reference.

Memory is bounded, whatever the video's length: frames of the window's span,
the lookahead and a batch, and features of the first and last of these.
A change of the frames' size ends a video and starts another: no window
crosses it.

Shape shorthand: T frames of a window, H x W pixels of a frame.
"""
from itertools import groupby
from typing import Iterable, Iterator, Optional, Tuple

import numpy as np
from torch import nn

from ..structures import FramePoses, TrackedFrame
from .clip_settings import ClipSettings
from .crop_policy import CropPolicy
from .stats import StreamingStats
from .video_pass import VideoPass
from .window_model import WindowModel

MODES = ('offline', 'online', 'naive')


class StreamingPoseEstimator:
    """Estimates the poses of tracked persons along a video.

    Args:
        model (nn.Module): A top-down estimator of this package with ``cfg``
            and ``dataset_meta``, as :func:`mmpose_tdmi.apis.init_pose_model`
            gives it. Window, padding and pipeline are those of its config's
            test dataset.
        mode (str): ``'offline'``, ``'online'`` or ``'naive'``. Defaults to
            ``'offline'``.
        batch_size (int, optional): Crops per pass of the backbone and windows
            per pass of neck and head, of any persons and frames. Defaults to
            ``None``: 4 on a CPU, where the maps of more leave the caches, 16
            elsewhere.
        crop_policy (CropPolicy, optional): How long crops are kept. Defaults
            to ``None``, the policy's own defaults. Not used by ``'naive'``.
        flip_test (bool, optional): Whether a flipped copy is averaged in.
            Defaults to ``None``, what the model's ``test_cfg`` says.
        pad_future (bool): Online, whether to pad a window's future. Defaults
            to ``False``: such a window is an error.
        output_heatmaps (bool): Whether poses carry heatmaps. Defaults to
            ``False``.
        output_motion (bool): Whether poses carry the neck's motion feature.
            Defaults to ``False``.
        precision (str): In which number format the model predicts:
            ``'float32'``, ``'bfloat16'`` or ``'float16'``, see
            :class:`Precision`. Defaults to ``'float32'``.

    Attributes:
        window (FrameWindow): The model's window.
        padding (str): What stands in for frames that do not exist.
        stats (StreamingStats): Counts of the last :meth:`iterate_poses`.

    Raises:
        ValueError: If an argument is not one of those described, the config
            does not say how samples are made, or the window does not suit
            the mode.
    """

    def __init__(self,
                 model: nn.Module,
                 mode: str = 'offline',
                 batch_size: Optional[int] = None,
                 crop_policy: Optional[CropPolicy] = None,
                 flip_test: Optional[bool] = None,
                 pad_future: bool = False,
                 output_heatmaps: bool = False,
                 output_motion: bool = False,
                 precision: str = 'float32') -> None:
        if mode not in MODES:
            raise ValueError(f'mode must be one of {MODES}, got {mode!r}')
        if batch_size is None:
            device = next(model.parameters()).device
            batch_size = 4 if device.type == 'cpu' else 16
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        self.model = model
        self.mode = mode
        self.batch_size = batch_size
        self.crop_policy = crop_policy or CropPolicy()
        self.settings = ClipSettings(model.cfg, model.dataset_meta)
        self.window = self.settings.window
        self.padding = self.settings.padding
        if mode == 'online' and self.window.offsets[-1] > 0 and not pad_future:
            raise ValueError(
                f"mode='online' cannot see frames to come, but the config's "
                f'window is {self.window.offsets}: use a model whose offsets '
                "are at most 0, mode='offline', or pad_future=True, which "
                f'pads the future ({self.padding!r}) at the cost of accuracy')
        self.window_model = WindowModel(model, self.window.key, flip_test,
                                        output_heatmaps, output_motion,
                                        precision)
        self.stats = StreamingStats()

    @property
    def lookahead(self) -> int:
        """int: Frames that are seen beyond a frame before its poses are."""
        if self.mode == 'online':
            return 0
        future = self.window.offsets[-1]
        if self.moves_features:
            # crops of all of a window's frames come before its poses
            return self.crop_lookahead + future
        return max(self.crop_lookahead, future)

    @property
    def crop_lookahead(self) -> int:
        """int: Frames that are seen beyond a frame before its crop is
        chosen."""
        if self.mode == 'online':
            return 0
        future = self.window.offsets[-1]
        if self.mode == 'naive':
            return future
        ahead = self.crop_policy.lookahead
        # its window waits for as many anyway, unless it has to wait for
        # their crops, too
        return ahead if self.moves_features else max(ahead, future)

    @property
    def moves_features(self) -> bool:
        """bool: Whether features are moved between crops at renewals."""
        return self.mode != 'naive' and self.crop_policy.renewal == 'warp'

    def iterate_poses(
            self,
            tracked_frames: Iterable[TrackedFrame],
            frame_step: int = 1) -> Iterator[Tuple[FramePoses, np.ndarray]]:
        """Estimate the poses of all frames of a video.

        Args:
            tracked_frames (Iterable[TrackedFrame]): The frames in order of
                time; read as needed, :attr:`lookahead` and at most
                ``batch_size`` frames ahead of those given out.
            frame_step (int): Difference of the numbers of frames that follow
                each other. Defaults to 1.

        Returns:
            Iterator[tuple[FramePoses, np.ndarray]]: Each frame's poses, in
            order, and the frame itself, (H, W, 3), uint8, BGR.

        Raises:
            ValueError: While iterating, if frames do not ascend or are no
                BGR images, a track occurs twice in a frame, or a box has no
                area.
        """
        if frame_step < 1:
            raise ValueError(
                f'frame_step must be at least 1, got {frame_step}')
        self.stats = StreamingStats()
        return self._iterate(tracked_frames, frame_step, self.stats)

    def _iterate(
            self, tracked_frames: Iterable[TrackedFrame], frame_step: int,
            stats: StreamingStats) -> Iterator[Tuple[FramePoses, np.ndarray]]:
        for _, frames in groupby(_checked(tracked_frames), _size):
            video = VideoPass(self, frame_step, stats)
            for frame in frames:
                video.add(frame)
                yield from video.finished()
            video.end()
            yield from video.finished()


def _size(frame: TrackedFrame) -> Tuple[int, ...]:
    return frame.image.shape


def _checked(frames: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
    """The frames, if they are as they must be."""
    last = None
    for frame in frames:
        if frame.image.ndim != 3 or frame.image.shape[2] != 3:
            raise ValueError(
                f'frame {frame.index}: expected a BGR image (H, W, 3), got '
                f'{frame.image.shape}')
        if last is not None and frame.index <= last:
            raise ValueError(f'frame {frame.index} follows frame {last}: '
                             'frames must come in order of time')
        last = frame.index
        tracks = [box.track_id for box in frame.persons]
        if len(set(tracks)) < len(tracks):
            raise ValueError(
                f'frame {frame.index}: a track_id occurs twice among '
                f'{tracks}: a person has one box in a frame')
        yield frame
