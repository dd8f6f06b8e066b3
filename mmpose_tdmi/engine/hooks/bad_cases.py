"""How well single persons are posed, each by itself.

Data sets are scored by :mod:`mmpose_tdmi.evaluation`, where persons compete
for annotations. Here every predicted person has its annotation, and gets a
number in [0, 1], by which the worst ones are found.

Shape shorthand: K keypoints.

The worst posed persons of a test, as pictures and a table.

The host's bad-case hook compares coordinates by the loss of heatmaps, draws
the key frame alone and, for boxes of a detector, compares with dummy
keypoints. This one scores each person by PoseTrack's rule, OKS or PCK, finds
the annotations of detected persons, and shows the clip.

Shape shorthand: K keypoints.
"""
import heapq
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpose.evaluation.functional.nms import oks_iou
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_tdmi.evaluation.functional import head_sizes
from mmpose_tdmi.evaluation.functional.sequences import get_records, read_json
from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.visualization.clip_pictures import (MAPS, PosePainter,
                                                     clip_maps,
                                                     prediction_picture)
from .pictures import (picture_folder, read_image, sample_name, unwrapped,
                       write_picture)

#: A joint is right if it is off by at most so much: of the head size
#: (PoseTrack's PCKh@0.5), and of the longer side of the person's box.
HEAD_SHARE = 0.5
BOX_SHARE = 0.1


def annotated_joints(person: dict) -> np.ndarray:
    """x, y, visibility of an annotation, (K, 3), pixels of its image."""
    return np.asarray(person['keypoints'], float).reshape(-1, 3)


def oks_score(pose: np.ndarray, person: dict, sigmas: np.ndarray) -> float:
    """Object keypoint similarity to the annotation, by COCO's rule.

    Args:
        pose (np.ndarray): Predicted x, y in pixels of the image, (K, 2).
        person (dict): The annotation, with ``area`` or a box.
        sigmas (np.ndarray): The K joints' sigmas.

    Returns:
        float: In [0, 1], over the labelled joints.
    """
    joints = annotated_joints(person)
    labelled = joints[:, 2] > 0
    _, _, width, height = person['bbox']
    # 0.53: the host's share of a person in the box
    area = person.get('area') or 0.53 * width * height
    joints = np.column_stack((joints[labelled, :2], np.ones(labelled.sum())))
    pose = np.column_stack((pose[labelled], np.ones(labelled.sum())))
    return float(
        oks_iou(joints.ravel(),
                pose.ravel()[None], area, [area],
                np.asarray(sigmas)[labelled])[0])


def pck_score(pose: np.ndarray,
              person: dict,
              sigmas: Optional[np.ndarray] = None) -> float:
    """Share of labelled joints within 0.1 of the box's longer side.

    Args:
        pose (np.ndarray): Predicted x, y in pixels of the image, (K, 2).
        person (dict): The annotation, with its ``bbox``.
        sigmas: Not used.

    Returns:
        float: In [0, 1].
    """
    return _share_within(pose, person, BOX_SHARE * max(person['bbox'][2:]))


def posetrack_score(pose: np.ndarray,
                    person: dict,
                    sigmas: Optional[np.ndarray] = None) -> float:
    """Share of labelled joints that PoseTrack counts as found.

    Args:
        pose (np.ndarray): Predicted x, y in pixels of the image, (K, 2).
        person (dict): The annotation, with its ``bbox_head``.
        sigmas: Not used.

    Returns:
        float: In [0, 1]; a joint is found within half a head size.

    Raises:
        ValueError: If the annotation has no head box.
    """
    if 'bbox_head' not in person:
        raise ValueError(
            f'annotation {person.get("id")} has no bbox_head, which the '
            "'posetrack' score measures by: use 'oks' or 'pck'")
    x, y, width, height = person['bbox_head']
    size, = head_sizes(np.array([[x, y, x + width, y + height]], float))
    return _share_within(pose, person, HEAD_SHARE * size)


SCORES: Dict[str, Callable[..., float]] = dict(
    posetrack=posetrack_score, oks=oks_score, pck=pck_score)


class AnnotatedPersons:
    """The annotated persons of a file, for persons of a detector.

    Args:
        ann_file (str | Path): COCO-style annotation file.
        min_iou (float): Boxes that overlap by less belong to nobody. Defaults
            to 0.5.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an annotation file.
    """

    def __init__(self,
                 ann_file: Union[str, Path],
                 min_iou: float = 0.5) -> None:
        self.min_iou = min_iou
        self._persons: Dict[int, List[dict]] = defaultdict(list)
        records = get_records(
            read_json(ann_file), 'annotations', str(ann_file))
        for person in records:
            if has_joints(person):
                self._persons[person['image_id']].append(person)

    def find(self, image_id: int, box: np.ndarray) -> Optional[dict]:
        """The annotated person whose box fits best.

        Args:
            image_id (int): The image.
            box (np.ndarray): x1, y1, x2, y2 in its pixels, (4, ).

        Returns:
            dict | None: The annotation, or None if no box overlaps enough.
        """
        best, best_iou = None, self.min_iou
        for person in self._persons.get(image_id, ()):
            x, y, width, height = person['bbox']
            iou = _iou(np.asarray(box, float), x, y, x + width, y + height)
            if iou >= best_iou:
                best, best_iou = person, iou
        return best


