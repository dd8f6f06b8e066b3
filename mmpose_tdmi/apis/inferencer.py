"""From a video to poses, in one object: the entry point for users.

Frames are decoded in the background; persons are detected and tracked, or come
from the caller; poses are estimated, smoothed, written, and given out frame by
frame. Each step pulls the one before and holds the frames that it must see
beforehand: everything is lazy and nothing grows with the video.

Shapes: H x W pixels of a frame.
"""
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import (Any, Callable, Dict, Iterator, List, Optional, Sequence,
                    Tuple, Union)

import numpy as np
import torch
from mmengine.config import Config
from mmpose.structures.bbox import bbox_xywh2xyxy
from tqdm import tqdm

from mmpose_tdmi.models.cost import fold_batch_norms
from mmpose_tdmi.utils.files import check_outputs
from mmpose_tdmi.video.decoding import (VideoSource, is_one_video, open_video,
                                        read_ahead, video_files, video_name)
from mmpose_tdmi.video.results import (VideoMeta, VideoResultWriter,
                                       open_writers)
from mmpose_tdmi.video.smoothing import (NoSmoother, PoseSmoother,
                                         build_smoother)
from mmpose_tdmi.video.streaming import (RENEWAL, ClipSettings,
                                         StreamingPoseEstimator)
from mmpose_tdmi.video.structures import FramePoses, TrackedBox
from mmpose_tdmi.video.tracking import (PersonTracker, PoseTracker,
                                        build_tracker)
from mmpose_tdmi.visualization import VideoDrawer
from .boxes import (BoxSource, DetectionAhead, FoundBoxes, FrameFailure,
                    PersonFinder, open_boxes, select_boxes)
from .models import Categories, PersonDetector, find_config, init_pose_model
from .settings import InferenceSettings, ModelSettings, config_name

#: Frames that smoothing is given to settle.
SETTLING = 60


@dataclass
class FrameResult:
    """A frame of a video with its poses.

    ``video`` is the video's name, ``poses`` index, time stamp, image and
    persons, ``visualization`` the drawn frame, (H, W, 3), uint8, BGR, where
    asked for.
    """
    video: str
    poses: FramePoses
    visualization: Optional[np.ndarray] = None

    @property
    def index(self) -> int:
        """int: The frame's index, 0-based."""
        return self.poses.index

    @property
    def image(self) -> np.ndarray:
        """np.ndarray: The frame, (H, W, 3), uint8, BGR."""
        return self.poses.image

    @property
    def file_name(self) -> Optional[str]:
        """str: An image file's name."""
        return self.poses.file_name

    @property
    def predictions(self) -> List[dict]:
        """list[dict]: The persons as plain values, in the form of
        ``MMPoseInferencer``'s predictions for an image (``bbox`` is a tuple of
        one list x1, y1, x2, y2), and ``track_id`` and ``bbox_source``."""
        return [
            dict(
                keypoints=person.keypoints.tolist(),
                keypoint_scores=person.scores.tolist(),
                bbox=([float(x) for x in person.box.bbox], ),
                bbox_score=float(person.box.score),
                track_id=person.box.track_id,
                bbox_source=person.box.source) for person in self.poses.persons
        ]


@dataclass
class VideoSummary:
    """What became of a video."""
    name: str  #: What its results are called.
    input: str  #: What was opened.
    num_frames: int = 0  #: Frames given out so far.
    num_persons: int = 0  #: Poses in them.
    num_skipped: int = 0  #: Frames that did not decode.
    num_detector_failures: int = 0  #: Frames that the detector failed on.
    #: The files written, once the video is finished.
    outputs: List[str] = field(default_factory=list)


