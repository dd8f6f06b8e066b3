"""Official PoseTrack numbers of predictions, video after video.

:class:`PoseTrackEvaluator` is what the Runner's metric and
:func:`~mmpose_tdmi.evaluation.evaluate_folders` are made of.
; see ``functional/pose_sequences``.

PoseTrack results as the tables that poseval prints.

Shape shorthand: J = 15 joints.

Folders of official json files, as ``poseval.evaluate`` takes them.
; see ``functional/pose_sequences``.
"""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from .functional import (MISSING_SCORE, POSEVAL_JOINTS, AnnotatedSequence,
                         HotaCounter, HotaResult, MotCounter, MotResult,
                         PosevalAP, PosevalResult, PredictedSequence,
                         check_rules, group_means, match_persons, pair_frames,
                         read_annotations, read_predictions, scored_frames)

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


# the headers as poseval prints them, for scripts that read its tables
_COLUMNS = '& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total'
_AP_HEADER = _COLUMNS + '\\\\'
_MOT_HEADER = [
    '&' + 8 * ' MOTA &' + ' MOTP & Prec & Rec  \\\\',
    _COLUMNS + 3 * '& Total' + '\\\\'
]


def format_scores(scores: PoseTrackScores) -> str:
    """What was evaluated, the tables, and the notes.

    Args:
        scores (PoseTrackScores): The results.

    Returns:
        str: Lines of text. The tables of AP and MOTA are the original's,
        header and figures.
    """
    lines = [
        f'{len(scores.videos)} videos, {scores.num_frames} scored frames; '
        f'presence rule: {scores.presence}; person boxes: '
        f'{scores.box_source}'
    ]
    if scores.ap is not None:
        lines += ['Average Precision (AP) metric:']
        lines += ap_table(scores.ap.by_joint())
    if scores.mot is not None:
        lines += ['Multiple Object Tracking (MOT) metrics:']
        lines += mot_table(scores.mot.by_joint())
    if scores.hota is not None:
        lines += ['Higher Order Tracking Accuracy (HOTA), by joint:']
        lines += hota_table(scores.hota.by_joint())
    lines += [f'note: {note}' for note in scores.notes]
    return '\n'.join(lines)


def ap_table(by_joint: Dict[str, float]) -> List[str]:
    """The original's table of AP.

    Args:
        by_joint (dict[str, float]): Percent by joint, and ``total``.

    Returns:
        list[str]: Its two lines.
    """
    return [_AP_HEADER, _row(_cells(by_joint))]


def mot_table(figures: Dict[str, Dict[str, float]]) -> List[str]:
    """The original's table of MOTA, with the totals of the other figures.

    Args:
        figures (dict): ``mota``, ``motp``, ``precision`` and ``recall``, each
            as in :func:`ap_table`.

    Returns:
        list[str]: Its three lines.
    """
    others = ('motp', 'precision', 'recall')
    values = _cells(figures['mota'])
    values += [figures[name]['total'] for name in others]
    return [*_MOT_HEADER, _row(values)]


def hota_table(figures: Dict[str, Dict[str, float]]) -> List[str]:
    """A table of HOTA and its parts.

    Args:
        figures (dict): ``hota``, ``det_a``, ``ass_a`` and ``loc_a``, each as
            in :func:`ap_table`.

    Returns:
        list[str]: A header and one line per figure.
    """
    names = dict(hota='HOTA', det_a='DetA', ass_a='AssA', loc_a='LocA')
    lines = [f'     {_AP_HEADER}']
    for key, name in names.items():
        lines.append(f'{name} {_row(_cells(figures[key]))}')
    return lines


def _cells(by_joint: Dict[str, float]) -> List[float]:
    values = np.array([by_joint[name] for name in POSEVAL_JOINTS])
    return [*group_means(values).values(), by_joint['total']]


def _row(values: Sequence[float]) -> str:
    return '&' + ' &'.join(f'{value:5.1f}' for value in values) + ' \\\\'


