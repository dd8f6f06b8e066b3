"""Metrics that the Runner's evaluator builds by name: PoseTrack's and HiEve's.

Unlike the host's ``PoseTrack18Metric`` they need neither the ``poseval``
package nor per-video files, and a prediction for an image that the annotation
file does not know is an error instead of an AP of 0.
"""
from typing import Any, Collection, Dict, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import MessageHub, MMLogger
from mmpose.registry import METRICS

from mmpose_tdmi.datasets.converters import HIEVE_KEYPOINT_NAMES
from .evaluator import PoseTrackEvaluator, format_scores
from .functional import (HIEVE_ALPHAS, NO_TRACK, AnnotatedSequence,
                         HiEveAnnotations, HiEveFrame, PredictedSequence,
                         frame_record, hieve_ap, joint_columns,
                         load_annotations, load_hieve_annotations,
                         write_submission)
from .predictions import OUT_FORMATS, PredictionMetric, write_predictions

__all__ = ['HiEveMetric', 'PoseTrackMetric']


@METRICS.register_module()
class PoseTrackMetric(PredictionMetric):
    """PoseTrack AP of the joint groups and their mean, MOTA and HOTA.

    A frame is scored if it is labelled (``is_labeled`` absent or true) and
    has at least one annotated person; predictions in other frames are not
    looked at. A scored frame without predictions counts as missed.

    Args:
        ann_file: Merged PoseTrack18-format json; by default the evaluated
            dataset's.
        score_mode: What ranks the joints: ``'keypoint_bbox'``, the heatmap
            maximum times the score of the person box, as in the tables of
            TDMI and its predecessors; ``'keypoint'``, the maximum alone, as
            in MMPose's metric.
        box_source: Where the person boxes come from, e.g. ``'gt'``: results
            compare only at the same boxes. By default ``box_source`` of the
            dataset's metainfo, or ``'not stated'``.
        out_dir: Folder for the predictions as official json files,
            ``<video>.json``. Not written by default.
        format_only: Write the files and evaluate nothing, for test splits
            whose annotations are not public. Needs ``out_dir``.
        collect_device, prefix, collect_dir: As in
            :class:`mmengine.evaluator.BaseMetric`.
        metrics: ``'ap'``, ``'mota'``, ``'hota'``. The last two need samples
            with a track: ``track_ids`` (M, ) in ``pred_instances`` or
            ``gt_instances``, or ``track_id`` in the sample itself.
        presence, unlabelled: Which frames and joints count: ``'poseval'`` or
            ``'posetrack21'``, and ``'skip'`` or ``'score'``; see
            :func:`~mmpose_tdmi.evaluation.scored_frames`.
        hota_as_released: Count frames without predictions as PoseTrack21's
            released evaluator does.
        dummy_for_empty: Give each frame without detections a right ankle at
            (0, 0) with score -100, as the DCPose family does: last in the
            ranking, but for MOTA the frame is not without predictions.
        out_format: Format of the files in ``out_dir``, ``'posetrack18'``
            (PoseTrack18 and 21) or ``'posetrack17'``.
    """
    default_prefix: Optional[str] = 'posetrack'
    _load = staticmethod(load_annotations)

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
        super().__init__(ann_file, score_mode, box_source, out_dir,
                         format_only, collect_device, prefix, collect_dir)
        if out_format not in OUT_FORMATS:
            raise ValueError(f'out_format must be one of {OUT_FORMATS}, got '
                             f'{out_format!r}')
        self._evaluation: Tuple[Any, ...] = (tuple(metrics), presence,
                                             unlabelled, hota_as_released)
        PoseTrackEvaluator(*self._evaluation)  # refuse wrong options now
        self.out_format = out_format
        self.dummy_for_empty = dummy_for_empty

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Score what :meth:`process` kept, in percent.

        ``'ap'`` gives ``Head``, ``Shoulder``, ``Elbow``, ``Wrist``, ``Hip``,
        ``Knee``, ``Ankle`` and ``mAP``; ``'mota'`` ``MOTA`` and ``MOTP``;
        ``'hota'`` ``HOTA``, ``DetA``, ``AssA`` and ``LocA``; ``format_only``
        nothing.
        """
        path, videos = self._annotations()
        ids = [i for v in videos.values() for i in v.frame_ids.tolist()]
        by_image = self._by_image(results, ids, path)
        names = self._keypoint_names()
        columns = joint_columns(names, 'dataset metainfo')
        per_video = [(video, *self._predicted(video, by_image, names))
                     for video in videos.values()]
        logger = MMLogger.get_current_instance()
        if self.out_dir is not None:
            info = dict(
                box_source=self._box_source(), score_mode=self.score_mode)
            for _, predicted, box_scores in per_video:
                write_predictions(self.out_dir, predicted, box_scores, names,
                                  self.out_format, info)
            logger.info(f'predictions of {len(videos)} videos written to '
                        f'{self.out_dir} ({self.out_format})')
        if self.format_only:
            return {}
        evaluator = PoseTrackEvaluator(*self._evaluation)
        for video, predicted, _ in per_video:
            joints = {
                field: getattr(predicted, field)[:, columns]
                for field in ('keypoints', 'present', 'scores')
            }
            evaluator.add(video, predicted.replace(**joints))
        try:
            scores = evaluator.result()
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        hub = MessageHub.get_current_instance()
        hub.update_info(f'{self.prefix}/box_source', scores.box_source)
        hub.update_info(f'{self.prefix}/presence', scores.presence)
        logger.info(f'PoseTrack, joint scores: {self.score_mode}\n'
                    f'{format_scores(scores)}')
        figures = scores.figures()
        result = {} if scores.ap is None else dict(
            scores.ap.groups(), mAP=scores.ap.mean)
        for name in ('MOTA', 'MOTP', 'HOTA', 'DetA', 'AssA', 'LocA'):
            if name in figures:
                result[name] = figures[name]['total']
        return result

    def _predicted(self, video: AnnotatedSequence, by_image: Dict[int, list],
                   names: List[str]) -> Tuple[PredictedSequence, np.ndarray]:
        """A video's predictions with all K keypoints, and the box scores."""
        frames = [by_image.get(i, []) for i in video.frame_ids.tolist()]
        counts = [sum(len(r['scores']) for r in frame) for frame in frames]
        persons = self._stack([r for frame in frames for r in frame],
                              len(names))
        persons['frame_index'] = np.repeat(np.arange(len(frames)), counts)
        persons['present'] = np.ones(persons['scores'].shape, dtype=bool)
        if self.dummy_for_empty:
            empty = np.flatnonzero(np.equal(counts, 0))
            tracked = (persons['track_ids'] != NO_TRACK).all()
            dummy = dict(
                frame_index=empty,
                keypoints=0,
                present=[name == 'right_ankle' for name in names],
                scores=-100,
                bbox_scores=-100,
                track_ids=0 if tracked else NO_TRACK)
            places = np.searchsorted(persons['frame_index'], empty)
            persons = {
                key: np.insert(value, places, dummy[key], axis=0)
                for key, value in persons.items()
            }
        box_scores, source = persons.pop('bbox_scores'), self._box_source()
        return PredictedSequence(
            video.name,
            video.frame_names,
            video.frame_ids,
            box_source=source,
            **persons), box_scores


