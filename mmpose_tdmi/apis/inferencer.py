"""From a video to poses, in one object: the entry point for users.

Frames are decoded once, in order, in the background; persons are detected and
tracked, or come from the caller; their poses are estimated with each frame of
a person going through the backbone once; poses are smoothed where asked for,
written, and given out frame by frame. Everything is lazy and nothing grows
with the video.

Shape shorthand: H x W pixels of a frame.
"""
from contextlib import ExitStack
from pathlib import Path
from typing import (Any, Callable, Iterator, List, Optional, Sequence, Set,
                    Tuple, Union)

import numpy as np
import torch
from mmengine.config import Config
from tqdm import tqdm

from mmpose_tdmi.models.batch_norm_folding import fold_batch_norms
from mmpose_tdmi.video.decoding import (VideoSource, is_one_video, open_video,
                                        read_ahead)
from mmpose_tdmi.video.results import VideoResultWriter, open_writers
from mmpose_tdmi.video.smoothing import (NoSmoother, PoseSmoother,
                                         build_smoother)
from mmpose_tdmi.video.streaming import ClipSettings, StreamingPoseEstimator
from mmpose_tdmi.video.structures import FramePoses, TrackedBox
from mmpose_tdmi.video.tracking import (PersonTracker, PoseTracker,
                                        build_tracker)
from mmpose_tdmi.visualization import VideoDrawer
from .detection_ahead import DetectBatch, DetectionAhead
from .given_boxes import open_boxes
from .inference_settings import InferenceSettings
from .model_names import find_config
from .person_boxes import BoxSource, FileBoxes
from .person_detector import PersonDetector
from .person_finder import PersonFinder
from .pose_chain import PoseChain
from .pose_model import init_pose_model
from .resuming import SETTLING, Resumption
from .run_description import ModelDescription
from .video_results import FrameResult, VideoSummary

#: How many decoded frames may wait for the model.
READ_AHEAD = 8
WHOLE_IMAGE = 'whole_image'
Draw = Callable[[FramePoses, np.ndarray], Optional[np.ndarray]]


