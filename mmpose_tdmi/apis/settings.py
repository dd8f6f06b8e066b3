"""The options of inference on videos, each declared once.

Fields of the dataclasses here are the keyword arguments of
:class:`VideoPoseInferencer` and of its calls; those with a flag are the
options of ``tools/infer_video.py``, ``infer_videos.py`` and
``detect_persons.py`` as well. What is written of a video is declared in
:class:`mmpose_tdmi.video.results.OutputSettings`.
"""
import argparse
import dataclasses
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union, get_args

import torch
from torch import nn

from mmpose_tdmi.utils.checkpoints import file_digest
from mmpose_tdmi.utils.files import PathLike
from mmpose_tdmi.video.decoding import ON_CORRUPT
from mmpose_tdmi.video.results import OutputSettings
from mmpose_tdmi.video.results.resume import digest_of
from mmpose_tdmi.video.results.writers import option
from mmpose_tdmi.video.smoothing import SMOOTHERS
from mmpose_tdmi.video.streaming import (MODES, PRECISIONS, RUNTIMES, TEMPORAL,
                                         CropPolicy, StreamingPoseEstimator)
from mmpose_tdmi.video.tracking import TRACKERS
from .boxes import Boxes, boxes_digest
from .models import (DEFAULT, Categories, ConfigLike, default_detector,
                     find_config, find_weights)

people = partial(option, group='people')
poses = partial(option, group='poses')
reading = partial(option, group='reading')


@dataclass(frozen=True)
class ModelSettings:
    """What an inferencer's models are made from: its arguments, see
    :class:`VideoPoseInferencer`."""
    pose2d: ConfigLike = option(
        DEFAULT,
        "pose model: a config's path or name, or one of MMPose's names and "
        f'aliases, such as vitpose-b (default: {DEFAULT})', '--config',
        '--pose')
    pose2d_weights: Optional[PathLike] = option(
        None, 'its weights, file or address (default: those published for '
        'its name)', '--checkpoint')
    cfg_options: Optional[dict] = None
    det_model: Optional[ConfigLike] = people(
        None, "detector: a config's path, or one of MMDetection's names and "
        "aliases, such as rtmdet-m (default: MMPose's own for such poses)",
        '--det-config', '--det')
    det_weights: Optional[PathLike] = people(
        None, 'its weights, file or address (default: those published for '
        'its name)', '--det-checkpoint')
    det_cat_ids: Optional[Categories] = people(
        None,
        "which of the detector's classes, by name or index (default: its "
        "class 'person')",
        nargs='+',
        type=lambda text: int(text) if text.isdigit() else text)

    def resolved(self, people: bool = False) -> 'ModelSettings':
        """The same, with the files of weights in place of names and addresses,
        which downloads them; and where ``people`` must be found, with MMPose's
        detector for such poses if none is given.

        Raises:
            ValueError: If there is no such detector.
        """
        pose_weights = find_weights(self.pose2d, self.pose2d_weights,
                                    'pose2d_weights')
        detector, det_weights = self.det_model, None
        if detector is None and people:
            detector = default_detector(find_config(self.pose2d, 'the config'))
            if detector is None:
                raise ValueError(
                    'people are not looked for by themselves with poses of '
                    'this kind: give det_model and det_weights, or boxes')
        if not (detector is None or detector == 'whole_image'):
            det_weights = find_weights(detector, self.det_weights,
                                       'det_weights', 'mmdet')
        return dataclasses.replace(
            self,
            pose2d_weights=pose_weights,
            det_model=detector,
            det_weights=det_weights)

    def input_files(self) -> List[Any]:
        """list: The files that are read, or what may be such."""
        return [
            self.pose2d, self.pose2d_weights, self.det_model, self.det_weights
        ]

    def contents(self) -> Dict[str, Any]:
        """dict: What the models are, whatever their files are called."""
        found = dict(
            config=_config_digest(self.pose2d),
            weights=file_digest(self.pose2d_weights),
            cfg_options=self.cfg_options)
        if self.det_weights is not None:
            found.update(
                det_config=_config_digest(self.det_model, 'mmdet'),
                det_weights=file_digest(self.det_weights))
        return found


