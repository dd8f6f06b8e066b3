"""Which errors a model makes, and on which joints: docs/metrics.md.

Each annotated joint has exactly one of :data:`OUTCOMES`, each predicted joint
one of :data:`PREDICTIONS`, so that shares add up; the hits are those of
PoseTrack's AP. They are counted in slices, e.g. by speed.

F frames, N annotated and M predicted persons of a video, J = 15 joints; n
annotated and m predicted joints of all videos.
"""
import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from msgspec import Struct
from tabulate import tabulate

from mmpose_tdmi.datasets.coco_json import read_json
from mmpose_tdmi.utils.files import PathLike, atomic_path
from .functional import (HIT_THRESHOLD, NO_TRACK, POSEVAL_JOINTS,
                         AnnotatedSequence, PersonMatching, PredictedSequence,
                         average_precision, head_sizes, load_annotations,
                         match_persons, mean_of_known, pair_frames,
                         read_predictions, scored_frames)

__all__ = [
    'ALL', 'CROWD_EDGES', 'MAX_GAP', 'MIRROR', 'NEAR_LIMIT', 'NO_JOINT',
    'OUTCOMES', 'PREDICTIONS', 'SIZE_EDGES', 'SLICINGS', 'SPEED_EDGES',
    'ErrorRow', 'JointErrors', 'Slices', 'collect_errors', 'error_rows',
    'format_rows', 'joint_outcomes', 'joint_speeds', 'slice_joints',
    'video_errors', 'write_csv'
]

#: Of an annotated joint. Those of a matched person that are not hit, in the
#: order in which they are tried: the person's prediction lacks the joint; it
#: is within reach of the joint of the person's other side; it is near; it is
#: within reach of another person's joint of the same name; none of these.
OUTCOMES = ('hit', 'person_missed', 'not_predicted', 'swap', 'near',
            'other_person', 'far')
#: Of a predicted joint. False positives: of a prediction that is matched to
#: nobody; of a joint that the matched person lacks; beside the joint.
PREDICTIONS = ('hit', 'no_person', 'not_annotated', 'misplaced')
NEAR_LIMIT = 1.  #: Up to so many head sizes a miss is near
ABSENT = -1  #: What stands for a joint that is absent
_OTHER = {'left': 'right', 'right': 'left'}
#: By joint the joint of the other side, (J, ); its own for one without side.
MIRROR = np.array([
    POSEVAL_JOINTS.index('_'.join(_OTHER.get(w, w) for w in name.split('_')))
    for name in POSEVAL_JOINTS
])
MAX_GAP = 10  #: Frames of a track further apart do not tell a speed
#: What joints can be sliced by.
SLICINGS = ('joint', 'visibility', 'size', 'speed', 'crowd')
SIZE_EDGES = (16., 32., 64., 128.)  #: Between slices of head size, pixels
#: Between slices of speed, in head sizes per frame.
SPEED_EDGES = (0.05, 0.15, 0.3, 0.6)
#: Between slices of the crowd index: CrowdPose's easy, medium, hard.
CROWD_EDGES = (0.1, 0.8)
#: The slice of predicted joints that belong to no annotated one.
NO_JOINT = 'no annotated joint'
ALL = 'all'  #: The name of a row over all joints or slices


