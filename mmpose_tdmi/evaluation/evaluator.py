"""Official PoseTrack numbers of predictions, video after video."""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from tabulate import tabulate

from mmpose_tdmi.utils.files import PathLike
from .functional import (MISSING_SCORE, POSEVAL_JOINTS, AnnotatedSequence,
                         HotaCounter, HotaResult, MotCounter, MotResult,
                         PosevalAP, PosevalResult, PredictedSequence,
                         check_rules, group_means, match_persons, pair_frames,
                         read_annotations, read_predictions, scored_frames)

#: What can be computed; the last two need track ids.
METRIC_NAMES = ('ap', 'mota', 'hota')


@dataclass
class PoseTrackScores:
    """Results, and what they are results of."""
    videos: List[str]  #: The videos, in the order in which they were added
    num_frames: int  #: Frames that were scored
    presence: str  #: The presence rule
    unlabelled: str  #: What became of unlabelled frames
    box_source: str  #: Where the predictions' person boxes come from
    notes: List[str] = field(default_factory=list)  #: What else to know
    ap: Optional[PosevalResult] = None  #: Average precision
    mot: Optional[MotResult] = None  #: MOTA and MOTP
    hota: Optional[HotaResult] = None  #: HOTA and its parts

    def figures(self) -> Dict[str, Dict[str, float]]:
        """All figures by their names, in percent, by joint and ``total``."""
        found = {} if self.ap is None else dict(AP=self.ap.by_joint())
        for names, result in ((('MOTA', 'MOTP', 'Prec', 'Rec'), self.mot),
                              (('HOTA', 'DetA', 'AssA', 'LocA'), self.hota)):
            if result is not None:
                found.update(zip(names, result.by_joint().values()))
        return found

    def as_dict(self) -> Dict[str, Any]:
        """The numbers for json, NaN as None: AP by joint and ``total``; under
        ``mota`` and ``hota`` theirs; under ``evaluated`` what was scored."""
        content: Dict[str, Any] = {}
        if self.ap is not None:
            content = _without_nan(self.ap.by_joint())
        for name, result in (('mota', self.mot), ('hota', self.hota)):
            if result is not None:
                content[name] = _without_nan(result.by_joint())
        content['evaluated'] = dict(
            presence=self.presence,
            unlabelled=self.unlabelled,
            videos=len(self.videos),
            frames=self.num_frames,
            box_source=self.box_source,
            files=self.videos,
            notes=self.notes)
        return content


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if np.isnan(value) else value