def _config_digest(config: ConfigLike, scope: str = 'mmpose') -> str:
    """SHA-256 of a config with all of its bases."""
    return digest_of(find_config(config, 'the config', scope).to_dict())


@dataclass(frozen=True)
class ReadingSettings:
    """How :func:`mmpose_tdmi.video.decoding.open_video` opens a video."""
    fps: Optional[float] = reading(
        None, 'of image files and arrays (default 25) and of bare streams '
        'such as .h264')
    on_corrupt: str = reading(
        'skip',
        'what is done about frames that do not decode (default: leave them '
        'out)',
        choices=ON_CORRUPT)


@dataclass(frozen=True)
class InferenceSettings(ReadingSettings, OutputSettings):
    """The keyword arguments of :class:`VideoPoseInferencer`'s calls."""
    boxes: Optional[Boxes] = people(
        None,
        "boxes in place of the detector's: a COCO-style detection json, in "
        'Python also a function, or a sequence or mapping with an entry per '
        'frame, see mmpose_tdmi.apis.open_boxes. Boxes with ids keep them')
    ann_file: Optional[PathLike] = people(
        None,
        'annotation json that tells which file an image_id in --boxes is; by '
        'default that is a file_name there or the frame index')
    bbox_thr: float = people(.3, 'lowest score of boxes used (default 0.3)')
    nms_thr: Optional[float] = people(
        None, "IoU above which the detector's boxes suppress each other, in "
        "addition to the detector's own suppression", '--det-nms-thr')
    roi: Optional[Sequence[float]] = people(
        None,
        'people only whose box has its centre in this region, in pixels of '
        'the frame: left, top, right, bottom',
        type=float,
        nargs=4,
        metavar=('X1', 'Y1', 'X2', 'Y2'))
    max_people: Optional[int] = people(
        None,
        'at most so many people in a frame, those with the largest boxes',
        metavar='N')
    det_interval: int = people(
        1,
        'detect, or ask a function, on every N-th frame, carry boxes between '
        '(default 1)',
        metavar='N')
    det_batch_size: Optional[int] = people(
        None,
        'frames per batch of the detector, which looks at most 16 frames '
        'ahead (default: 4 on a CPU, 8 on a GPU; 1 online and with a camera)')
    tracker: Union[str, dict, None] = people(
        'iou',
        'how people are recognised from frame to frame (default iou), see '
        'mmpose_tdmi.video.tracking.build_tracker',
        choices=TRACKERS)
    mode: str = poses(
        'offline',
        'offline: each frame of a person through the backbone once, a few '
        'frames of lookahead (default); online: no lookahead, for models '
        'whose window has no future; naive: a crop per box, as in tests on '
        'data sets',
        choices=MODES)
    temporal: Optional[str] = poses(
        None,
        "mean: a single-frame model's heatmaps are averaged over five frames, "
        'which finds hidden joints and smears fast ones (default: each frame '
        'by itself)',
        choices=TEMPORAL)
    every: int = poses(
        1,
        'run the model on every N-th frame, as if there were no others, and '
        'put poses between on the line from one to the next (default 1)',
        metavar='N')
    smoothing: Union[str, dict, None] = poses(
        None,
        'default none, see mmpose_tdmi.video.smoothing.build_smoother',
        choices=SMOOTHERS,
        default='none')
    batch_size: Optional[int] = poses(
        None, 'crops per batch (default: 4 on a CPU, 16 elsewhere)')
    precision: str = poses(
        'float32',
        'number format of the pose model: bfloat16 pays on CPUs with AMX or '
        'AVX512-BF16 and on newer GPUs, float16 on GPUs; auto: what the '
        'device does well (default float32)',
        choices=PRECISIONS)
    backend: str = poses(
        'pytorch',
        'what runs the pose model: pytorch (default); onnxruntime, its '
        'graphs, which are made once and kept and give the same poses; auto: '
        'what is faster',
        choices=RUNTIMES)
    flip_test: Optional[bool] = option(
        None, 'whether a flipped copy is averaged in (default: what the '
        'config says)')
    crop_policy: Optional[CropPolicy] = option(
        None, "how long crops are kept (default: the policy's own defaults)")
    out_dir: Optional[PathLike] = option(
        None, 'where visualizations and predictions go (default: nothing is '
        'written)')
    name: Optional[str] = option(None, "outputs' name (default: the input's)",
                                 '--name')
    return_vis: bool = option(False, 'whether results carry the drawn frame')

    def __post_init__(self) -> None:
        self.check_formats()
        if self.max_people is not None and self.max_people < 1:
            raise ValueError('max_people must be at least 1, got '
                             f'{self.max_people}')
        if self.roi is not None and not (len(self.roi) == 4
                                         and self.roi[0] < self.roi[2]
                                         and self.roi[1] < self.roi[3]):
            raise ValueError('roi must be left, top, right, bottom, with left '
                             f'< right and top < bottom, got {self.roi}')

    def input_files(self) -> List[Any]:
        """list: The files that are read beside video and models, likewise."""
        return [self.boxes, self.ann_file]

    def build_estimator(self,
                        model: nn.Module,
                        needs_motion: bool = False) -> StreamingPoseEstimator:
        """What estimates the poses; ``needs_motion`` if the tracker looks at
        the motion feature."""
        return StreamingPoseEstimator(
            model,
            mode=self.mode,
            batch_size=self.batch_size,
            crop_policy=self.crop_policy,
            flip_test=self.flip_test,
            output_heatmaps=self.draw_heatmap,
            output_motion=self.draw_motion or needs_motion,
            precision=self.precision,
            temporal=self.temporal,
            every=self.every,
            backend=self.backend)

    def detector_batch(self, device: torch.device, is_live: bool) -> int:
        """Frames per pass of the detector; ``is_live`` if frames come at
        their own time, so that waiting for some makes the others late."""
        if self.det_batch_size is not None:
            return self.det_batch_size
        if is_live or self.mode == 'online':
            return 1
        return 4 if device.type == 'cpu' else 8

    def output_settings(self) -> Optional[OutputSettings]:
        """Where and how results are written; None if they are not."""
        names = [field.name for field in fields(OutputSettings)]
        values = {name: getattr(self, name) for name in names}
        for key, folder in (('pred_out_dir', 'predictions'),
                            ('vis_out_dir', 'visualizations')):
            if values[key] is None and self.out_dir is not None:
                values[key] = Path(self.out_dir) / folder
        if values['pred_out_dir'] is values['vis_out_dir'] is None:
            return None
        return OutputSettings(**values)

    def as_json(self) -> Dict[str, Any]:
        """dict: What poses depend on, beside models and boxes."""
        # runs from before there were these options go on as well
        chosen = {
            name: getattr(self, name)
            for name in ('temporal', 'roi', 'max_people', 'every', 'backend')
            if getattr(self, name) != getattr(InferenceSettings, name)
        }
        return dict(
            chosen,
            tracker=self.tracker,
            smoothing=self.smoothing,
            det_interval=self.det_interval,
            flip_test=self.flip_test,
            precision=self.precision,
            crop_policy=dataclasses.asdict(self.crop_policy or CropPolicy()))

    def describe_boxes(self, models: ModelSettings) -> Dict[str, Any]:
        """dict: Where the boxes come from, for who reads the results."""
        if isinstance(self.boxes, (str, Path)):
            return dict(
                file=str(self.boxes),
                sha256=file_digest(self.boxes),
                ann_file=None if self.ann_file is None else str(self.ann_file),
                score_thr=self.bbox_thr)
        if self.boxes is not None:
            return dict(given=type(self.boxes).__name__)
        if models.det_weights is None:
            return dict(det_model=config_name(models.det_model))
        return dict(
            det_model=config_name(models.det_model),
            det_weights=str(models.det_weights),
            det_cat_ids=models.det_cat_ids,
            score_thr=self.bbox_thr,
            nms_thr=self.nms_thr)

    def describe_run(self, models: ModelSettings,
                     contents: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """All that poses depend on beside the video, with the models'
        ``contents()``; None if boxes come from a function, of which nobody
        can tell what it gives."""
        boxes: Dict[str, Any] = dict(
            score_thr=self.bbox_thr,
            nms_thr=self.nms_thr,
            det_cat_ids=models.det_cat_ids)
        if isinstance(self.boxes, (str, Path)):
            boxes.update(file=file_digest(self.boxes))
            if self.ann_file is not None:
                boxes.update(ann_file=file_digest(self.ann_file))
        elif callable(self.boxes):
            return None
        elif self.boxes is not None:
            boxes.update(given=boxes_digest(self.boxes))
        else:
            boxes.update(whole_image=models.det_weights is None)
        return dict(
            self.as_json(),
            models=contents,
            boxes=boxes,
            mode=self.mode,
            fps=self.fps,
            on_corrupt=self.on_corrupt)


def config_name(config: Any) -> str:
    """What results call a config."""
    return str(getattr(config, 'filename', config))


def add_options(parser: argparse.ArgumentParser,
                *kinds: type,
                without: Sequence[str] = (),
                **changes: Dict[str, Any]) -> None:
    """Add the options of settings to a tool, in their groups, ``without``
    some fields and with changed arguments of argparse for others."""
    groups: Dict[str, Any] = {'': parser}
    for field in [field for kind in kinds for field in fields(kind)]:
        flags, kwargs = _command_line(field)
        if not flags or field.name in without:
            continue
        group = field.metadata['group']
        if group not in groups:
            groups[group] = parser.add_argument_group(group)
        kwargs.update(changes.get(field.name, {}))
        groups[group].add_argument(*flags, **kwargs)


def read_options(args: argparse.Namespace, kind: type) -> Dict[str, Any]:
    """The options as keyword arguments: those that the tool has."""
    found = {}
    for field in fields(kind):
        flags, _ = _command_line(field)
        key = ''.join(flags[:1])[2:].replace('-', '_')
        if flags and hasattr(args, key):
            value = getattr(args, key)
            # a switch that is on by default is turned off by its option
            found[field.name] = not value if field.default is True else value
    return found


def _command_line(
        field: dataclasses.Field) -> Tuple[Sequence[str], Dict[str, Any]]:
    """A field's flags, if any, and the arguments for argparse."""
    metadata = field.metadata
    if not (metadata.get('flag') or metadata.get('group')):
        return [], {}
    flags = metadata['flag'] or [f'--{field.name.replace("_", "-")}']
    kwargs = dict(default=field.default, help=metadata['help'])
    if isinstance(field.default, bool):
        kwargs.update(default=False, action='store_true')
    for number in (int, float):
        # declared as the number, or as an optional one, or several
        if number in (field.type, *get_args(field.type)):
            kwargs.update(type=number)
    return flags, dict(kwargs, **metadata['kwargs'])


def check_people(parser: argparse.ArgumentParser,
                 args: argparse.Namespace) -> None:
    """End the tool if it is told in two ways, or half, where people are."""
    if args.det_checkpoint and not args.det_config:
        parser.error('--det-checkpoint has the weights of --det-config')
    if args.det_config and args.boxes:
        parser.error('--det-config and --boxes both tell where people are: '
                     'give one of them')


InferenceSettings.__doc__ = '\n'.join([
    f'{InferenceSettings.__doc__}\n\n    Args:',
    *(f'        {field.name}: {"False: " * (field.default is True)}'
      f'{field.metadata["help"]}. Defaults to ``{field.default!r}``.'
      for field in fields(InferenceSettings))
])
