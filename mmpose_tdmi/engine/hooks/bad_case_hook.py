"""The worst posed persons of a test, as pictures and a table.

The host's bad-case hook compares coordinates by the loss of heatmaps, draws
the key frame alone and, for boxes of a detector, compares with dummy
keypoints. This one scores each person by PoseTrack's rule, OKS or PCK, finds
the annotations of detected persons, and shows the clip.

Shape shorthand: K keypoints.
"""
import heapq
from itertools import count
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_tdmi.tooling.sample_scores import (SCORES, AnnotatedPersons,
                                               annotated_joints, has_joints)
from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.visualization.clip_pictures import PosePainter
from mmpose_tdmi.visualization.feature_maps import MAPS, clip_maps
from mmpose_tdmi.visualization.sample_picture import prediction_picture
from .visualization_hook import (picture_folder, read_image, sample_name,
                                 unwrapped, write_picture)


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