def joint_outcomes(
        annotated: AnnotatedSequence,
        predicted: PredictedSequence,
        matching: PersonMatching,
        near_limit: float = NEAR_LIMIT) -> Tuple[np.ndarray, np.ndarray]:
    """Joints of a video's scored frames: places in :data:`OUTCOMES`, (N, J),
    and in :data:`PREDICTIONS`, (M, J), both int8, -1 for absent ones."""
    if not near_limit > HIT_THRESHOLD:
        raise ValueError('the limit of near misses must be above '
                         f'{HIT_THRESHOLD} head sizes, the threshold of a '
                         f'hit; got {near_limit!r}')
    # in reach of a person that the prediction is not matched to
    on_others = np.zeros(predicted.present.shape, dtype=bool)
    others = matching.pair_gt != matching.pred_to_gt[matching.pair_pred]
    np.logical_or.at(on_others, matching.pair_pred[others],
                     matching.distances[others] <= HIT_THRESHOLD)

    persons = np.flatnonzero(matching.gt_to_pred >= 0)
    partner = matching.gt_to_pred[persons]
    gt, gt_present = annotated.keypoints[persons], annotated.present[persons]
    pred = predicted.keypoints[partner]
    sizes = head_sizes(annotated.head_boxes)[persons, None]
    # a head box without extent makes the distance infinite or NaN: far
    with np.errstate(divide='ignore', invalid='ignore'):
        own = np.linalg.norm(pred - gt, axis=-1) / sizes
        mirrored = np.linalg.norm(pred - gt[:, MIRROR], axis=-1) / sizes
    has_side = MIRROR != np.arange(len(MIRROR))
    swap = (mirrored <= HIT_THRESHOLD) & gt_present[:, MIRROR] & has_side
    outcome = np.full(annotated.present.shape, OUTCOMES.index('person_missed'))
    outcome[persons] = _first_that_holds(
        OUTCOMES,
        hit=matching.hits[partner],
        not_predicted=~predicted.present[partner],
        swap=swap,
        near=own <= near_limit,
        other_person=on_others[partner])
    outcome[~annotated.present] = ABSENT

    matched = matching.pred_to_gt >= 0
    lacks = np.ones(predicted.present.shape, dtype=bool)
    lacks[matched] = ~annotated.present[matching.pred_to_gt[matched]]
    pred_outcome = _first_that_holds(
        PREDICTIONS,
        no_person=~matched[:, None],
        not_annotated=lacks,
        hit=matching.hits)
    pred_outcome[~predicted.present] = ABSENT
    return outcome.astype(np.int8), pred_outcome.astype(np.int8)


def _first_that_holds(names: Sequence[str],
                      **conditions: np.ndarray) -> np.ndarray:
    """The place of its name, the last one where none holds."""
    return np.select(
        list(conditions.values()), [names.index(name) for name in conditions],
        len(names) - 1)


def joint_speeds(annotated: AnnotatedSequence,
                 frame_numbers: np.ndarray,
                 max_gap: int = MAX_GAP) -> np.ndarray:
    """Speeds in head sizes per frame, the camera's motion included, (N, J).

    The mean of the steps from and to the person in the track's frames before
    and after, each over the difference of the frames' numbers, (F, ), if at
    most ``max_gap``, and over the two's mean head size; NaN without either.
    """
    rows = np.flatnonzero(annotated.track_ids != NO_TRACK)
    numbers = np.asarray(frame_numbers)[annotated.frame_index]
    rows = rows[np.lexsort((numbers[rows], annotated.track_ids[rows]))]
    before, after = rows[:-1], rows[1:]
    gap = numbers[after] - numbers[before]
    steps = annotated.track_ids[before] == annotated.track_ids[after]
    steps &= (gap > 0) & (gap <= max_gap)
    before, after, gap = before[steps], after[steps], gap[steps]

    sizes = head_sizes(annotated.head_boxes)
    mean_size = (sizes[before] + sizes[after]) / 2
    lengths = np.linalg.norm(
        annotated.keypoints[after] - annotated.keypoints[before], axis=-1)
    known = annotated.present[before] & annotated.present[after]
    known &= mean_size[:, None] > 0
    with np.errstate(divide='ignore', invalid='ignore'):
        speeds = np.where(known, lengths / (gap * mean_size)[:, None], 0.)
    total, count = np.zeros((2, *annotated.present.shape))
    # a row is at most once at either end of a step
    for ends in (before, after):
        total[ends] += speeds
        count[ends] += known
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass
class JointErrors:
    """Joints with their outcomes."""
    joint: np.ndarray  #: Which of the J joints an annotated one is, (n, )
    outcome: np.ndarray  #: Its place in ``OUTCOMES``, (n, )
    visibility: np.ndarray  #: Its v in the file, (n, ); NaN without
    head_size: np.ndarray  #: The person's head size in pixels, (n, )
    speed: np.ndarray  #: In head sizes per frame, (n, ); NaN if unknown
    crowd: np.ndarray  #: Crowd index of the frame, (n, )
    pred_joint: np.ndarray  #: Which joint a predicted one is, (m, )
    pred_outcome: np.ndarray  #: Its place in ``PREDICTIONS``, (m, )
    pred_score: np.ndarray  #: Its score, (m, )
    pred_gt: np.ndarray  #: Its annotated joint, of n, (m, ); -1 for none
    pred_crowd: np.ndarray  #: Crowd index of the frame, (m, )
    videos: List[str]  #: The videos
    num_frames: int  #: Scored frames

    @classmethod
    def join(cls, parts: Sequence['JointErrors']) -> 'JointErrors':
        """The joints of several videos, at least one, in this order."""
        arrays = {
            field.name:
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(cls)[:-2]
        }
        starts = np.cumsum([0] + [len(part.joint) for part in parts[:-1]])
        of_part = np.repeat(starts, [len(part.pred_gt) for part in parts])
        arrays['pred_gt'] += np.where(arrays['pred_gt'] < 0, 0, of_part)
        return cls(
            **arrays,
            videos=[name for part in parts for name in part.videos],
            num_frames=sum(part.num_frames for part in parts))


