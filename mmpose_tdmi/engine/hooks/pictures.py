"""What people look at: pictures of clips, and of a test's worst persons.

The host's hooks draw the key frame alone, and compare coordinates by the loss
of heatmaps and detected boxes with dummy keypoints. These two take their
options, so that ``tools/test.py``'s ``--show-dir`` and ``--badcase`` work as
ever, and show clip, heatmaps and the paper's motion features (Section 3.2).
"""
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import mmcv
import mmengine.fileio as fileio
import numpy as np
import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmpose.engine.hooks import PoseVisualizationHook
from mmpose.evaluation.functional.nms import oks_iou
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample
from torch import Tensor
from torchvision.ops import box_iou

from mmpose_tdmi.datasets.coco_json import CocoFile, check, read_json
from mmpose_tdmi.evaluation.functional import head_sizes
from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.visualization.clip_pictures import (MAPS, PosePainter,
                                                     clip_maps,
                                                     prediction_picture,
                                                     training_picture,
                                                     write_picture)
from .safeguards import check_integers, unwrapped


def _sample_name(sample: PoseDataSample) -> str:
    path = Path(sample.metainfo['img_path'])
    return f'{path.parent.name}_{path.stem}_id{sample.metainfo["id"]}'


@HOOKS.register_module()
class ClipVisualizationHook(PoseVisualizationHook):
    """Draw clips with predictions, heatmaps and motion features.

    In validation the first sample of every ``interval``-th batch is drawn, in
    tests every ``interval``-th sample, in training the first sample of every
    ``train_interval``-th iteration. Pictures of tests go to ``out_dir`` if it
    is given, all others to the visualiser's backends. Maps come from another
    run of the drawn clip, unflipped, in eval mode.

    Args:
        enable: Whether to draw; ``--show-dir`` sets it.
        interval, train_interval: See above; 0 in training draws none.
        kpt_thr: Keypoints of a lower score are not drawn.
        show: Show pictures in a window.
        wait_time: For how many seconds; 0 waits for a key.
        out_dir: Folder for a test's pictures, below the run's own folder
            unless absolute; ``<video>_<frame>_id<sample>.jpg`` in it.
        backend_args: File backend of the images.
        maps: Which to draw: ``'heatmap'``, ``'motion'`` (M), ``'useful'``
            (Mu), ``'noisy'`` (Mn), ``'visual'`` (V), ``'fused'``; those that
            the model's head does not make are left out.
        height: Height of frames in the pictures, pixels.
    """

    def __init__(self,
                 enable: bool = False,
                 interval: int = 50,
                 kpt_thr: float = 0.3,
                 show: bool = False,
                 wait_time: float = 0.,
                 out_dir: Optional[str] = None,
                 backend_args: Optional[dict] = None,
                 train_interval: int = 0,
                 maps: Sequence[str] = ('heatmap', 'useful', 'noisy'),
                 height: int = 192) -> None:
        check_integers(1, interval=interval)
        check_integers(0, train_interval=train_interval)
        check_integers(16, height=height)
        unknown = sorted(set(maps) - set(MAPS))
        if unknown:
            raise ValueError(f'maps must be among {tuple(MAPS)}, '
                             f'got {unknown}')
        super().__init__(enable, interval, kpt_thr, show, wait_time, out_dir,
                         backend_args)
        self.train_interval = train_interval
        self.maps = tuple(maps)
        self.height = height

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        if (not self.enable or not self.train_interval
                or not self.every_n_train_iters(runner, self.train_interval)):
            return
        clip, sample = data_batch['inputs'][0], data_batch['data_samples'][0]
        maps = clip_maps(unwrapped(runner), clip, sample, self.maps)
        self._give('train_img',
                   training_picture(clip, sample, maps, self.height),
                   runner.iter + 1)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence[PoseDataSample]) -> None:
        if self.enable and batch_idx % self.interval == 0:
            picture = self._picture(runner, runner.val_evaluator,
                                    data_batch['inputs'][0], outputs[0])
            self._give('val_img', picture, runner.iter + batch_idx)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[PoseDataSample]) -> None:
        for clip, sample in self._every(data_batch, outputs):
            picture = self._picture(runner, runner.test_evaluator, clip,
                                    sample)
            if self.out_dir is None:
                self._give('test_img', picture, self._test_index)
                continue
            name = _sample_name(sample)
            write_picture(self._folder(runner) / f'{name}.jpg', picture)
            if self.show:
                self._give(name, picture, self._test_index)

    def _folder(self, runner: Runner) -> Path:
        return Path(runner.work_dir) / runner.timestamp / self.out_dir

    def _every(
        self, data_batch: dict, outputs: Sequence[PoseDataSample]
    ) -> Iterator[Tuple[Tensor, PoseDataSample]]:
        """The clips and samples that are looked at."""
        if not self.enable:
            return
        for clip, sample in zip(data_batch['inputs'], outputs):
            self._test_index += 1
            if (self._test_index - 1) % self.interval == 0:
                yield clip, sample

    def _picture(self, runner: Runner, evaluator: Evaluator, clip: Tensor,
                 sample: PoseDataSample, *truth: np.ndarray) -> np.ndarray:
        path = sample.metainfo['img_path']
        image = mmcv.imfrombytes(
            fileio.get(path, backend_args=self.backend_args))
        if image is None:
            raise ValueError(f'{path} cannot be decoded as an image')
        return prediction_picture(
            image, clip, sample,
            PosePainter(evaluator.dataset_meta, self.height, self.kpt_thr),
            clip_maps(unwrapped(runner), clip, sample, self.maps), *truth)

    def _give(self, name: str, picture: np.ndarray, step: int) -> None:
        picture = np.ascontiguousarray(picture[..., ::-1])
        if self.show:
            self._visualizer.show(
                picture, win_name=name, wait_time=self.wait_time)
        else:
            self._visualizer.add_image(name, picture, step)


