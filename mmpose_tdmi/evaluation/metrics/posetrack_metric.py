"""PoseTrack AP as a metric of the Runner.

The official AP (see ``evaluation/functional/poseval_ap.py``) on what a
top-down model predicts for the boxes of a PoseTrack18-format dataset. Unlike
the host's ``PoseTrack18Metric`` it needs neither the ``poseval`` package nor
the per-video files, and a prediction for an image that the annotation file
does not know is an error instead of an AP of 0.

Shape shorthand: M predicted persons of a data sample (1 for a top-down
model), K keypoints of the dataset's layout, J = 15 scored joints.
"""
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, MMLogger
from mmpose.registry import METRICS
from torch import Tensor

from mmpose_tdmi.utils.files import write_json

from ..functional import (POSEVAL_JOINTS, AnnotatedFrame, PoseFrame,
                          PosevalResult, joint_columns,
                          load_posetrack_annotations, poseval_ap)


@METRICS.register_module()
class PoseTrackMetric(BaseMetric):
    """PoseTrack AP of the seven joint groups and their mean.

    A frame is scored if it is labelled (``is_labeled`` absent or true) and
    has at least one annotated person; predictions in other frames are not
    looked at. A scored frame without predictions counts as missed.

    Args:
        ann_file (str, optional): Merged PoseTrack18-format json with the
            ground truth. By default the file of the evaluated dataset, as
            the host's datasets leave it in the message hub.
        score_mode (str): ``'keypoint_bbox'``, a joint's score is its heatmap
            maximum times the score of the person box: what the tables of
            TDMI and its predecessors use; ``'keypoint'``, the maximum alone,
            as in MMPose's metric. The choice only changes the ranking of
            predictions, which with boxes of score 1 is the same.
        box_source (str, optional): Where the person boxes come from, e.g.
            ``'gt'`` or the detection file: results are worth comparing only
            at the same boxes. By default what the dataset's metainfo says
            under ``box_source``; ``'not stated'`` otherwise.
        out_dir (str, optional): Folder for the predictions as official
            per-video json files, ``<video>.json``. Not written by default.
        format_only (bool): Write the files and evaluate nothing, for test
            splits whose annotations are not public. Needs ``out_dir``.
        collect_device (str): Where results of several processes are
            collected, ``'cpu'`` or ``'gpu'``.
        prefix (str, optional): Prefix of the results' names.

    Raises:
        ValueError: If an argument is not one of those described.
    """
    default_prefix: Optional[str] = 'posetrack'
    SCORE_MODES = ('keypoint_bbox', 'keypoint')

    def __init__(self,
                 ann_file: Optional[str] = None,
                 score_mode: str = 'keypoint_bbox',
                 box_source: Optional[str] = None,
                 out_dir: Optional[str] = None,
                 format_only: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if score_mode not in self.SCORE_MODES:
            raise ValueError(f'score_mode must be one of {self.SCORE_MODES}, '
                             f'got {score_mode!r}')
        if format_only and out_dir is None:
            raise ValueError('format_only needs out_dir, the folder for the '
                             'prediction files')
        self.ann_file = ann_file
        self.score_mode = score_mode
        self.box_source = box_source
        self.out_dir = out_dir
        self.format_only = format_only
        self._loaded: Tuple[Optional[str], Dict[int,
                                                AnnotatedFrame]] = (None, {})

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is scored of a batch's predictions.

        Args:
            data_batch: Not used.
            data_samples (Sequence[dict]): Outputs of the model with ``id``,
                ``img_id``, ``pred_instances`` (``keypoints`` (M, K, 2) in
                pixels of the image, ``keypoint_scores`` (M, K)) and the
                boxes' scores, ``bbox_scores`` (M, ), in ``pred_instances`` or
                ``gt_instances``.

        Raises:
            ValueError: If a field is missing, of the wrong shape or not
                finite.
        """
        for sample in data_samples:
            where = f'image id {sample["img_id"]}'
            predicted = sample['pred_instances']
            keypoints = _to_numpy(predicted['keypoints'])
            scores = _to_numpy(predicted['keypoint_scores'])
            if keypoints.shape[:2] != scores.shape or keypoints.shape[2] < 2:
                raise ValueError(
                    f'{where}: keypoints {keypoints.shape} and their scores '
                    f'{scores.shape} do not fit, expected (M, K, 2), (M, K)')
            keypoints = keypoints[..., :2]
            box_scores = _box_scores(sample, len(keypoints), where)
            if self.score_mode == 'keypoint_bbox':
                scores = scores * box_scores[:, None]
            if not (np.isfinite(keypoints).all()
                    and np.isfinite(scores).all()):
                raise ValueError(
                    f'{where}: the predicted keypoints or scores are not '
                    'finite; the model has diverged')
            self.results.append(
                dict(
                    id=int(sample['id']),
                    img_id=int(sample['img_id']),
                    keypoints=keypoints.astype(np.float32),
                    scores=scores.astype(np.float32),
                    box_scores=box_scores.astype(np.float32)))

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Score the collected predictions.

        Args:
            results (list[dict]): What :meth:`process` kept.

        Returns:
            dict[str, float]: ``Head``, ``Shoulder``, ``Elbow``, ``Wrist``,
            ``Hip``, ``Knee``, ``Ankle`` and ``mAP``, in percent; empty with
            ``format_only``.

        Raises:
            ValueError: If there are no predictions at all, or predictions
                for images that the annotation file does not list.
        """
        annotated = self._annotations()
        per_image = self._group(results, annotated)
        if self.out_dir is not None:
            self._write_predictions(annotated, per_image)
        if self.format_only:
            return {}
        columns = joint_columns(self._keypoint_names(), 'dataset metainfo')
        result = poseval_ap(
            _to_pose_frame(frame, per_image.get(frame.image_id, []), columns)
            for frame in annotated.values() if frame.scored)
        if result.num_frames == 0:
            raise ValueError(f'{self._loaded[0]}: no image is labelled and '
                             'has a person, there is nothing to score')
        self._report(result)
        return dict(result.groups(), mAP=result.mean)

    def _annotations(self) -> Dict[int, AnnotatedFrame]:
        """The ground truth, read when first needed."""
        path = self.ann_file
        if path is None:
            name = self._meta('dataset_name')
            path = MessageHub.get_current_instance().get_info(
                f'{name}_ann_file', None)
            if path is None:
                raise ValueError(
                    'PoseTrackMetric was given no ann_file and the dataset '
                    f'{name!r} did not name its own')
        if self._loaded[0] != path:
            self._loaded = (path, load_posetrack_annotations(path))
        return self._loaded[1]

    def _group(self, results: Sequence[dict],
               annotated: Dict[int, AnnotatedFrame]) -> Dict[int, List[dict]]:
        """Predictions per image, ordered by sample id, each id once."""
        if not results:
            raise ValueError('there are no predictions to score: the dataset '
                             f'gave no sample ({self._loaded[0]})')
        unknown = {r['img_id'] for r in results} - set(annotated)
        if unknown:
            raise ValueError(
                f'{len(unknown)} image ids of the predictions are not in '
                f'{self._loaded[0]}: {sorted(unknown)[:5]}; the file lists '
                f'ids like {list(annotated)[:3]}. Is it the annotation file '
                'of the evaluated dataset?')
        per_image: Dict[int, Dict[int, dict]] = {}
        # samples repeated to even out several processes share their id
        for result in sorted(results, key=lambda r: r['id']):
            per_image.setdefault(result['img_id'],
                                 {}).setdefault(result['id'], result)
        return {key: list(value.values()) for key, value in per_image.items()}

    def _report(self, result: PosevalResult) -> None:
        source = self._box_source()
        MessageHub.get_current_instance().update_info(
            f'{self.prefix}/box_source', source)
        columns = dict(result.groups(), Mean=result.mean)
        head = ' | '.join(f'{name:>8}' for name in columns)
        row = ' | '.join(f'{value:8.2f}' for value in columns.values())
        MMLogger.get_current_instance().info(
            f'PoseTrack AP, {result.num_frames} labelled frames, person '
            f'boxes: {source}, score: {self.score_mode}\n'
            f'| {head} |\n| {row} |')

    def _box_source(self) -> str:
        if self.box_source is not None:
            return self.box_source
        return str((self.dataset_meta or {}).get('box_source', 'not stated'))

    def _meta(self, key: str) -> Any:
        if self.dataset_meta is None or key not in self.dataset_meta:
            raise ValueError(f'PoseTrackMetric needs {key!r} of the dataset\'s'
                             f' metainfo, got {self.dataset_meta}')
        return self.dataset_meta[key]

    def _keypoint_names(self) -> List[str]:
        names = self._meta('keypoint_id2name')
        return [names[i] for i in range(len(names))]

    def _write_predictions(self, annotated: Dict[int, AnnotatedFrame],
                           per_image: Dict[int, List[dict]]) -> None:
        """One official json per video, all its frames in it."""
        names = self._keypoint_names()
        category = dict(
            id=1, name='person', supercategory='person', keypoints=names)
        videos: Dict[str, dict] = {}
        for frame in annotated.values():
            content = videos.setdefault(
                frame.video,
                dict(images=[], annotations=[], categories=[category]))
            content['images'].append(
                dict(id=frame.image_id, file_name=frame.file_name))
            content['annotations'] += _official_persons(
                frame.image_id, per_image.get(frame.image_id, []))
        for video, content in videos.items():
            write_json(Path(self.out_dir) / f'{video}.json', content)
        MMLogger.get_current_instance().info(
            f'predictions of {len(videos)} videos written to {self.out_dir}')


def _official_persons(image_id: int, predictions: List[dict]) -> List[dict]:
    persons: List[dict] = []
    for prediction in predictions:
        for keypoints, scores, box_score in zip(prediction['keypoints'],
                                                prediction['scores'],
                                                prediction['box_scores']):
            # unique in the frame, as the toolkit demands; no track
            person = len(persons)
            visible = np.ones((len(keypoints), 1))
            persons.append(
                dict(
                    image_id=image_id,
                    id=image_id * 100 + person,
                    category_id=1,
                    track_id=person,
                    keypoints=np.concatenate([keypoints, visible],
                                             axis=1).ravel(),
                    scores=scores,
                    score=box_score))
    return persons


def _to_pose_frame(frame: AnnotatedFrame, predictions: Sequence[dict],
                   columns: Sequence[int]) -> PoseFrame:
    num_joints = len(POSEVAL_JOINTS)
    keypoints = np.concatenate(
        [np.zeros((0, num_joints, 2))] +
        [p['keypoints'][:, columns] for p in predictions])
    scores = np.concatenate([np.zeros((0, num_joints))] +
                            [p['scores'][:, columns] for p in predictions])
    return PoseFrame(
        gt_keypoints=frame.keypoints,
        gt_present=frame.present,
        head_boxes=frame.head_boxes,
        pred_keypoints=keypoints,
        pred_present=np.ones(scores.shape, dtype=bool),
        pred_scores=scores,
        ignore_regions=frame.ignore_regions)


def _box_scores(sample: dict, num_persons: int, where: str) -> np.ndarray:
    for key in ('pred_instances', 'gt_instances'):
        if 'bbox_scores' in sample.get(key, {}):
            scores = _to_numpy(sample[key]['bbox_scores'])
            if scores.shape != (num_persons, ):
                raise ValueError(
                    f'{where}: {key}.bbox_scores has shape {scores.shape}, '
                    f'expected ({num_persons},)')
            return scores
    raise ValueError(f'{where}: the sample carries no bbox_scores, neither in '
                     'pred_instances nor in gt_instances')


def _to_numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)
