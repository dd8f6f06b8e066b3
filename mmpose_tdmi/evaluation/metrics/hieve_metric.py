"""The persons that HiEve's metric scores in an image.

Shape shorthand: M predicted persons of an image, K joints.

HiEve as a metric of the Runner: unofficial AP and files for the server.

Shape shorthand: M predicted persons of a data sample (1 for a top-down
model), K joints.
"""
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, MMLogger
from mmpose.registry import METRICS

from mmpose_tdmi.datasets.converters import HIEVE_KEYPOINT_NAMES
from ..functional.hieve import (HIEVE_ALPHAS, HIEVE_ASSIGNMENTS,
                                HiEveAnnotations, HiEveFrame,
                                HiEveFrameWeights, HiEveHeadSize, HiEveResult,
                                hieve_ap, load_hieve_annotations)
from ..functional.hieve_submission import frame_record, write_submission
from ..functional.sequences import NO_TRACK
from .predictions import SCORE_MODES, ResultSpool, read_prediction


def stack_predictions(predictions: Sequence[dict],
                      num_joints: int) -> Tuple[np.ndarray, ...]:
    """The predicted persons of an image.

    Args:
        predictions (Sequence[dict]): What
            :func:`~.sample_predictions.read_prediction` kept, with boxes.
        num_joints (int): K, for images without any.

    Returns:
        tuple[np.ndarray]: Keypoints, scores, boxes, box scores and track ids.
    """
    shapes = dict(
        keypoints=(0, num_joints, 2),
        scores=(0, num_joints),
        boxes=(0, 4),
        box_scores=(0, ),
        track_ids=(0, ))
    return tuple(
        np.concatenate([np.zeros(shape)] + [p[key] for p in predictions])
        for key, shape in shapes.items())


