"""Official PoseTrack numbers of predictions, video after video.

:class:`PoseTrackEvaluator` is what the Runner's metric and
:func:`~mmpose_tdmi.evaluation.evaluate_folders` are made of.

Shape shorthand: none; see ``functional/pose_sequences``.
"""
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from .functional import (MISSING_SCORE, AnnotatedSequence, HotaCounter,
                         HotaResult, MotCounter, MotResult, PosevalAP,
                         PosevalResult, PredictedSequence, check_rules,
                         match_persons, scored_frames)

#: What can be computed; the last two need track ids.
METRIC_NAMES = ('ap', 'mota', 'hota')


@dataclass
class PoseTrackScores:
    """Results, and what they are results of.

    Args:
        videos (list[str]): The videos, in the order in which they were added.
        num_frames (int): Frames that were scored.
        presence (str): The presence rule.
        unlabelled (str): What became of unlabelled frames.
        box_source (str): Where the predictions' person boxes come from.
        notes (list[str]): What a reader of the numbers has to know besides.
        ap (PosevalResult, optional): Average precision.
        mot (MotResult, optional): MOTA and MOTP.
        hota (HotaResult, optional): HOTA and its parts.
    """
    videos: List[str]
    num_frames: int
    presence: str
    unlabelled: str
    box_source: str
    notes: List[str] = field(default_factory=list)
    ap: Optional[PosevalResult] = None
    mot: Optional[MotResult] = None
    hota: Optional[HotaResult] = None

    def as_dict(self) -> Dict[str, Any]:
        """The numbers for json, NaN as None.

        Returns:
            dict: AP in percent under the joints' names and ``total``; under
            ``mota`` and ``hota`` their figures, in percent, by joint; under
            ``evaluated`` what was evaluated.
        """
        content: Dict[str, Any] = {}
        if self.ap is not None:
            content.update(_without_nan(self.ap.by_joint()))
        if self.mot is not None:
            content['mota'] = _without_nan(self.mot.by_joint())
        if self.hota is not None:
            content['hota'] = _without_nan(self.hota.by_joint())
        content['evaluated'] = dict(
            presence=self.presence,
            unlabelled=self.unlabelled,
            videos=len(self.videos),
            frames=self.num_frames,
            box_source=self.box_source,
            files=self.videos,
            notes=self.notes)
        return content


class PoseTrackEvaluator:
    """Scores videos one after the other.

    Args:
        metrics (Sequence[str]): Which of :data:`METRIC_NAMES` to compute.
        presence (str): Which frames and joints count, ``'poseval'`` or
            ``'posetrack21'``; see :func:`scored_frames`.
        unlabelled (str): ``'skip'`` or ``'score'`` unlabelled frames that
            have persons.
        hota_as_released (bool): See ``functional/hota``.

    Raises:
        ValueError: If an argument is not one of those described.
    """

    def __init__(self,
                 metrics: Sequence[str] = ('ap', ),
                 presence: str = 'poseval',
                 unlabelled: str = 'skip',
                 hota_as_released: bool = True) -> None:
        if isinstance(metrics,
                      str) or not metrics or set(metrics) - set(METRIC_NAMES):
            raise ValueError(f'metrics must be some of {METRIC_NAMES}, got '
                             f'{metrics!r}')
        check_rules(presence, unlabelled)
        self._rules: Dict[str, Any] = dict(
            presence=presence, unlabelled=unlabelled)
        self._counters: Dict[str, Any] = {}
        if 'ap' in metrics:
            self._counters['ap'] = PosevalAP(presence)
        if 'mota' in metrics:
            self._counters['mot'] = MotCounter()
        if 'hota' in metrics:
            self._counters['hota'] = HotaCounter(hota_as_released)
        self._videos: List[str] = []
        self._num_frames = 0
        self._sources: List[str] = []
        self._skipped: List[str] = []
        self._unlabelled: List[str] = []
        self._without_scores = 0

    def add(self, annotated: AnnotatedSequence,
            predicted: PredictedSequence) -> None:
        """Score a video.

        Args:
            annotated (AnnotatedSequence): All its frames.
            predicted (PredictedSequence): Predictions in the same frames (see
                :func:`pair_frames`).

        Raises:
            ValueError: If a head box or, for the tracking metrics, a track id
                is missing or repeated.
        """
        self._videos.append(annotated.name)
        self._sources.append(predicted.box_source or 'not stated')
        unlabelled = annotated.annotated & ~annotated.labelled
        self._unlabelled += [
            annotated.frame_names[i] for i in np.flatnonzero(unlabelled)
        ]
        annotated, predicted = scored_frames(annotated, predicted,
                                             **self._rules)
        missing = predicted.present & (predicted.scores == MISSING_SCORE)
        self._without_scores += int(missing.any(axis=1).sum())
        self._num_frames += annotated.num_frames
        matching = match_persons(annotated, predicted)
        for counter in self._counters.values():
            counter.add(annotated, predicted, matching)

    def result(self) -> PoseTrackScores:
        """The numbers of all videos added.

        Raises:
            ValueError: If there was no frame to score.
        """
        if self._num_frames == 0:
            raise ValueError(
                f'no frame of the {len(self._videos)} videos is labelled and '
                'has a person: there is nothing to score')
        results = {
            name: counter.result()
            for name, counter in self._counters.items()
        }
        return PoseTrackScores(
            videos=list(self._videos),
            num_frames=self._num_frames,
            box_source=', '.join(dict.fromkeys(self._sources)),
            notes=self._notes(**results),
            **self._rules,
            **results)

    def _notes(self,
               mot: Optional[MotResult] = None,
               hota: Optional[HotaResult] = None,
               **_: Any) -> List[str]:
        notes = []
        if self._unlabelled:
            how = ('scored, as poseval does, which does not read the mark'
                   if self._rules['unlabelled'] == 'score' else
                   'left out (poseval would score them)')
            notes.append(
                f'{len(self._unlabelled)} frames are marked as not labelled '
                f'but list persons; they are {how}: {self._unlabelled[:3]}')
        if self._without_scores:
            notes.append(
                f'{self._without_scores} predicted persons lack scores; '
                f'their joints get {MISSING_SCORE:g}, and the order of the '
                'files ranks them')
        if mot is not None and mot.single_frame_videos:
            notes.append(
                f'{len(mot.single_frame_videos)} videos have one scored frame '
                'only and add nothing to MOTA (poseval would fail): '
                f'{mot.single_frame_videos[:3]}')
        if mot is not None and mot.lone_frames:
            notes.append(
                f'frames without persons on one side: {mot.lone_frames}; MOTA '
                'counts one object, miss and false positive per joint in '
                'each, as poseval does')
        if hota is not None and hota.lone_frames:
            how = ('with the joints of their whole video, as in PoseTrack21\'s'
                   ' released evaluator' if hota.as_released else
                   'with their own joints, which PoseTrack21\'s released '
                   'evaluator does not')
            notes.append(
                f'frames without persons on one side: {hota.lone_frames}; '
                f'HOTA counts them {how}')
        return notes


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