def video_errors(annotated: AnnotatedSequence,
                 predicted: PredictedSequence,
                 frame_numbers: Optional[np.ndarray] = None,
                 near_limit: float = NEAR_LIMIT) -> JointErrors:
    """The joints of a video's scored frames; no speeds without the frames'
    numbers, (F, )."""
    matching = match_persons(annotated, predicted)
    outcome, pred_outcome = joint_outcomes(annotated, predicted, matching,
                                           near_limit)
    person, joint = np.nonzero(outcome != ABSENT)
    # one more row, of nobody, for predictions that are matched to nobody
    number = np.full((len(outcome) + 1, len(POSEVAL_JOINTS)), -1)
    number[person, joint] = np.arange(len(person))
    pred_person, pred_joint = np.nonzero(pred_outcome != ABSENT)
    speed = np.full(outcome.shape, np.nan)
    if frame_numbers is not None:
        speed = joint_speeds(annotated, frame_numbers)
    crowd = np.array([
        _crowd_index(annotated.keypoints[a:b], annotated.present[a:b],
                     annotated.boxes[a:b])
        for a, b in zip(matching.gt_starts, matching.gt_starts[1:])
    ])
    return JointErrors(
        joint=joint,
        outcome=outcome[person, joint],
        visibility=annotated.visibility[person, joint],
        head_size=head_sizes(annotated.head_boxes)[person],
        speed=speed[person, joint],
        crowd=crowd[annotated.frame_index[person]],
        pred_joint=pred_joint,
        pred_outcome=pred_outcome[pred_person, pred_joint],
        pred_score=predicted.scores[pred_person, pred_joint],
        pred_gt=number[matching.pred_to_gt[pred_person], pred_joint],
        pred_crowd=crowd[predicted.frame_index[pred_person]],
        videos=[annotated.name],
        num_frames=annotated.num_frames)


def _crowd_index(keypoints: np.ndarray, present: np.ndarray,
                 boxes: np.ndarray) -> float:
    """CrowdPose's crowd index of a frame (Li et al., CVPR 2019): the mean
    ratio of others' joints in a person's box (none if it is NaN) to the
    person's own, of persons with joints."""
    own = present.sum(axis=1)
    if not own.any():
        return 0.
    # (N, N, J): joints of the second person in the first one's box
    low, high = boxes[:, None, None, :2], boxes[:, None, None, 2:]
    inside = ((keypoints[None] >= low) & (keypoints[None] <= high)).all(axis=3)
    inside = (inside & present[None]).sum(axis=2)
    others = inside.sum(axis=1) - np.diagonal(inside)
    return float(np.mean(others[own > 0] / own[own > 0]))


class _Image(Struct):
    id: int
    frame_id: int


class _File(Struct):
    images: List[_Image]