def score_of(metric: str, pose: np.ndarray, person: dict,
             sigmas: np.ndarray) -> float:
    """A pose's score in [0, 1] over the labelled joints of its annotation;
    x, y of the K joints in pixels of the image, (K, 2), and their sigmas."""
    joints = _joints_of(person)
    labelled = joints[:, 2] > 0
    pose, joints = pose[labelled], joints[labelled, :2]
    if metric == 'oks':
        width, height = person['bbox'][2:]
        # 0.53: the host's share of a person in the box
        area = person.get('area') or 0.53 * width * height
        ones = np.ones(len(pose))
        similarity = oks_iou(
            np.column_stack((joints, ones)).ravel(),
            np.column_stack((pose, ones)).ravel()[None], area, [area],
            sigmas[labelled])
        return float(similarity[0])
    limit = 0.1 * max(person['bbox'][2:])
    if metric == 'posetrack':  # PCKh@0.5
        if 'bbox_head' not in person:
            raise ValueError(
                f'annotation {person.get("id")} has no bbox_head, which the '
                "'posetrack' score measures by: use 'oks' or 'pck'")
        x, y, width, height = person['bbox_head']
        head = np.array([[x, y, x + width, y + height]], float)
        limit = 0.5 * head_sizes(head)[0]
    return float((np.linalg.norm(pose - joints, axis=1) <= limit).mean())


def _joints_of(person: dict) -> np.ndarray:
    """x, y, visibility of an annotation, (K, 3), pixels of its image."""
    return np.asarray(person['keypoints'], float).reshape(-1, 3)


def _has_joints(person: dict) -> bool:
    return bool(
        person.get('bbox') and person.get('keypoints')
        and (_joints_of(person)[:, 2] > 0).any())


