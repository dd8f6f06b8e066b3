"""What a call of the inferencer can be told.

Options that the tools for one video and for many have in common.
"""
import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Union

import torch
from torch import nn

from mmpose_tdmi.video.decoding import ON_CORRUPT
from mmpose_tdmi.video.results import OutputSettings
from mmpose_tdmi.video.results.exports import EXPORTS
from mmpose_tdmi.video.smoothing import SMOOTHERS
from mmpose_tdmi.video.streaming import (MODES, PRECISIONS, CropPolicy,
                                         StreamingPoseEstimator)
from mmpose_tdmi.video.tracking import TRACKERS
from .boxes import Boxes

PathLike = Union[str, Path]


@dataclass(frozen=True)
class InferenceSettings:
    """The keyword arguments of :class:`VideoPoseInferencer`'s calls.

    Args:
        boxes: The caller's own boxes, in place of the detector's: a detection
            file, a function, or a sequence or mapping with an entry per
            frame, see :func:`mmpose_tdmi.apis.open_boxes`. Boxes with ids
            keep them; others are tracked.
        ann_file (str | Path, optional): An annotation file that says which
            frames the image ids of a detection file are.
        mode (str): ``'offline'``, each frame of a person through the
            backbone once and a few frames of lookahead; ``'online'``,
            without lookahead, for models whose window has no future; or
            ``'naive'``, a crop for each box as in a test on a dataset.
            Defaults to ``'offline'``.
        det_interval (int): Every how many frames the detector, or a function
            given as ``boxes``, is asked. Defaults to 1.
        det_batch_size (int, optional): Frames per pass of the detector, which
            then looks at most 16 frames ahead. Defaults to ``None``: 1 online
            and with a camera, else 4 on a CPU and 8 elsewhere.
        tracker (str | dict, optional): See :func:`mmpose_tdmi.video.tracking.
            build_tracker`. Defaults to ``'iou'``.
        smoothing (str | dict, optional): See :func:`mmpose_tdmi.video.
            smoothing.build_smoother`. Defaults to ``None``, none.
        bbox_thr (float): The lowest score of boxes used. Defaults to 0.3.
        nms_thr (float, optional): IoU above which the detector's boxes
            suppress each other, after the detector's own suppression.
            Defaults to ``None``, not at all.
        kpt_thr (float): The lowest score of keypoints drawn. Defaults to
            0.3.
        batch_size (int, optional): Crops per pass of the model. Defaults to
            ``None``, 4 on a CPU and 16 elsewhere.
        flip_test (bool, optional): Whether a flipped copy is averaged in.
            Defaults to ``None``, what the config says.
        precision (str): In which number format the pose model predicts:
            ``'float32'``, ``'bfloat16'`` or ``'float16'``. Defaults to
            ``'float32'``.
        crop_policy (CropPolicy, optional): How long crops are kept. Defaults
            to ``None``, the policy's own defaults.
        pad_future (bool): Online, whether to pad a window's future. Defaults
            to ``False``.
        fps (float, optional): Frames per second of images and arrays.
            Defaults to ``None``: 25.
        on_corrupt (str): What is done about frames that do not decode:
            ``'skip'``, leave them out, or ``'raise'``. Defaults to
            ``'skip'``.
        out_dir (str | Path, optional): Where ``visualizations`` and
            ``predictions`` go. Defaults to ``None``: nothing is written.
        vis_out_dir (str | Path, optional): Where drawn videos go. Defaults to
            ``None``: ``<out_dir>/visualizations``.
        pred_out_dir (str | Path, optional): Where poses go. Defaults to
            ``None``: ``<out_dir>/predictions``.
        name (str, optional): What the outputs are called. Defaults to
            ``None``, as the input.
        formats (Sequence[str]): In which the poses are written: of
            ``'json'``, ``'csv'``, ``'posetrack'``, ``'coco'``. Defaults to
            json.
        overlay (bool): Whether to write a drawn video. Defaults to ``True``.
        report (bool): Whether to write a page to look at. Defaults to
            ``False``.
        return_vis (bool): Whether results carry the drawn frame. Defaults to
            ``False``.
        draw_heatmap (bool): Whether heatmaps are drawn. Defaults to
            ``False``.
        draw_motion (bool): Whether the motion feature is drawn. Defaults to
            ``False``.
        trail (int): How many frames the trails of persons last; 0: none.
            Defaults to 30.
        resume (bool): Whether to go on where an interrupted run with the
            same settings was. Defaults to ``False``.
    """
    boxes: Optional[Boxes] = None
    ann_file: Optional[PathLike] = None
    mode: str = 'offline'
    det_interval: int = 1
    det_batch_size: Optional[int] = None
    tracker: Union[str, dict, None] = 'iou'
    smoothing: Union[str, dict, None] = None
    bbox_thr: float = 0.3
    nms_thr: Optional[float] = None
    kpt_thr: float = 0.3
    batch_size: Optional[int] = None
    flip_test: Optional[bool] = None
    precision: str = 'float32'
    crop_policy: Optional[CropPolicy] = None
    pad_future: bool = False
    fps: Optional[float] = None
    on_corrupt: str = 'skip'
    out_dir: Optional[PathLike] = None
    vis_out_dir: Optional[PathLike] = None
    pred_out_dir: Optional[PathLike] = None
    name: Optional[str] = None
    formats: Sequence[str] = ('json', )
    overlay: bool = True
    report: bool = False
    return_vis: bool = False
    draw_heatmap: bool = False
    draw_motion: bool = False
    trail: int = 30
    resume: bool = False

    def build_estimator(self,
                        model: nn.Module,
                        needs_motion: bool = False) -> StreamingPoseEstimator:
        """What estimates the poses.

        Args:
            model (nn.Module): The pose model.
            needs_motion (bool): Whether the tracker looks at the motion
                feature. Defaults to ``False``.

        Raises:
            ValueError: If model and settings do not suit each other.
        """
        return StreamingPoseEstimator(
            model,
            mode=self.mode,
            batch_size=self.batch_size,
            crop_policy=self.crop_policy,
            flip_test=self.flip_test,
            pad_future=self.pad_future,
            output_heatmaps=self.draw_heatmap,
            output_motion=self.draw_motion or needs_motion,
            precision=self.precision)

    def detector_batch(self, device: torch.device, is_live: bool) -> int:
        """Frames per pass of the detector.

        Args:
            device (torch.device): Where it runs.
            is_live (bool): Whether frames come at their own time, so that
                waiting for some makes the others late.
        """
        if self.det_batch_size is not None:
            return self.det_batch_size
        if is_live or self.mode == 'online':
            return 1
        return 4 if device.type == 'cpu' else 8

    def output_settings(self) -> Optional[OutputSettings]:
        """Where and how results are written; None if they are not."""
        folders = dict(
            pred_out_dir=self._folder(self.pred_out_dir, 'predictions'),
            vis_out_dir=self._folder(self.vis_out_dir, 'visualizations'))
        if not any(folders.values()):
            return None
        return OutputSettings(
            **folders,
            formats=tuple(self.formats),
            overlay=self.overlay,
            report=self.report,
            kpt_thr=self.kpt_thr,
            trail=self.trail,
            draw_heatmap=self.draw_heatmap,
            draw_motion=self.draw_motion,
            resume=self.resume)

    def _folder(self, given: Optional[PathLike], name: str) -> Optional[Path]:
        if given is not None:
            return Path(given)
        return None if self.out_dir is None else Path(self.out_dir) / name

    def as_json(self) -> Dict[str, Any]:
        """dict: What poses depend on, beside models and boxes."""
        policy = self.crop_policy or CropPolicy()
        return dict(
            tracker=self.tracker,
            smoothing=self.smoothing,
            det_interval=self.det_interval,
            flip_test=self.flip_test,
            pad_future=self.pad_future,
            precision=self.precision,
            crop_policy=dataclasses.asdict(policy))