def collect_errors(pred_dir: PathLike,
                   ann_file: PathLike,
                   presence: str = 'poseval',
                   near_limit: float = NEAR_LIMIT) -> JointErrors:
    """The joints of all videos of an annotation file.

    Args:
        pred_dir: One official json for each video, as ``PoseTrackMetric``
            writes them with ``out_dir``.
        ann_file: Converted or merged annotation file.
        presence: See :func:`~mmpose_tdmi.evaluation.functional.scored_frames`.
        near_limit: Up to how many head sizes a miss is near.
    """
    pred_dir = Path(pred_dir)
    if not pred_dir.is_dir():
        raise FileNotFoundError(f'there is no folder {pred_dir}')
    videos = load_annotations(ann_file)
    numbers = {i.id: i.frame_id for i in read_json(ann_file, _File).images}
    found = {path.stem for path in pred_dir.glob('*.json')}
    for what, names, error in (
        ('predictions are missing of', set(videos) - found, FileNotFoundError),
        ('there are predictions of videos that the annotation does not list,',
         found - set(videos), ValueError)):
        if names:
            raise error(f'{pred_dir}: {what} {len(names)} videos: '
                        f'{sorted(names)[:3]}; {ann_file} lists videos such '
                        f'as {list(videos)[:3]}')
    parts = []
    for name, annotated in videos.items():
        predicted = read_predictions(pred_dir / f'{name}.json')
        predicted = pair_frames(annotated, predicted)
        annotated, predicted = scored_frames(annotated, predicted, presence)
        frames = np.array([numbers[i] for i in annotated.frame_ids.tolist()])
        parts.append(video_errors(annotated, predicted, frames, near_limit))
    if not any(part.num_frames for part in parts):
        raise ValueError(f'{ann_file}: no frame is labelled and has a person, '
                         'there is nothing to score')
    return JointErrors.join(parts)


@dataclass
class Slices:
    """Which slice each joint is in."""
    by: str  #: One of :data:`SLICINGS`
    labels: List[str]  #: The slices' names
    index: np.ndarray  #: The slice of each annotated joint, (n, )
    pred_index: np.ndarray  #: The slice of each predicted joint, (m, )
    has_ap: bool  #: Whether false positives of any cause belong to slices


def slice_joints(errors: JointErrors, by: str) -> Slices:
    """Put every joint into one slice; those of numbers ascend."""
    if by == 'joint':
        return Slices(by, list(POSEVAL_JOINTS), errors.joint,
                      errors.pred_joint, True)
    if by == 'crowd':
        return Slices(by, _range_labels(CROWD_EDGES),
                      np.digitize(errors.crowd, CROWD_EDGES),
                      np.digitize(errors.pred_crowd, CROWD_EDGES), True)
    if by == 'visibility':
        # a file in which nothing is "visible" does not tell what is hidden
        visible = errors.visibility == 2
        labels = ['visible', 'hidden', 'not told']
        index = np.select([visible, (errors.visibility == 1) & visible.any()],
                          [0, 1], 2)
    elif by == 'size':
        labels = _range_labels(SIZE_EDGES, ' px')
        index = np.digitize(errors.head_size, SIZE_EDGES)
    elif by == 'speed':
        # NaN is sorted behind the last edge
        labels = [*_range_labels(SPEED_EDGES), 'unknown']
        index = np.digitize(errors.speed, SPEED_EDGES)
        index += np.isnan(errors.speed)
    else:
        raise ValueError(f'joints are sliced by one of {SLICINGS}, got {by!r}')
    pred_index = np.append(index, len(labels))[errors.pred_gt]
    return Slices(by, [*labels, NO_JOINT], index, pred_index, False)


def _range_labels(edges: Sequence[float], unit: str = '') -> List[str]:
    between = [f'{a:g} to {b:g}{unit}' for a, b in zip(edges, edges[1:])]
    return [f'below {edges[0]:g}{unit}', *between, f'from {edges[-1]:g}{unit}']