@HOOKS.register_module()
class ClipBadCaseHook(ClipVisualizationHook):
    """Find and draw a test's worst persons.

    Every tested person is scored against its annotation; those of at most
    ``badcase_thr`` are bad cases. The ``max_cases`` worst are drawn after the
    test, the score leading the file's name, and all are listed, worst first,
    in ``results.json``. Detected persons that overlap no annotated one by an
    IoU of 0.5 are counted and left out: false positives have no score.

    It takes the place of the host's hook (``tools/test.py --badcase``), whose
    ``metric`` must be set, or the host's tool fills in the head's loss::

        default_hooks = dict(
            badcase=dict(
                _delete_=True, type='ClipBadCaseHook', metric='posetrack'))

    Args:
        enable: Whether to look; ``--badcase`` sets it.
        show, wait_time, kpt_thr, backend_args, maps, height: As of
            :class:`ClipVisualizationHook`.
        interval: Look at every so many-th person.
        out_dir: Folder, below the run's own unless absolute.
        metric: ``'posetrack'`` (share of joints within half a head size),
            ``'oks'``, or ``'pck'`` (within 0.1 of the box's longer side).
        badcase_thr: In [0, 1].
        max_cases: How many are drawn at most, by each process.
        ann_file: Annotations for detected persons, by default the evaluator's.
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
        check_integers(1, max_cases=max_cases)
        if metric not in ('posetrack', 'oks', 'pck'):
            raise ValueError(
                f"metric must be 'posetrack', 'oks' or 'pck', got {metric!r} "
                "(MMPose's test tool fills in the head's loss where the "
                'config sets none)')
        if not 0 <= badcase_thr <= 1:
            raise ValueError('badcase_thr must be in [0, 1], got '
                             f'{badcase_thr!r}')
        super().__init__(enable, interval, kpt_thr, False, wait_time, out_dir,
                         backend_args, 0, maps, height)
        self.show = show  # with it the host's hook takes the run's backends
        self.metric = metric
        self.badcase_thr = badcase_thr
        self.max_cases = max_cases
        self.ann_file = ann_file

    def after_val_iter(self, *args: Any, **kwargs: Any) -> None:
        """Tests alone are looked at."""

    def before_test_epoch(self, runner: Runner) -> None:
        self._annotated: Optional[Dict[int, List[dict]]] = None
        self._test_index = self._scored = 0
        self._cases: List[dict] = []
        # the worst first; of equal ones the last
        self._worst: List[Tuple] = []

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[PoseDataSample]) -> None:
        for clip, sample in self._every(data_batch, outputs):
            person = self._annotation(runner, sample)
            if person is None:
                continue
            self._scored += 1
            score = score_of(
                self.metric,
                np.asarray(sample.pred_instances.keypoints[0]), person,
                np.asarray(runner.test_evaluator.dataset_meta['sigmas']))
            if score <= self.badcase_thr:
                self._keep(score, clip, sample, person)

    def after_test_epoch(self,
                         runner: Runner,
                         metrics: Optional[Dict[str, float]] = None) -> None:
        if not self.enable:
            return
        folder = self._folder(runner)
        for place, (clip, sample, record, joints) in enumerate(self._worst):
            picture = self._picture(runner, runner.test_evaluator, clip,
                                    sample, joints)
            path = folder / f'{record["score"]:.3f}_{_sample_name(sample)}.jpg'
            record['picture'] = path.name
            write_picture(path, picture)
            if self.show:
                self._give(path.stem, picture, place)
        parts = all_gather_object(
            (self._test_index, self._scored, self._cases))
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
            return person if _has_joints(person) else None
        if self._annotated is None:
            path = self._ann_file(runner)
            self._annotated = defaultdict(list)
            content = read_json(path)
            check(content, CocoFile, path)
            for person in content['annotations']:
                if _has_joints(person):
                    self._annotated[person['image_id']].append(person)
        persons = self._annotated.get(sample.metainfo['img_id'])
        if not persons:
            return None
        boxes = torch.tensor([person['bbox'] for person in persons]).double()
        boxes[:, 2:] += boxes[:, :2]
        detected = torch.as_tensor(sample.pred_instances.bboxes[:1]).double()
        iou, best = box_iou(detected, boxes)[0].max(dim=0)
        return persons[int(best)] if iou >= 0.5 else None

    def _ann_file(self, runner: Runner) -> str:
        metrics = runner.test_evaluator.metrics
        for holder in (self, *metrics):
            if getattr(holder, 'ann_file', None):
                return str(holder.ann_file)
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
        entry = (clip, sample, record, _joints_of(person))
        self._worst = sorted([entry, *self._worst],
                             key=lambda entry: entry[2]['score'])
        del self._worst[self.max_cases:]