def add_people_options(parser: argparse.ArgumentParser) -> Any:
    """Add who is looked for and how, but for boxes from files.

    Args:
        parser (ArgumentParser): The tool's.

    Returns:
        The group of these options, for the tool's own.
    """
    people = parser.add_argument_group('people')
    people.add_argument('--det-config', help='config of a detector')
    people.add_argument('--det-checkpoint', help='its weights')
    people.add_argument(
        '--bbox-thr',
        type=float,
        default=0.3,
        help='lowest score of boxes used (default 0.3)')
    people.add_argument(
        '--det-nms-thr',
        type=float,
        help="IoU above which the detector's boxes suppress each other, in "
        "addition to the detector's own suppression")
    people.add_argument(
        '--det-cat-ids',
        type=int,
        nargs='+',
        help="indices among the detector's classes (default: its class "
        "'person')")
    people.add_argument(
        '--det-interval',
        type=int,
        default=1,
        metavar='N',
        help='detect on every N-th frame, carry boxes between (default 1)')
    people.add_argument(
        '--det-batch-size',
        type=int,
        help='frames per batch of the detector (default: 4 on a CPU, 8 on a '
        'GPU; 1 online and with a camera)')
    people.add_argument(
        '--tracker',
        choices=TRACKERS,
        default='iou',
        help='how people are recognised from frame to frame (default iou)')
    return people