@dataclass
class ErrorRow:
    """Joints of a slice."""
    by: str  #: What was sliced by
    slice: str  #: Which slice, :data:`ALL` for the total
    joint: str  #: Which joint, :data:`ALL` for all
    outcomes: Dict[str, int]  #: Annotated joints by outcome
    predictions: Dict[str, int]  #: Predicted joints by what they are
    #: AP in percent, NaN if there is none; the mean of the slice's annotated
    #: joints, in the total the official one.
    ap: float

    @property
    def num_gt(self) -> int:
        """Annotated joints."""
        return sum(self.outcomes.values())

    @property
    def num_pred(self) -> int:
        """Predicted joints."""
        return sum(self.predictions.values())

    @property
    def is_shown(self) -> bool:
        """Whether people look at it: rows over all joints."""
        return self.joint == ALL or self.by == 'joint'

    def share(self, outcome: str) -> float:
        """Percentage of the annotated joints, NaN if there are none."""
        count = self.outcomes[outcome]
        return 100 * count / self.num_gt if self.num_gt else float('nan')


def error_rows(errors: JointErrors, by: str) -> List[ErrorRow]:
    """Rows of each slice, all joints first, then, unless the slices are
    joints, each; the total last, likewise."""
    slices = slice_joints(errors, by)
    shape = (len(slices.labels) + 1, len(POSEVAL_JOINTS))
    gt = np.zeros((*shape, len(OUTCOMES)), dtype=int)
    pred = np.zeros((*shape, len(PREDICTIONS)), dtype=int)
    np.add.at(gt, (slices.index, errors.joint, errors.outcome), 1)
    np.add.at(pred,
              (slices.pred_index, errors.pred_joint, errors.pred_outcome), 1)
    gt[-1], pred[-1] = gt.sum(axis=0), pred.sum(axis=0)
    hits = errors.pred_outcome == PREDICTIONS.index('hit')
    joints: Dict[str, Any] = {ALL: slice(None)}
    joints.update((name, [j]) for j, name in enumerate(POSEVAL_JOINTS))
    rows: List[ErrorRow] = []
    for place, label in enumerate((*slices.labels, ALL)):
        num_gt, is_total = gt[place].sum(axis=1), label == ALL
        in_slice = is_total | (slices.pred_index == place)
        ap = np.full(len(num_gt), np.nan)
        # the official total also has joints that nobody has
        for joint in np.flatnonzero(is_total | (num_gt > 0) & slices.has_ap):
            here = in_slice & (errors.pred_joint == joint)
            ap[joint] = 100 * average_precision(
                hits[here], errors.pred_score[here], int(num_gt[joint]))
        for name, columns in joints.items():
            if by == 'joint' and name != label:
                continue
            outcomes = gt[place, columns].sum(axis=0).tolist()
            predictions = pred[place, columns].sum(axis=0).tolist()
            rows.append(
                ErrorRow(by, label, name, dict(zip(OUTCOMES, outcomes)),
                         dict(zip(PREDICTIONS, predictions)),
                         mean_of_known(ap[columns])))
    return rows


def format_rows(rows: Sequence[ErrorRow]) -> str:
    """A table of the rows over all joints of one slicing, outcomes in percent
    of the annotated joints, false positives as counts."""
    headers = (f'by {rows[0].by}', 'joints', 'AP', *OUTCOMES, 'predicted',
               *PREDICTIONS[1:])
    lines = [[
        row.slice,
        str(row.num_gt), *('-' if np.isnan(value) else f'{value:.1f}'
                           for value in (row.ap, *map(row.share, OUTCOMES))),
        str(row.num_pred), *(str(row.predictions[n]) for n in PREDICTIONS[1:])
    ] for row in rows if row.is_shown]
    return tabulate(
        lines, [name.replace('_', ' ') for name in headers],
        tablefmt='plain',
        disable_numparse=True,
        colalign=('left', *('right' for _ in headers[1:])))


def write_csv(path: PathLike, rows: Sequence[ErrorRow]) -> None:
    """All rows, of any slicings, with the counts."""
    header = ('by', 'slice', 'joint', 'annotated', 'ap',
              *(f'gt_{name}' for name in OUTCOMES), 'predicted',
              *(f'pred_{name}' for name in PREDICTIONS))
    lines = ((row.by, row.slice, row.joint, row.num_gt,
              '' if np.isnan(row.ap) else f'{row.ap:.4f}',
              *row.outcomes.values(), row.num_pred, *row.predictions.values())
             for row in rows)
    with atomic_path(path) as temporary:
        with temporary.open('w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([header, *lines])