class PoseTrackEvaluator:
    """Scores videos one after the other by some of :data:`METRIC_NAMES`.

    ``presence`` and ``unlabelled`` are those of :func:`scored_frames`, for
    ``hota_as_released`` see ``functional/tracking``.
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
        self._unlabelled: List[str] = []
        self._without_scores = 0

    def add(self, annotated: AnnotatedSequence,
            predicted: PredictedSequence) -> None:
        """Score a video: all its frames, and predictions in the same ones
        (see :func:`pair_frames`)."""
        self._videos.append(annotated.name)
        self._sources.append(predicted.box_source or 'not stated')
        self._unlabelled += [
            annotated.frame_names[i]
            for i in np.flatnonzero(annotated.annotated & ~annotated.labelled)
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
        """The numbers of all videos added, an error if there are none."""
        if self._num_frames == 0:
            raise ValueError(
                f'no frame of the {len(self._videos)} videos is labelled and '
                'has a person: there is nothing to score')
        results = {k: value.result() for k, value in self._counters.items()}
        return PoseTrackScores(
            videos=list(self._videos),
            num_frames=self._num_frames,
            box_source=', '.join(dict.fromkeys(self._sources)),
            notes=self._notes(results),
            **self._rules,
            **results)

    def _notes(self, results: Dict[str, Any]) -> List[str]:
        notes, mot, hota = [], results.get('mot'), results.get('hota')
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
        if mot and mot.single_frame_videos:
            notes.append(
                f'{len(mot.single_frame_videos)} videos have one scored frame '
                'only and add nothing to MOTA (poseval would fail): '
                f'{mot.single_frame_videos[:3]}')
        if mot and mot.lone_frames:
            notes.append(
                f'frames without persons on one side: {mot.lone_frames}; MOTA '
                'counts one object, miss and false positive per joint in '
                'each, as poseval does')
        if hota and hota.lone_frames:
            how = ('with the joints of their whole video, as in PoseTrack21\'s'
                   ' released evaluator' if hota.as_released else
                   'with their own joints, which PoseTrack21\'s released '
                   'evaluator does not')
            notes.append(
                f'frames without persons on one side: {hota.lone_frames}; '
                f'HOTA counts them {how}')
        return notes


def format_scores(scores: PoseTrackScores) -> str:
    """What was evaluated, a table of the figures, and the notes."""
    header = ('', 'Head', 'Shou', 'Elb', 'Wri', 'Hip', 'Knee', 'Ankl', 'Total')
    table = []
    for name, by_joint in scores.figures().items():
        groups = group_means(np.array([by_joint[j] for j in POSEVAL_JOINTS]))
        table.append([name, *groups.values(), by_joint['total']])
    return '\n'.join([
        f'{len(scores.videos)} videos, {scores.num_frames} scored frames; '
        f'presence rule: {scores.presence}; person boxes: '
        f'{scores.box_source}',
        tabulate(table, header, tablefmt='github', floatfmt='.1f'),
        *(f'note: {note}' for note in scores.notes)
    ])


def evaluate_folders(gt_dir: PathLike,
                     pred_dir: PathLike,
                     metrics: Sequence[str] = ('ap', ),
                     **kwargs: Any) -> PoseTrackScores:
    """Score a folder of predictions against one of ground truth.

    Both hold PoseTrack17's or PoseTrack18's json, one file per video. As in
    poseval, a prediction file has the name of its ground truth and lists the
    same frames; it is an error if one is missing. ``metrics`` and the other
    arguments are :class:`PoseTrackEvaluator`'s.
    """
    evaluator = PoseTrackEvaluator(metrics, **kwargs)
    gt_dir, pred_dir = Path(gt_dir), Path(pred_dir)
    for directory in (gt_dir, pred_dir):
        if not directory.is_dir():
            raise FileNotFoundError(f'{directory} is not a folder')
    # by the video's name, as the Runner's metric orders them
    gt_files = sorted(gt_dir.glob('*.json'), key=lambda path: path.stem)
    if not gt_files:
        raise FileNotFoundError(f'{gt_dir}: no json files in this folder')
    names = [path.name for path in gt_files]
    found = sorted(path.name for path in pred_dir.glob('*.json'))
    missing = [name for name in names if name not in found]
    if missing:
        raise FileNotFoundError(
            f'{pred_dir}: predictions of {len(missing)} of {len(names)} '
            f'videos are missing: {missing[:3]}')
    owners: Dict[str, Path] = {}
    for gt_file in gt_files:
        pred_file = pred_dir / gt_file.name
        annotated = read_annotations(gt_file)
        predicted = read_predictions(pred_file)
        # the frames' folders; empty where a file does not tell
        folder, of_predicted = (
            s.frame_names[0].rpartition('/')[0] if s.frame_names else ''
            for s in (annotated, predicted))
        if folder and owners.setdefault(folder, gt_file) != gt_file:
            raise ValueError(f'{gt_file} and {owners[folder]} hold the same '
                             f'video, {folder}')
        if folder and of_predicted and (folder.rpartition('/')[2]
                                        != of_predicted.rpartition('/')[2]):
            raise ValueError(f'{pred_file}: its frames are those of '
                             f'{of_predicted}, but {gt_file} is about '
                             f'{folder}')
        evaluator.add(annotated, pair_frames(annotated, predicted))
    scores = evaluator.result()
    unused = [name for name in found if name not in names]
    if unused:
        scores.notes.append(f'{len(unused)} prediction files have no ground '
                            f'truth and are not used: {unused[:3]}')
    return scores