PathLike = Union[str, Path]


def evaluate_folders(gt_dir: PathLike,
                     pred_dir: PathLike,
                     metrics: Sequence[str] = ('ap', ),
                     presence: str = 'poseval',
                     unlabelled: str = 'skip',
                     hota_as_released: bool = True) -> PoseTrackScores:
    """Score a folder of predictions against one of ground truth.

    Files are in PoseTrack17's or PoseTrack18's format, either in each folder,
    one per video. A prediction file has the name of its ground truth and
    lists the same frames; as in poseval, one that is missing or lacks frames
    is an error. Files are read in alphabetical order.

    Args:
        gt_dir (str | Path): The folder of the ground truth.
        pred_dir (str | Path): The folder of the predictions.
        metrics (Sequence[str]): See :class:`PoseTrackEvaluator`.
        presence (str): See :class:`PoseTrackEvaluator`.
        unlabelled (str): See :class:`PoseTrackEvaluator`.
        hota_as_released (bool): See :class:`PoseTrackEvaluator`.

    Returns:
        PoseTrackScores: The results.

    Raises:
        FileNotFoundError: If a folder or prediction file is missing.
        ValueError: If a file is malformed, two hold the same video, the
            frames of a video and its predictions differ, or there is nothing
            to score.
    """
    evaluator = PoseTrackEvaluator(metrics, presence, unlabelled,
                                   hota_as_released)
    pairs, unused = _file_pairs(Path(gt_dir), Path(pred_dir))
    owners: Dict[str, Path] = {}
    for gt_file, pred_file in pairs:
        annotated = read_annotations(gt_file)
        predicted = read_predictions(pred_file)
        folder = _folder(annotated)
        if folder:
            other = owners.setdefault(folder, gt_file)
            if other != gt_file:
                raise ValueError(f'{gt_file} and {other} hold the same video, '
                                 f'{folder}')
        _check_same_video(annotated, predicted, gt_file, pred_file)
        evaluator.add(annotated, pair_frames(annotated, predicted))
    scores = evaluator.result()
    if unused:
        scores.notes.append(
            f'{len(unused)} prediction files have no ground truth and are not '
            f'used: {[path.name for path in unused[:3]]}')
    return scores


def _file_pairs(gt_dir: Path,
                pred_dir: Path) -> Tuple[List[Tuple[Path, Path]], List[Path]]:
    """Files that belong together, and predictions without ground truth."""
    for folder in (gt_dir, pred_dir):
        if not folder.is_dir():
            raise FileNotFoundError(f'{folder} is not a folder')
    # by the video's name, as the Runner's metric orders them
    gt_files = sorted(gt_dir.glob('*.json'), key=lambda path: path.stem)
    if not gt_files:
        raise FileNotFoundError(f'{gt_dir}: no json files in this folder')
    pairs = [(path, pred_dir / path.name) for path in gt_files]
    missing = [pred.name for _, pred in pairs if not pred.is_file()]
    if missing:
        raise FileNotFoundError(
            f'{pred_dir}: predictions of {len(missing)} of {len(pairs)} '
            f'videos are missing: {missing[:3]}')
    known = {path.name for path in gt_files}
    unused = [
        p for p in sorted(pred_dir.glob('*.json')) if p.name not in known
    ]
    return pairs, unused


def _folder(sequence: Union[AnnotatedSequence, PredictedSequence]) -> str:
    """The folder of the frames; empty if the file does not tell."""
    names = sequence.frame_names
    return names[0].rpartition('/')[0] if names else ''


def _check_same_video(annotated: AnnotatedSequence,
                      predicted: PredictedSequence, gt_file: Path,
                      pred_file: Path) -> None:
    folders = [_folder(annotated), _folder(predicted)]
    names = [folder.rpartition('/')[2] for folder in folders]
    if all(folders) and names[0] != names[1]:
        raise ValueError(f'{pred_file}: its frames are those of {folders[1]}, '
                         f'but {gt_file} is about {folders[0]}')