class VideoPoseInferencer:
    """Poses of all people along videos.

    Arguments are called as those of ``MMPoseInferencer`` where they mean the
    same::

        inferencer = VideoPoseInferencer(
            'tdmi.py', 'tdmi.pth', det_model='det.py', det_weights='det.pth')
        for result in inferencer('video.mp4', out_dir='out'):
            print(result.index, result.predictions)

    Args:
        pose2d (str | Path | Config): The pose model's config: a path, the
            name of one of this package's, or the config itself.
        pose2d_weights (str | Path): Its checkpoint, file or URL.
        device (str, optional): Where the models run. Defaults to ``None``:
            the first GPU if there is one, else the CPU.
        det_model (str | Path | Config, optional): The config of a detector of
            MMDetection: a path, a name such as
            ``'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'``, or the config.
            ``'whole_image'`` takes each frame for one person's box. Defaults
            to ``None``: each call brings its boxes.
        det_weights (str | Path, optional): Its checkpoint, file or URL.
        det_cat_ids (int | Sequence[int], optional): Indices of the person's
            classes among the detector's. Defaults to ``None``, the class
            ``'person'``.
        show_progress (bool): Whether to show a bar. Defaults to ``False``.
        cfg_options (dict, optional): Changes to the pose model's config.
        fold_batch_norm (bool): Whether the pose model's batch normalisations
            are folded into its convolutions: faster, with poses equal up to
            rounding. Defaults to ``True``.

    Attributes:
        model (nn.Module): The pose model.
        detector (PersonDetector, optional): The detector.
        summary (VideoSummary, optional): Of the last or present video.

    Raises:
        FileNotFoundError: If a config or checkpoint does not exist.
        ValueError: If a checkpoint is not the model's, or ``det_weights`` are
            missing.
    """

    def __init__(self,
                 pose2d: Union[str, Path, Config],
                 pose2d_weights: Union[str, Path],
                 device: Optional[str] = None,
                 det_model: Union[str, Path, Config, None] = None,
                 det_weights: Union[str, Path, None] = None,
                 det_cat_ids: Union[int, Sequence[int], None] = None,
                 show_progress: bool = False,
                 cfg_options: Optional[dict] = None,
                 fold_batch_norm: bool = True) -> None:
        if device is None:
            device = 'cuda:0' if torch.cuda.is_available() else 'cpu'
        self.show_progress = show_progress
        self.summary: Optional[VideoSummary] = None
        self._models = ModelDescription(pose2d, pose2d_weights, cfg_options,
                                        det_model, det_weights, det_cat_ids)
        config = find_config(pose2d, 'the config')
        self.detector: Optional[PersonDetector] = None
        if det_model is not None and det_model != WHOLE_IMAGE:
            if det_weights is None:
                raise ValueError(
                    f'det_weights of {det_model} are needed: a detector '
                    'without weights gives random boxes')
            self.detector = PersonDetector(
                find_config(det_model, "the detector's config"),
                det_weights,
                'person' if det_cat_ids is None else det_cat_ids,
                device=device)
        self.model = init_pose_model(config, pose2d_weights, device,
                                     cfg_options)
        if fold_batch_norm:
            width, height = ClipSettings(self.model.cfg,
                                         self.model.dataset_meta).input_size
            fold_batch_norms(self.model, (height, width))

    def __call__(self, inputs: Any, **kwargs) -> Iterator[FrameResult]:
        """Infer on a video or several, lazily.

        Args:
            inputs: What :func:`mmpose_tdmi.video.decoding.open_video` takes,
                or a list of such.
            **kwargs: See :class:`InferenceSettings`.

        Returns:
            Iterator[FrameResult]: The frames in order, of one video after
            the other. Closing it early stops everything and publishes
            nothing of the video under way.

        Raises:
            FileNotFoundError: If a video or file does not exist.
            ValueError: If an argument or what is read is not as described.
        """
        return self._iterate(*self._check(inputs, kwargs), [])

    def run(self, inputs: Any, **kwargs) -> List[VideoSummary]:
        """Infer on a video or several, to the end.

        Args:
            inputs: See :meth:`__call__`.
            **kwargs: See :meth:`__call__`.

        Returns:
            list[VideoSummary]: What became of each video.
        """
        summaries: List[VideoSummary] = []
        for _ in self._iterate(*self._check(inputs, kwargs), summaries):
            pass
        return summaries

    def _check(self, inputs: Any,
               kwargs: dict) -> Tuple[List[Any], InferenceSettings]:
        """The videos, and what is to be done with them."""
        settings = InferenceSettings(**kwargs)
        if self._models.det_model is None and settings.boxes is None:
            raise ValueError('people are not looked for by themselves: give '
                             'det_model and det_weights, or boxes')
        videos = [inputs] if is_one_video(inputs) else list(inputs)
        if len(videos) > 1 and not (settings.boxes is None
                                    or callable(settings.boxes)):
            raise ValueError(f'boxes of one video were given for '
                             f'{len(videos)} videos')
        if len(videos) > 1 and settings.name is not None:
            raise ValueError(f'name={settings.name!r} was given for '
                             f'{len(videos)} videos')
        return videos, settings

    def _iterate(self, videos: Sequence[Any], settings: InferenceSettings,
                 summaries: List[VideoSummary]) -> Iterator[FrameResult]:
        """One video after the other; their summaries go into a list."""
        names: Set[str] = set()
        for video in videos:
            with open_video(video, settings.fps,
                            settings.on_corrupt) as source:
                if settings.name is not None:
                    source.name = settings.name
                if source.name in names:
                    raise ValueError(
                        f'several videos are called {source.name!r}: their '
                        'results would overwrite each other')
                names.add(source.name)
                self.summary = VideoSummary(source.name, source.input)
                summaries.append(self.summary)
                yield from self._infer(source, settings, self.summary)

    def _infer(self, source: VideoSource, settings: InferenceSettings,
               summary: VideoSummary) -> Iterator[FrameResult]:
        """One video."""
        smoother = build_smoother(settings.smoothing)
        tracker = build_tracker(settings.tracker,
                                self.model.dataset_meta.get('sigmas'))
        estimator = settings.build_estimator(self.model, tracker.needs_motion)
        boxes = self._open_boxes(source, settings)
        outputs = settings.output_settings()
        with ExitStack() as stack:
            writer: Optional[VideoResultWriter] = None
            if outputs is not None:
                meta = self._models.meta(source, estimator, settings)
                writer = stack.enter_context(open_writers(meta, outputs))
            resumption = Resumption(writer, _past(estimator, tracker,
                                                  smoother))
            is_detecting = settings.boxes is None
            is_asked = is_detecting or callable(settings.boxes)
            finder = PersonFinder(
                resumption.replay(boxes) if is_detecting else boxes, tracker,
                settings.det_interval if is_asked else 1, is_detecting,
                self._look_ahead(source, settings, resumption.start))
            chain = PoseChain(finder, tracker, estimator, smoother,
                              source.frame_step, resumption.start)
            draw = self._drawing(settings, writer)
            frames = stack.enter_context(read_ahead(source, READ_AHEAD))
            results = chain.iterate(frames)
            if self.show_progress:
                results = tqdm(
                    results,
                    desc=source.name,
                    unit='frame',
                    total=source.num_frames)
            for decoded, poses, image in results:
                if poses.index < resumption.first:
                    continue
                if writer is not None:
                    writer.write(poses, image, decoded.file_name,
                                 _image_id(boxes, poses.index))
                summary.num_frames += 1
                summary.num_persons += len(poses.persons)
                summary.num_skipped = source.num_skipped
                summary.num_detector_failures = finder.num_failures
                yield FrameResult(source.name, poses, image, decoded.file_name,
                                  draw(poses, image))
            summary.num_skipped = source.num_skipped
        if writer is not None:
            summary.outputs = [str(path) for path in writer.outputs]

    def _open_boxes(self, source: VideoSource,
                    settings: InferenceSettings) -> BoxSource:
        """Where the persons' boxes come from."""
        if settings.boxes is not None:
            return open_boxes(settings.boxes, source, settings.bbox_thr,
                              settings.ann_file)
        if self.detector is None:
            return _whole_image
        detect = self._detect_with(settings)
        return lambda _, frame: detect([frame])[0]

    def _look_ahead(self, source: VideoSource, settings: InferenceSettings,
                    first: int) -> Optional[DetectionAhead]:
        """The detector, to look at several frames at once from one on."""
        if settings.boxes is not None or self.detector is None:
            return None
        device = next(self.model.parameters()).device
        return DetectionAhead(
            self._detect_with(settings),
            settings.detector_batch(device, source.is_live), first)

    def _detect_with(self, settings: InferenceSettings) -> DetectBatch:
        return lambda images: self.detector(images, settings.bbox_thr, settings
                                            .nms_thr)

    def _drawing(self, settings: InferenceSettings,
                 writer: Optional[VideoResultWriter]) -> Draw:
        """What gives the drawn frame of a frame that has been written."""
        if not settings.return_vis:
            return lambda poses, image: None
        outputs = settings.output_settings()
        if outputs is not None and outputs.vis_out_dir and outputs.overlay:
            return lambda poses, image: writer.last_drawn
        return VideoDrawer(
            self.model.dataset_meta,
            kpt_thr=settings.kpt_thr,
            trail=settings.trail,
            heatmap=settings.draw_heatmap,
            motion=settings.draw_motion).draw


def _past(estimator: StreamingPoseEstimator, tracker: PersonTracker,
          smoother: PoseSmoother) -> int:
    """On how many frames before it a frame depends; -1: on all."""
    if isinstance(tracker, PoseTracker):
        return -1  # poses decide on who is who
    past = -estimator.window.offsets[0]
    return past if isinstance(smoother, NoSmoother) else past + SETTLING


def _whole_image(index: int, frame: np.ndarray) -> List[TrackedBox]:
    height, width = frame.shape[:2]
    return [TrackedBox(0, (0., 0., float(width), float(height)), 1.)]


def _image_id(boxes: BoxSource, index: int) -> Optional[int]:
    return boxes.image_id(index) if isinstance(boxes, FileBoxes) else None