class VideoPoseInferencer:
    """Poses of all people along videos.

    Arguments are called as those of ``MMPoseInferencer`` where they mean the
    same::

        inferencer = VideoPoseInferencer(
            'tdmi.py', 'tdmi.pth', det_model='det.py', det_weights='det.pth')
        for result in inferencer('video.mp4', out_dir='out'):
            print(result.index, result.predictions)

    Args:
        pose2d: The pose model's config: a path, the name of one of this
            package's, a model of MMPose by name or alias (``'human'``,
            ``'vitpose-b'``), or the config itself.
        pose2d_weights: Its checkpoint, file or URL. Defaults to ``None``: the
            one published for the name, see
            :func:`mmpose_tdmi.utils.checkpoints.fetch`.
        device: Where the models run. Defaults to ``None``: the first GPU if
            there is one, else the CPU.
        det_model: The config of a detector of MMDetection: a path, a name such
            as ``'rtmdet-m'`` or
            ``'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'``, or the
            config. ``'whole_image'`` takes each frame for one person's box.
            Defaults to ``None``: MMPose's detector for such poses, from the
            first call on that brings no boxes.
        det_weights: Its checkpoint, as for the pose model.
        det_cat_ids: Which of its classes, by name or index; None is the class
            ``'person'``.
        show_progress: Whether to show a bar.
        cfg_options: Changes to the pose model's config.
        fold_batch_norm: Whether batch normalisations are folded into
            convolutions: faster, with poses equal up to rounding.

    Attributes:
        model: The pose model.
        detector: The :class:`PersonDetector`, if any.
        summary: The :class:`VideoSummary` of the last or present video.

    Raises:
        FileNotFoundError: If a config or checkpoint does not exist.
        ValueError: If a checkpoint is not the model's.
    """

    def __init__(self,
                 pose2d: Union[str, Path, Config],
                 pose2d_weights: Union[str, Path, None] = None,
                 device: Optional[str] = None,
                 det_model: Union[str, Path, Config, None] = None,
                 det_weights: Union[str, Path, None] = None,
                 det_cat_ids: Optional[Categories] = None,
                 show_progress: bool = False,
                 cfg_options: Optional[dict] = None,
                 fold_batch_norm: bool = True) -> None:
        if device is None:
            device = 'cuda:0' if torch.cuda.is_available() else 'cpu'
        self.show_progress = show_progress
        self.summary: Optional[VideoSummary] = None
        config = find_config(pose2d, 'the config')
        models = ModelSettings(pose2d, pose2d_weights, cfg_options, det_model,
                               det_weights, det_cat_ids).resolved()
        self.model = init_pose_model(config, models.pose2d_weights, device,
                                     cfg_options)
        self._use(models, device)
        if fold_batch_norm:
            width, height = ClipSettings(self.model.cfg,
                                         self.model.dataset_meta).input_size
            fold_batch_norms(self.model, (height, width))

    def _use(self, models: ModelSettings, device: str) -> None:
        """Take settings with files for all weights, and their detector."""
        self.detector: Optional[PersonDetector] = None
        if models.det_weights is not None:
            self.detector = PersonDetector(
                models.det_model,
                models.det_weights,
                models.det_cat_ids,
                device=device)
        self._models, self._contents = models, models.contents()

    def __call__(self, inputs: Any, **kwargs) -> Iterator[FrameResult]:
        """Infer on a video or several, lazily.

        Args:
            inputs: What :func:`mmpose_tdmi.video.decoding.open_video` takes,
                or a list of such.
            **kwargs: See :class:`InferenceSettings`.

        Returns:
            The frames, video after video. Closing it early stops everything
            and publishes nothing of the video under way.
        """
        return self._iterate(*self._check(inputs, kwargs), [])

    def run(self, inputs: Any, **kwargs) -> List[VideoSummary]:
        """As :meth:`__call__`, to the end."""
        summaries: List[VideoSummary] = []
        for _ in self._iterate(*self._check(inputs, kwargs), summaries):
            pass
        return summaries

    def _check(self, inputs: Any,
               kwargs: dict) -> Tuple[List[Any], InferenceSettings]:
        """The videos, and what is to be done with them."""
        settings = InferenceSettings(**kwargs)
        videos = [inputs] if is_one_video(inputs) else list(inputs)
        if len(videos) > 1:
            if not (settings.boxes is None or callable(settings.boxes)):
                raise ValueError('boxes of one video were given for '
                                 f'{len(videos)} videos')
            if settings.name is not None:
                raise ValueError(f'name={settings.name!r} was given for '
                                 f'{len(videos)} videos')
        self._check_outputs(videos, settings)
        if settings.resume and callable(settings.boxes):
            raise ValueError(
                'resume=True with boxes that come from a function: nobody can '
                'tell whether it gives what it gave in the run that was '
                'interrupted. Give boxes as a file, a list or a mapping, or '
                'leave resume out')
        if self._models.det_model is None and settings.boxes is None:
            device = next(self.model.parameters()).device
            self._use(self._models.resolved(people=True), str(device))
        return videos, settings

    def _check_outputs(self, videos: Sequence[Any],
                       settings: InferenceSettings) -> None:
        """Refuse to write over what was given, or the same file twice."""
        outputs = settings.output_settings()
        names = Counter(settings.name or video_name(video) for video in videos)
        name, count = names.most_common(1)[0] if names else ('', 0)
        if count > 1:
            raise ValueError(
                f'several videos are called {name!r}: their results would '
                'overwrite each other')
        if outputs is not None:
            check_outputs(
                chain(*(outputs.files(name).values() for name in names)), [
                    *self._models.input_files(), *settings.input_files(),
                    *chain(*map(video_files, videos))
                ])

    def _iterate(self, videos: Sequence[Any], settings: InferenceSettings,
                 summaries: List[VideoSummary]) -> Iterator[FrameResult]:
        """One video after the other; their summaries go into a list."""
        for video in videos:
            with open_video(video, settings.fps,
                            settings.on_corrupt) as source:
                name = settings.name or source.name
                self.summary = VideoSummary(name, source.input)
                summaries.append(self.summary)
                yield from self._infer(source, settings, self.summary)

    def _infer(self, source: VideoSource, settings: InferenceSettings,
               summary: VideoSummary) -> Iterator[FrameResult]:
        """One video."""
        smoother = build_smoother(settings.smoothing)
        tracker = build_tracker(settings.tracker,
                                self.model.dataset_meta.get('sigmas'))
        estimator = settings.build_estimator(self.model, tracker.needs_motion)
        is_detecting = settings.boxes is None and self.detector is not None
        is_asked = is_detecting or callable(settings.boxes)
        boxes: BoxSource = _whole_image
        if settings.boxes is not None:
            boxes = open_boxes(settings.boxes, source, settings.bbox_thr,
                               settings.ann_file)
        outputs = settings.output_settings()
        with ExitStack() as stack:
            writer: Optional[VideoResultWriter] = None
            if outputs is not None:
                meta = self.describe(summary.name, source, estimator, settings)
                writer = stack.enter_context(open_writers(meta, outputs))
            resumption = Resumption(writer, _past(estimator, tracker,
                                                  smoother))
            ahead = None
            if is_detecting:

                def detect(images: Sequence[np.ndarray]) -> List[np.ndarray]:
                    return self.detector(images, settings.bbox_thr,
                                         settings.nms_thr)

                device = next(self.model.parameters()).device
                ahead = DetectionAhead(
                    detect, settings.detector_batch(device, source.is_live),
                    resumption.start)
                boxes = resumption.replay(lambda _, frame: detect([frame])[0])
            finder = PersonFinder(
                boxes, tracker, settings.det_interval if is_asked else 1,
                is_detecting, ahead, lambda found: select_boxes(
                    found, settings.roi, settings.max_people))
            draw = self._drawing(settings, writer)
            image_id = getattr(boxes, 'image_id', lambda index: None)
            frames = stack.enter_context(read_ahead(source))
            tracked = (
                frame for frame in finder.iterate(frames)
                if frame.index >= resumption.start)
            estimated = estimator.iterate_poses(tracked, source.frame_step)
            results = smoother.iterate(map(tracker.observe, estimated))
            if self.show_progress:
                results = tqdm(
                    results, summary.name, source.num_frames, unit='frame')
            for poses in results:
                if poses.index < resumption.first:
                    continue
                if writer is not None:
                    writer.write(poses, image_id(poses.index))
                summary.num_frames += 1
                summary.num_persons += len(poses.persons)
                summary.num_skipped = source.num_skipped
                summary.num_detector_failures = finder.num_failures
                yield FrameResult(summary.name, poses, draw(poses))
            summary.num_skipped = source.num_skipped
        if writer is not None:
            summary.outputs = [str(path) for path in writer.outputs]

    def describe(self, name: str, source: VideoSource,
                 estimator: StreamingPoseEstimator,
                 settings: InferenceSettings) -> VideoMeta:
        """What the results of a video say."""
        width, height = source.size
        return VideoMeta(
            input=source.input,
            name=name,
            width=width,
            height=height,
            fps=source.fps,
            num_frames=source.num_frames,
            pixel_aspect=source.pixel_aspect,
            dataset_meta=self.model.dataset_meta,
            config=config_name(self._models.pose2d),
            checkpoint=str(self._models.pose2d_weights),
            frame_offsets=estimator.window.offsets,
            padding=estimator.padding,
            mode=settings.mode,
            boxes=settings.describe_boxes(self._models),
            settings=dict(
                settings.as_json(), cfg_options=self._models.cfg_options),
            run=settings.describe_run(self._models, self._contents))

    def _drawing(
        self, settings: InferenceSettings, writer: Optional[VideoResultWriter]
    ) -> Callable[[FramePoses], Optional[np.ndarray]]:
        """What gives the drawn frame of a frame that has been written."""
        if not settings.return_vis:
            return lambda poses: None
        if writer is not None and 'overlay' in writer.settings.files('_'):
            return lambda poses: writer.last_drawn
        drawer = VideoDrawer(self.model.dataset_meta, **settings.drawing())
        return lambda poses: drawer.draw(poses, poses.image)