def add_pose_options(parser: argparse.ArgumentParser) -> None:
    """Add how poses are estimated.

    Args:
        parser (ArgumentParser): The tool's.
    """
    poses = parser.add_argument_group('poses')
    poses.add_argument(
        '--mode',
        choices=MODES,
        default='offline',
        help='offline: each frame of a person through the backbone once, a '
        'few frames of lookahead (default); online: no lookahead, for models '
        'whose window has no future; naive: a crop per box, as in tests on '
        'data sets')
    poses.add_argument(
        '--smoothing', choices=SMOOTHERS, default='none', help='default none')
    poses.add_argument(
        '--batch-size', type=int, help='crops per batch (default: 4 on a CPU)')
    poses.add_argument(
        '--precision',
        choices=PRECISIONS,
        default='float32',
        help='number format of the pose model: bfloat16 pays on CPUs with AMX '
        'or AVX512-BF16 and on newer GPUs, float16 on GPUs (default float32)')


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add what is written, and what is done about bad frames.

    Args:
        parser (ArgumentParser): The tool's.
    """
    output = parser.add_argument_group('output')
    output.add_argument(
        '--formats',
        nargs='+',
        choices=list(EXPORTS),
        default=['json'],
        help='in which poses are written (default json)')
    output.add_argument(
        '--no-video', action='store_true', help='draw no video')
    output.add_argument(
        '--report', action='store_true', help='also write a page to look at')
    output.add_argument(
        '--kpt-thr',
        type=float,
        default=0.3,
        help='lowest score of keypoints drawn (default 0.3); all are in the '
        'json')
    output.add_argument(
        '--draw-heatmap', action='store_true', help='draw the heatmaps')
    output.add_argument(
        '--draw-motion',
        action='store_true',
        help="draw the model's motion feature")

    reading = parser.add_argument_group('reading')
    reading.add_argument(
        '--fps', type=float, help='of image files (default 25)')
    reading.add_argument(
        '--on-corrupt',
        choices=ON_CORRUPT,
        default='skip',
        help='what is done about frames that do not decode (default: leave '
        'them out)')


def check_people(parser: argparse.ArgumentParser,
                 args: argparse.Namespace) -> None:
    """End the tool unless it is told, in one way, where people are.

    Args:
        parser (ArgumentParser): The tool's.
        args (Namespace): With the tool's own option ``boxes``.
    """
    by_detector = bool(args.det_config), bool(args.det_checkpoint)
    if any(by_detector) != all(by_detector):
        parser.error('--det-config and --det-checkpoint belong together')
    if all(by_detector) == bool(args.boxes):
        parser.error('give either --det-config and --det-checkpoint or '
                     '--boxes: people are not looked for in any other way')


def model_arguments(args: argparse.Namespace) -> Dict[str, Any]:
    """The options as arguments of :class:`VideoPoseInferencer`.

    Args:
        args (Namespace): With ``config`` and ``checkpoint`` of the pose model.

    Returns:
        dict: All but the device.
    """
    return dict(
        pose2d=args.config,
        pose2d_weights=args.checkpoint,
        det_model=args.det_config,
        det_weights=args.det_checkpoint,
        det_cat_ids=args.det_cat_ids)


def call_arguments(args: argparse.Namespace) -> Dict[str, Any]:
    """The options as arguments of the inferencer's calls.

    Args:
        args (Namespace): The options added here.

    Returns:
        dict: See :class:`InferenceSettings`.
    """
    return dict(
        mode=args.mode,
        det_interval=args.det_interval,
        det_batch_size=args.det_batch_size,
        tracker=args.tracker,
        smoothing=args.smoothing,
        bbox_thr=args.bbox_thr,
        nms_thr=args.det_nms_thr,
        kpt_thr=args.kpt_thr,
        batch_size=args.batch_size,
        precision=args.precision,
        fps=args.fps,
        on_corrupt=args.on_corrupt,
        formats=args.formats,
        overlay=not args.no_video,
        report=args.report,
        draw_heatmap=args.draw_heatmap,
        draw_motion=args.draw_motion)