def has_joints(person: dict) -> bool:
    """Whether an annotation has a box and labelled joints."""
    return bool(
        person.get('bbox') and person.get('keypoints')
        and (annotated_joints(person)[:, 2] > 0).any())


def _share_within(pose: np.ndarray, person: dict, limit: float) -> float:
    joints = annotated_joints(person)
    labelled = joints[:, 2] > 0
    distances = np.linalg.norm(pose[labelled] - joints[labelled, :2], axis=1)
    return float((distances <= limit).mean())


def _iou(box: np.ndarray, x1: float, y1: float, x2: float, y2: float) -> float:
    width = min(box[2], x2) - max(box[0], x1)
    height = min(box[3], y2) - max(box[1], y1)
    if width <= 0 or height <= 0:
        return 0.
    common = width * height
    areas = (box[2] - box[0]) * (box[3] - box[1]) + (x2 - x1) * (y2 - y1)
    return common / (areas - common)


@HOOKS.register_module()
class ClipBadCaseHook(Hook):
    """Find and draw a test's worst persons.

    Every tested person is scored against its annotation; those with a score
    of at most ``badcase_thr`` are bad cases. The ``max_cases`` worst are
    drawn after the test, the score leading the file's name, and all are
    listed, worst first, in ``results.json``. Detected persons that overlap no
    annotated one are counted and left out: false positives have no score.

    It takes the place of the host's hook, and ``tools/test.py --badcase``
    switches it on::

        default_hooks = dict(
            badcase=dict(
                _delete_=True, type='ClipBadCaseHook', metric='posetrack'))

    There ``metric`` must be set: the host's test tool fills in the head's
    loss otherwise.

    Args:
        enable (bool): Whether to look; ``--badcase`` sets it. Defaults to
            ``False``.
        show (bool): Show the pictures in a window, too. Defaults to
            ``False``.
        wait_time (float): For how many seconds. Defaults to 0, until a key.
        interval (int): Look at every so many-th person. Defaults to 1.
        kpt_thr (float): Keypoints of a lower score are not drawn. Defaults
            to 0.3.
        out_dir (str): Folder, below the run's own unless absolute. Defaults
            to ``'badcase'``.
        backend_args (dict, optional): File backend of the images.
        metric (str): ``'posetrack'`` (share of joints within half a head
            size), ``'oks'`` or ``'pck'`` (share of joints within 0.1 of the
            box's longer side). Defaults to ``'posetrack'``.
        badcase_thr (float): In [0, 1]. Defaults to 0.5.
        max_cases (int): How many are drawn at most, by each process.
            Defaults to 50.
        ann_file (str, optional): Annotations for detected persons. Defaults
            to None, those of the test's evaluator.
        maps (Sequence[str]): As of :class:`ClipVisualizationHook`.
        height (int): Height of frames in the pictures, pixels. Defaults to
            192.

    Raises:
        ValueError: If an option is out of range or unknown; when testing, if
            a person comes without annotation and no file is known.
    """

    def __init__(self,
                 enable: bool = False,
                 show: bool = False,
                 wait_time: float = 0.,
                 interval: int = 1,
                 kpt_thr: float = 0.3,
                 out_dir: str = 'badcase',
                 backend_args: Optional[dict] = None,
                 metric: str = 'posetrack',
                 badcase_thr: float = 0.5,
                 max_cases: int = 50,
                 ann_file: Optional[str] = None,
                 maps: Sequence[str] = ('heatmap', 'useful', 'noisy'),
                 height: int = 192) -> None:
        for name, value in (('interval', interval), ('max_cases', max_cases)):
            if isinstance(value,
                          bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f'{name} must be a positive integer, got '
                                 f'{value!r}')
        if not isinstance(metric, str) or metric not in SCORES:
            raise ValueError(
                f'metric must be one of {tuple(SCORES)}, got {metric!r} '
                "(MMPose's test tool fills in the head's loss where the "
                'config sets none)')
        if not 0 <= badcase_thr <= 1:
            raise ValueError('badcase_thr must be in [0, 1], got '
                             f'{badcase_thr!r}')
        unknown = sorted(set(maps) - set(MAPS))
        if unknown:
            raise ValueError(
                f'maps must be among {tuple(MAPS)}, got {unknown}')
        self.enable = enable
        self.show = show
        self.wait_time = wait_time
        self.interval = interval
        self.kpt_thr = kpt_thr
        self.out_dir = out_dir
        self.backend_args = backend_args
        self.metric = metric
        self.badcase_thr = badcase_thr
        self.max_cases = max_cases
        self.ann_file = ann_file
        self.maps = tuple(maps)
        self.height = height

    def before_test_epoch(self, runner: Runner) -> None:
        """Start anew."""
        self._annotated: Optional[AnnotatedPersons] = None
        self._seen = self._scored = 0
        self._cases: List[dict] = []
        # the worst, the best of them first; numbers break ties
        self._worst: List[Tuple] = []
        self._number = count()

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[PoseDataSample]) -> None:
        """Score a batch's persons."""
        if not self.enable:
            return
        sigmas = runner.test_evaluator.dataset_meta['sigmas']
        for clip, sample in zip(data_batch['inputs'], outputs):
            self._seen += 1
            if (self._seen - 1) % self.interval:
                continue
            person = self._annotation(runner, sample)
            if person is None:
                continue
            self._scored += 1
            pose = np.asarray(sample.pred_instances.keypoints[0])
            score = SCORES[self.metric](pose, person, sigmas)
            if score <= self.badcase_thr:
                self._keep(score, clip, sample, person)

    def after_test_epoch(self,
                         runner: Runner,
                         metrics: Optional[Dict[str, float]] = None) -> None:
        """Draw the worst and write the table."""
        if not self.enable:
            return
        folder = picture_folder(runner, self.out_dir)
        for _, _, clip, sample, record, joints in self._worst:
            self._draw(runner, folder / record['picture'], clip, sample,
                       joints)
        parts = all_gather_object((self._seen, self._scored, self._cases))
        if not is_main_process():
            return
        cases = sorted((case for part in parts for case in part[2]),
                       key=lambda case: case['score'])
        seen, scored = (sum(part[i] for part in parts) for i in (0, 1))
        write_json(
            folder / 'results.json',
            dict(
                metric=self.metric,
                badcase_thr=self.badcase_thr,
                persons=seen,
                scored=scored,
                cases=cases),
            indent=1)
        runner.logger.info(
            f'{len(cases)} of {scored} scored persons ({seen} tested) have '
            f'{self.metric} <= {self.badcase_thr}: {folder}')

    def _annotation(self, runner: Runner,
                    sample: PoseDataSample) -> Optional[dict]:
        """The person's annotation; None for a false positive."""
        person = sample.metainfo.get('raw_ann_info')
        if person is not None:
            return person if has_joints(person) else None
        if self._annotated is None:
            self._annotated = AnnotatedPersons(self._ann_file(runner))
        return self._annotated.find(sample.metainfo['img_id'],
                                    sample.pred_instances.bboxes[0])

    def _ann_file(self, runner: Runner) -> str:
        if self.ann_file is not None:
            return self.ann_file
        for metric in runner.test_evaluator.metrics:
            if getattr(metric, 'ann_file', None):
                return metric.ann_file
        raise ValueError(
            'ClipBadCaseHook needs annotations of the detected persons: the '
            "evaluator names no ann_file, give the hook's ann_file")

    def _keep(self, score: float, clip: Tensor, sample: PoseDataSample,
              person: dict) -> None:
        record = dict(
            score=score,
            img_path=sample.metainfo['img_path'],
            sample=sample.metainfo['id'],
            annotation=person.get('id'),
            track=person.get('track_id'),
            bbox=np.round(sample.pred_instances.bboxes[0], 1).tolist(),
            picture=None)
        self._cases.append(record)
        record['picture'] = f'{score:.3f}_{sample_name(sample)}.jpg'
        entry = (-score, next(self._number), clip, sample, record,
                 annotated_joints(person))
        if len(self._worst) < self.max_cases:
            heapq.heappush(self._worst, entry)
        else:
            dropped = heapq.heappushpop(self._worst, entry)
            dropped[4]['picture'] = None

    def _draw(self, runner: Runner, path: Path, clip: Tensor,
              sample: PoseDataSample, joints: np.ndarray) -> None:
        maps = clip_maps(unwrapped(runner.model), clip, sample, self.maps)
        painter = PosePainter(runner.test_evaluator.dataset_meta, self.height,
                              self.kpt_thr)
        picture = prediction_picture(
            read_image(sample, self.backend_args), clip, sample, painter, maps,
            joints)
        write_picture(path, picture)
        if self.show:
            Visualizer.get_current_instance().show(
                np.ascontiguousarray(picture[..., ::-1]),
                win_name=path.stem,
                wait_time=self.wait_time)