@METRICS.register_module()
class HiEveMetric(BaseMetric):
    """An unofficial AP on HiEve's labelled videos; files for the test split.

    The official figures come from the benchmark's server alone. What is
    computed here follows the description in the paper, which leaves much
    open: :mod:`mmpose_tdmi.evaluation.functional.hieve_ap` lists what, and
    what was chosen. The names of the results say ``unofficial``, and the
    settings are logged with them.

    Args:
        ann_file (str, optional): Converted annotation file. By default that
            of the evaluated dataset, as the host's datasets leave it in the
            message hub.
        head_size (dict, optional): The rule for the size of a head,
            ``dict(rule=..., factor=..., fallback=...)``, see
            :class:`~mmpose_tdmi.evaluation.HiEveHeadSize`. There is no
            default; only with ``format_only`` it is not needed.
        frame_weights (dict, optional): ``dict(c1=..., c2=...,
            anomalous_actions=[...])``, see
            :class:`~mmpose_tdmi.evaluation.HiEveFrameWeights`. Defaults to
            None: no weighted AP.
        alphas (Sequence[float]): Thresholds in head sizes. Defaults to those
            of HiEve's tables, 0.5, 0.75 and 0.9.
        assignment (str): ``'greedy'`` or ``'argmax'``. Defaults to
            ``'greedy'``.
        score_mode (str): ``'keypoint_bbox'``, a joint's score is its heatmap
            maximum times the box's score, or ``'keypoint'``, the maximum
            alone. Also what the files hold.
        score_empty_frames (bool): Whether predictions in labelled frames
            without a person are false positives. Defaults to False.
        box_source (str, optional): Where the person boxes come from, for the
            log. By default what the dataset's metainfo says.
        out_dir (str, optional): Folder for the files of a submission,
            ``<video>.json``. Not written by default.
        format_only (bool): Write the files and evaluate nothing, for the test
            split. Needs ``out_dir``.
        collect_device (str): Where results of several processes are
            collected, ``'cpu'`` or ``'gpu'``.
        prefix (str, optional): Prefix of the results' names; must contain
            ``unofficial``. Defaults to ``hieve_unofficial``.
        collect_dir (str, optional): Folder by which processes exchange
            results, as in :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If an argument is not one of those described.
    """
    default_prefix: Optional[str] = 'hieve_unofficial'
    SCORE_MODES = SCORE_MODES

    def __init__(self,
                 ann_file: Optional[str] = None,
                 head_size: Optional[dict] = None,
                 frame_weights: Optional[dict] = None,
                 alphas: Sequence[float] = HIEVE_ALPHAS,
                 assignment: str = 'greedy',
                 score_mode: str = 'keypoint_bbox',
                 score_empty_frames: bool = False,
                 box_source: Optional[str] = None,
                 out_dir: Optional[str] = None,
                 format_only: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(
            collect_device=collect_device,
            prefix=prefix,
            collect_dir=collect_dir)
        if 'unofficial' not in self.prefix:
            raise ValueError('the prefix of HiEveMetric must contain '
                             f"'unofficial', got {prefix!r}")
        if head_size is None and not format_only:
            raise ValueError(
                'HiEveMetric needs head_size, such as dict(rule='
                "'box_diagonal', factor=0.1): HiEve publishes no head size, "
                'so there is no default')
        for name, value, known in (('score_mode', score_mode,
                                    self.SCORE_MODES),
                                   ('assignment', assignment,
                                    HIEVE_ASSIGNMENTS)):
            if value not in known:
                raise ValueError(f'{name} must be one of {known}, got '
                                 f'{value!r}')
        if format_only and out_dir is None:
            raise ValueError('format_only needs out_dir, the folder for the '
                             'files of the submission')
        self.ann_file = ann_file
        self.head_size = None if head_size is None else HiEveHeadSize(
            **head_size)
        self.frame_weights = (None if frame_weights is None else
                              HiEveFrameWeights(**frame_weights))
        self.alphas = tuple(alphas)
        self.assignment = assignment
        self.score_mode = score_mode
        self.score_empty_frames = score_empty_frames
        self.box_source = box_source
        self.out_dir = out_dir
        self.format_only = format_only
        self._spool = ResultSpool()
        self._loaded: Optional[HiEveAnnotations] = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is scored of a batch's predictions.

        Args:
            data_batch: Not used.
            data_samples (Sequence[dict]): Outputs of the model with ``id``,
                ``img_id``, ``pred_instances`` (``keypoints`` (M, K, 2) in
                pixels of the image, ``keypoint_scores`` (M, K)) and, there or
                in ``gt_instances``, ``bbox_scores`` (M, ) and ``bboxes`` (M,
                4), x1, y1, x2, y2; for the files optionally ``track_ids`` (M,
                ) there or ``track_id`` in the sample.

        Raises:
            ValueError: If a field is missing, of the wrong shape or not
                finite.
        """
        for sample in data_samples:
            self._spool.append(
                read_prediction(sample, self.score_mode, with_boxes=True))

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
            dict[str, float]: ``AP@<alpha>`` and ``AP@avg`` and, with frame
            weights, ``wAP@<alpha>`` and ``wAP@avg``, in percent; empty with
            ``format_only``.

        Raises:
            ValueError: If there are no predictions, or predictions for images
                that the annotation file does not list, or nothing to score.
        """
        annotations = self._annotations()
        per_image = self._group(results, annotations)
        if self.out_dir is not None:
            self._write(annotations, per_image)
        if self.format_only:
            return {}
        if (self.frame_weights is not None and self.frame_weights.c2
                and not annotations.has_actions):
            raise ValueError(
                f'{annotations.path}: no annotation has an action, so the '
                'anomalous ones that c2 weighs cannot be counted; give c2=0, '
                'anomalous_actions=() or convert labels that have actions')
        result = hieve_ap(
            self._frames(annotations, per_image), annotations.keypoint_names,
            self.head_size, self.alphas, self.assignment, self.frame_weights,
            self.score_empty_frames)
        if result.num_frames == 0:
            raise ValueError(f'{annotations.path}: no image is labelled and '
                             'has a person, there is nothing to score')
        self._report(result)
        return result.summary()

    def _frames(self, annotations: HiEveAnnotations,
                per_image: Dict[int, List[dict]]):
        """The labelled frames with their predictions."""
        for frame in np.flatnonzero(annotations.labelled):
            found = per_image.get(annotations.image_ids[frame], [])
            keypoints, scores, *_ = stack_predictions(
                found, len(annotations.keypoint_names))
            persons = annotations.persons(frame)
            yield HiEveFrame(persons.keypoints, persons.present, persons.boxes,
                             keypoints, scores, persons.actions)

    def _annotations(self) -> HiEveAnnotations:
        """The annotation file, read when first needed."""
        path = self.ann_file
        if path is None:
            name = self._meta('dataset_name')
            path = MessageHub.get_current_instance().get_info(
                f'{name}_ann_file', None)
            if path is None:
                raise ValueError('HiEveMetric was given no ann_file and the '
                                 f'dataset {name!r} did not name its own')
        if self._loaded is None or self._loaded.path != str(path):
            self._loaded = load_hieve_annotations(path)
        names = [
            name for _, name in sorted(self._meta('keypoint_id2name').items())
        ]
        if names != self._loaded.keypoint_names:
            raise ValueError(
                f'{path}: the joints are {self._loaded.keypoint_names}, those '
                f'of the dataset {names}')
        return self._loaded

    def _group(self, results: Sequence[dict],
               annotations: HiEveAnnotations) -> Dict[int, List[dict]]:
        """Predictions per image, ordered by sample id, each id once."""
        if not results:
            raise ValueError('there are no predictions: the dataset gave no '
                             f'sample ({annotations.path})')
        known = set(annotations.image_ids)
        unknown = {r['img_id'] for r in results} - known
        if unknown:
            raise ValueError(
                f'{len(unknown)} image ids of the predictions are not in '
                f'{annotations.path}: {sorted(unknown)[:5]}; the file lists '
                f'ids like {annotations.image_ids[:3]}')
        per_image: Dict[int, Dict[int, dict]] = {}
        # samples repeated to even out several processes share their id
        for result in sorted(results, key=lambda r: r['id']):
            per_image.setdefault(result['img_id'],
                                 {}).setdefault(result['id'], result)
        return {key: list(value.values()) for key, value in per_image.items()}

    def _write(self, annotations: HiEveAnnotations,
               per_image: Dict[int, List[dict]]) -> None:
        """The files of a submission, all frames in them."""
        if tuple(annotations.keypoint_names) != HIEVE_KEYPOINT_NAMES:
            raise ValueError(
                f'{annotations.path}: the joints are '
                f'{annotations.keypoint_names}; the files for the server need '
                f'{list(HIEVE_KEYPOINT_NAMES)}, in this order')
        num_joints = len(annotations.keypoint_names)

        def record(frame: int) -> dict:
            keypoints, scores, boxes, box_scores, tracks = stack_predictions(
                per_image.get(annotations.image_ids[frame], []), num_joints)
            if (tracks == NO_TRACK).any():
                tracks = np.arange(len(tracks))
            if len(set(tracks.tolist())) != len(tracks):
                raise ValueError(f'{annotations.frame_names[frame]}: two '
                                 'predictions are of one track: '
                                 f'{sorted(tracks.tolist())}')
            return frame_record(annotations.frame_names[frame], keypoints,
                                scores, boxes, box_scores, tracks)

        videos = {
            video: [record(frame) for frame in frames]
            for video, frames in annotations.frames_by_video().items()
        }
        write_submission(self.out_dir, videos)
        MMLogger.get_current_instance().info(
            f'predictions of {len(videos)} videos written to {self.out_dir}')

    def _report(self, result: HiEveResult) -> None:
        source = self.box_source or (self.dataset_meta or {}).get(
            'box_source', 'not stated')
        MessageHub.get_current_instance().update_info(
            f'{self.prefix}/box_source', str(source))
        weights = '' if self.frame_weights is None else (
            f', frame weight: {self.frame_weights}')
        line = ', '.join(f'{name} {value:.2f}'
                         for name, value in result.summary().items())
        MMLogger.get_current_instance().info(
            f'HiEve, unofficial: {result.num_frames} frames, person boxes: '
            f'{source}, score: {self.score_mode}, head size: '
            f'{self.head_size}, assignment: {self.assignment}{weights}\n'
            f'{line}')

    def _meta(self, key: str) -> Any:
        if self.dataset_meta is None or key not in self.dataset_meta:
            raise ValueError(f'HiEveMetric needs {key!r} of the dataset\'s '
                             f'metainfo, got {self.dataset_meta}')
        return self.dataset_meta[key]
