"""Options that the tools for one video and for many have in common.

Shape shorthand: none.
"""
import argparse
from typing import Any, Dict

from mmpose_tdmi.video.decoding import ON_CORRUPT
from mmpose_tdmi.video.results.exports import EXPORTS
from mmpose_tdmi.video.smoothing import SMOOTHERS
from mmpose_tdmi.video.streaming import MODES, PRECISIONS
from mmpose_tdmi.video.tracking import TRACKERS


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