@METRICS.register_module()
class HiEveMetric(PredictionMetric):
    """An unofficial AP on HiEve's labelled videos; files for the test split.

    The official figures come from the benchmark's server alone; this follows
    its paper, which leaves much open: what, and what was chosen, is in
    :mod:`mmpose_tdmi.evaluation.functional.hieve`.

    Args:
        ann_file: Converted file; by default the evaluated dataset's.
        alphas: Thresholds in head sizes; by default those of HiEve's tables.
        score_mode, box_source, format_only, collect_device, collect_dir: As
            :class:`PoseTrackMetric`'s; the files hold the same scores.
        score_empty_frames: Whether predictions in labelled frames without a
            person are false positives.
        out_dir: Folder for the files of a submission, ``<video>.json``. Not
            written by default.
        prefix: Prefix of the results' names; must contain ``unofficial``.
    """
    default_prefix: Optional[str] = 'hieve_unofficial'
    FIELDS = dict(PredictionMetric.FIELDS, bboxes=(4, ))
    _load = staticmethod(load_hieve_annotations)

    def __init__(self,
                 ann_file: Optional[str] = None,
                 alphas: Sequence[float] = HIEVE_ALPHAS,
                 score_mode: str = 'keypoint_bbox',
                 score_empty_frames: bool = False,
                 box_source: Optional[str] = None,
                 out_dir: Optional[str] = None,
                 format_only: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(ann_file, score_mode, box_source, out_dir,
                         format_only, collect_device, prefix, collect_dir)
        if 'unofficial' not in self.prefix:
            raise ValueError('the prefix of HiEveMetric must contain '
                             f"'unofficial', got {prefix!r}")
        self.alphas = tuple(alphas)
        self.score_empty_frames = score_empty_frames

    def _videos(self, annotations: HiEveAnnotations) -> Collection[str]:
        return annotations.frames_by_video()

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Score what :meth:`process` kept: ``AP@<alpha>`` and ``AP@avg`` in
        percent, nothing with ``format_only``."""
        path, annotations = self._annotations()
        names = annotations.keypoint_names
        if names != self._keypoint_names():
            raise ValueError(f'{path}: the joints are {names}, those of the '
                             f'dataset {self._keypoint_names()}')
        by_image = self._by_image(results, annotations.image_ids, path)
        frames = [
            self._stack(by_image.get(i, []), len(names))
            for i in annotations.image_ids
        ]
        if self.out_dir is not None:
            self._write(annotations, frames)
        if self.format_only:
            return {}
        labelled = [
            HiEveFrame(
                *annotations.persons(i),
                pred_keypoints=frames[i]['keypoints'],
                pred_scores=frames[i]['scores'])
            for i in np.flatnonzero(annotations.labelled)
        ]
        result = hieve_ap(labelled, names, self.alphas,
                          self.score_empty_frames)
        if result.num_frames == 0:
            raise ValueError(f'{path}: no image is labelled and has a person, '
                             'there is nothing to score')
        figures = result.summary()
        source = self._box_source()
        MessageHub.get_current_instance().update_info(
            f'{self.prefix}/box_source', source)
        line = ', '.join(f'{name} {figures[name]:.2f}' for name in figures)
        MMLogger.get_current_instance().info(
            f'HiEve, unofficial: {result.num_frames} frames, person boxes: '
            f'{source}, score: {self.score_mode}\n{line}')
        return figures

    def _write(self, annotations: HiEveAnnotations,
               frames: List[Dict[str, np.ndarray]]) -> None:
        """The files of a submission, all frames in them."""
        if tuple(annotations.keypoint_names) != HIEVE_KEYPOINT_NAMES:
            raise ValueError(
                f'{annotations.path}: the joints are '
                f'{annotations.keypoint_names}; the files for the server need '
                f'{list(HIEVE_KEYPOINT_NAMES)}, in this order')

        def record(frame: int) -> dict:
            name, persons = annotations.frame_names[frame], frames[frame]
            tracks = persons['track_ids']
            if (tracks == NO_TRACK).any():
                tracks = np.arange(len(tracks))
            if len(set(tracks.tolist())) != len(tracks):
                raise ValueError(f'{name}: two predictions are of one track: '
                                 f'{sorted(tracks.tolist())}')
            return frame_record(name, persons['keypoints'], persons['scores'],
                                persons['bboxes'], persons['bbox_scores'],
                                tracks)

        videos = {
            video: [record(frame) for frame in places]
            for video, places in annotations.frames_by_video().items()
        }
        write_submission(self.out_dir, videos)
        MMLogger.get_current_instance().info(
            f'predictions of {len(videos)} videos written to {self.out_dir}')