def _past(estimator: StreamingPoseEstimator, tracker: PersonTracker,
          smoother: PoseSmoother) -> int:
    """On how many frames before it a frame depends; -1: on all."""
    # poses decide on who is who; boxes without a pose are not stored
    if isinstance(tracker, PoseTracker) or estimator.every > 1:
        return -1
    past = -estimator.window.offsets[0]
    if estimator.window.num_frames > 1 and estimator.mode != 'naive':
        past += RENEWAL
    return past if isinstance(smoother, NoSmoother) else past + SETTLING


def _whole_image(index: int, frame: np.ndarray) -> List[TrackedBox]:
    height, width = frame.shape[:2]
    return [TrackedBox(0, (0., 0., float(width), float(height)), 1.)]


class Resumption:
    """How far an interrupted run got.

    The frames that are stored are decoded again, which is cheap, but not
    detected on: the tracker gets their stored boxes. The model starts at
    frame ``start``, ``past`` frames before the ``first`` one that is missing,
    for its window and smoothing; with -1 all is computed again.
    """

    def __init__(self, writer: Optional[VideoResultWriter], past: int) -> None:
        self.first = 0 if writer is None else writer.next_index
        self.start = 0 if past < 0 else max(0, self.first - past)
        self._stored: Iterator[Dict[str, Any]] = iter(
            writer.stored_frames() if self.start else ())

    def replay(self, detect: BoxSource) -> BoxSource:
        """A detector that is not asked about frames before :attr:`start`."""

        def find(index: int, frame: np.ndarray) -> FoundBoxes:
            if index >= self.start:
                return detect(index, frame)
            for record in self._stored:
                if record['frame'] == index:
                    return _detected(record['persons'])
            raise ValueError(
                f'frame {index} is not among the stored ones: the video has '
                'changed since the run that was interrupted')

        return find


def _detected(persons: Sequence[Dict[str, Any]]) -> np.ndarray:
    """The boxes that were detected, x1, y1, x2, y2, score, (n, 5)."""
    if any(person['source'] == 'carried' for person in persons):
        raise FrameFailure('it failed in the run that was interrupted')
    rows = np.array([[*p['bbox'], p['bbox_score']] for p in persons], float)
    return bbox_xywh2xyxy(rows.reshape(-1, 5))
