"""PoseTrack's metrics within the Runner.

The official AP, MOTA and HOTA (see ``evaluation/functional``) of what a
top-down model predicts for the boxes of a PoseTrack dataset. Unlike the
host's ``PoseTrack18Metric`` it needs neither the ``poseval`` package nor the
per-video files, and a prediction for an image that the annotation file does
not know is an error instead of an AP of 0.

Shape shorthand: M predicted persons of a data sample (1 for a top-down
model), K keypoints of the dataset's layout, J = 15 scored joints.
"""
from typing import Any, Dict, List, Optional, Sequence, Tuple

from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, MMLogger
from mmpose.registry import METRICS

from ..evaluator import PoseTrackEvaluator, PoseTrackScores, format_scores
from ..functional import (POSEVAL_JOINTS, AnnotatedSequence, joint_columns,
                          load_annotations)
from .predictions import (OUT_FORMATS, SCORE_MODES, ResultSpool,
                          VideoPredictions, group_by_video, read_prediction,
                          write_predictions)

#: What the DCPose family writes for a frame without detections.
_DUMMY_JOINT, _DUMMY_SCORE = 'right_ankle', -100.


@METRICS.register_module()
class PoseTrackMetric(BaseMetric):
    """PoseTrack AP of the joint groups and their mean, MOTA and HOTA.

    A frame is scored if it is labelled (``is_labeled`` absent or true) and
    has at least one annotated person; predictions in other frames are not
    looked at. A scored frame without predictions counts as missed.

    Results are kept in a temporary file while the model runs: of each sample
    its keypoints and scores, nothing else of what the model returned.

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
        metrics (Sequence[str]): ``'ap'``, ``'mota'``, ``'hota'``. The last
            two need samples with a track: ``track_ids`` (M, ) in
            ``pred_instances`` or ``gt_instances``, or ``track_id`` in the
            sample itself.
        presence (str): Which frames and joints count, ``'poseval'``
            (PoseTrack17 and 18) or ``'posetrack21'``; see
            :func:`~mmpose_tdmi.evaluation.scored_frames`.
        unlabelled (str): ``'skip'`` or ``'score'`` frames that are marked as
            not labelled but have persons.
        hota_as_released (bool): Count frames without predictions as
            PoseTrack21's released evaluator does.
        dummy_for_empty (bool): Give each frame without detections a right
            ankle at (0, 0) with score -100, as the DCPose family does. It is
            the last in the ranking, but for MOTA such a frame is no longer
            one without predictions.
        out_format (str): Format of the files in ``out_dir``,
            ``'posetrack18'`` (PoseTrack18 and 21) or ``'posetrack17'``.
        collect_dir (str, optional): Folder by which processes exchange
            results, as in :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If an argument is not one of those described.
    """
    default_prefix: Optional[str] = 'posetrack'
    SCORE_MODES = SCORE_MODES

    def __init__(self,
                 ann_file: Optional[str] = None,
                 score_mode: str = 'keypoint_bbox',
                 box_source: Optional[str] = None,
                 out_dir: Optional[str] = None,
                 format_only: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 metrics: Sequence[str] = ('ap', ),
                 presence: str = 'poseval',
                 unlabelled: str = 'skip',
                 hota_as_released: bool = True,
                 dummy_for_empty: bool = False,
                 out_format: str = 'posetrack18',
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(
            collect_device=collect_device,
            prefix=prefix,
            collect_dir=collect_dir)
        for name, value, allowed in (('score_mode', score_mode,
                                      self.SCORE_MODES),
                                     ('out_format', out_format, OUT_FORMATS)):
            if value not in allowed:
                raise ValueError(
                    f'{name} must be one of {allowed}, got {value!r}')
        if format_only and out_dir is None:
            raise ValueError('format_only needs out_dir, the folder for the '
                             'prediction files')
        self._evaluation: Dict[str, Any] = dict(
            metrics=tuple(metrics),
            presence=presence,
            unlabelled=unlabelled,
            hota_as_released=hota_as_released)
        PoseTrackEvaluator(**self._evaluation)  # refuse wrong options now
        self.ann_file = ann_file
        self.score_mode = score_mode
        self.box_source = box_source
        self.out_dir = out_dir
        self.out_format = out_format
        self.format_only = format_only
        self.dummy_for_empty = dummy_for_empty
        self._spool = ResultSpool()
        self._loaded: Tuple[Optional[str],
                            Dict[str, AnnotatedSequence]] = (None, {})

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
            self._spool.append(read_prediction(sample, self.score_mode))

    def evaluate(self, size: int) -> Dict[str, float]:
        """Gather the results of all processes and score them.

        Args:
            size (int): Number of samples of the dataset.

        Returns:
            dict[str, float]: As :meth:`compute_metrics`, names with the
            prefix.
        """
        self.results = self._spool.take()
        return super().evaluate(size)

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Score the collected predictions.

        Args:
            results (list[dict]): What :meth:`process` kept.

        Returns:
            dict[str, float]: In percent. With the metric ``'ap'``:
            ``Head``, ``Shoulder``, ``Elbow``, ``Wrist``, ``Hip``, ``Knee``,
            ``Ankle`` and ``mAP``; with ``'mota'``: ``MOTA`` and ``MOTP``;
            with ``'hota'``: ``HOTA``, ``DetA``, ``AssA`` and ``LocA``. Empty
            with ``format_only``.

        Raises:
            ValueError: If there are no predictions at all, or predictions
                for images that the annotation file does not list.
        """
        videos = self._annotations()
        per_video = self._per_video(results, videos)
        names = self._keypoint_names()
        columns = joint_columns(names, 'dataset metainfo')
        if self.dummy_for_empty:
            dummy = columns[POSEVAL_JOINTS.index(_DUMMY_JOINT)]
            per_video = {
                name: predicted.with_dummies(dummy, _DUMMY_SCORE)
                for name, predicted in per_video.items()
            }
        if self.out_dir is not None:
            self._write(per_video, names)
        if self.format_only:
            return {}
        evaluator = PoseTrackEvaluator(**self._evaluation)
        for name, predicted in per_video.items():
            evaluator.add(videos[name], predicted.joints(columns))
        try:
            scores = evaluator.result()
        except ValueError as error:
            raise ValueError(f'{self._loaded[0]}: {error}') from error
        self._report(scores)
        return _figures(scores)

    def _annotations(self) -> Dict[str, AnnotatedSequence]:
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
            self._loaded = (path, load_annotations(path))
        return self._loaded[1]

    def _per_video(
            self, results: Sequence[dict],
            videos: Dict[str,
                         AnnotatedSequence]) -> Dict[str, VideoPredictions]:
        """Each video's predictions with all K keypoints."""
        if not results:
            raise ValueError('there are no predictions to score: the dataset '
                             f'gave no sample ({self._loaded[0]})')
        try:
            predicted = group_by_video(results, videos, self._box_source())
        except ValueError as error:
            raise ValueError(f'{self._loaded[0]}: {error}') from error
        return predicted

    def _write(self, per_video: Dict[str, VideoPredictions],
               names: Sequence[str]) -> None:
        info = dict(box_source=self._box_source(), score_mode=self.score_mode)
        for predicted in per_video.values():
            write_predictions(self.out_dir, predicted.poses,
                              predicted.box_scores, names, self.out_format,
                              info)
        MMLogger.get_current_instance().info(
            f'predictions of {len(per_video)} videos written to '
            f'{self.out_dir} ({self.out_format})')

    def _report(self, scores: PoseTrackScores) -> None:
        hub = MessageHub.get_current_instance()
        hub.update_info(f'{self.prefix}/box_source', scores.box_source)
        hub.update_info(f'{self.prefix}/presence', scores.presence)
        MMLogger.get_current_instance().info(
            f'PoseTrack, joint scores: {self.score_mode}\n'
            f'{format_scores(scores)}')

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


def _figures(scores: PoseTrackScores) -> Dict[str, float]:
    figures: Dict[str, float] = {}
    if scores.ap is not None:
        figures.update(scores.ap.groups(), mAP=scores.ap.mean)
    if scores.mot is not None:
        mot = scores.mot.by_joint()
        figures.update(MOTA=mot['mota']['total'], MOTP=mot['motp']['total'])
    if scores.hota is not None:
        hota = scores.hota.by_joint()
        for key, name in (('hota', 'HOTA'), ('det_a', 'DetA'),
                          ('ass_a', 'AssA'), ('loc_a', 'LocA')):
            figures[name] = hota[key]['total']
    return figures
