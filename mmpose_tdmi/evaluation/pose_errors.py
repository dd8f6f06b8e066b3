"""Which errors a model makes, and on which joints: docs/pose_errors.md.

What became of every annotated joint, and what every predicted one is.

Each annotated joint has exactly one of :data:`OUTCOMES`, each predicted joint
exactly one of :data:`PREDICTIONS`, so that the shares of a table add up.
Persons are matched as in PoseTrack's AP, a joint is hit within half a head
size as there; the hits are those that the AP counts.

Shape shorthand: N annotated and M predicted persons of a video, J = 15
joints.

How fast annotated joints move.

Shape shorthand: F frames, N annotated persons of a video, J joints.

The joints of all videos in flat arrays, with what they are sliced by.

Shape shorthand: F frames, N annotated and M predicted persons of a video, J =
15 joints; n annotated and m predicted joints of all videos.

The ways to slice joints: by joint, visibility, size, speed, crowd.

Shape shorthand: n annotated and m predicted joints of all videos.

Error counts of slices: as rows, as text, as csv.

Shape shorthand: J = 15 joints.

Pictures of error rows.
"""
import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from matplotlib.figure import Figure

from mmpose_tdmi.utils.files import atomic_path
from .functional import (HIT_THRESHOLD, NO_TRACK, POSEVAL_JOINTS,
                         AnnotatedSequence, PersonMatching, PredictedSequence,
                         average_precision, crowd_index, head_sizes,
                         load_annotations, match_persons, mean_of_known,
                         pair_frames, read_predictions, scored_frames)
from .functional.sequences import field_column, get_records, read_json

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
#: Up to so many head sizes a miss is near.
NEAR_LIMIT = 1.
#: What stands for a joint that is absent.
ABSENT = -1


def _mirror() -> np.ndarray:
    """The joint of the other side; a joint without side is its own."""

    def other_side(name: str) -> str:
        side, _, rest = name.partition('_')
        return f'{dict(left="right", right="left").get(side, side)}_{rest}'

    names = [
        other_side(name) if name.startswith(('left_', 'right_')) else name
        for name in POSEVAL_JOINTS
    ]
    return np.array([POSEVAL_JOINTS.index(name) for name in names])


#: By joint the joint of the other side, (J, ).
MIRROR = _mirror()


def joint_outcomes(
        annotated: AnnotatedSequence,
        predicted: PredictedSequence,
        matching: PersonMatching,
        near_limit: float = NEAR_LIMIT) -> Tuple[np.ndarray, np.ndarray]:
    """Outcomes of all joints of a video.

    Args:
        annotated (AnnotatedSequence): The scored frames of a video.
        predicted (PredictedSequence): Predictions in the same frames.
        matching (PersonMatching): Who is matched to whom.
        near_limit (float): Up to how many head sizes a miss is near.

    Returns:
        tuple[np.ndarray, np.ndarray]: Places in :data:`OUTCOMES`, (N, J), and
        in :data:`PREDICTIONS`, (M, J), both int8 with :data:`ABSENT`.

    Raises:
        ValueError: If the limit is not above the threshold of a hit.
    """
    if not near_limit > HIT_THRESHOLD:
        raise ValueError('the limit of near misses must be above '
                         f'{HIT_THRESHOLD} head sizes, the threshold of a '
                         f'hit; got {near_limit!r}')
    return (_of_annotated(annotated, predicted, matching, near_limit),
            _of_predicted(annotated, predicted, matching))


def _of_annotated(annotated: AnnotatedSequence, predicted: PredictedSequence,
                  matching: PersonMatching, near_limit: float) -> np.ndarray:
    outcome = np.full(annotated.present.shape, ABSENT, dtype=np.int8)
    persons = np.flatnonzero(matching.gt_to_pred >= 0)
    outcome[annotated.present] = OUTCOMES.index('person_missed')
    partner = matching.gt_to_pred[persons]

    gt, gt_present = annotated.keypoints[persons], annotated.present[persons]
    pred = predicted.keypoints[partner]
    sizes = head_sizes(annotated.head_boxes)[persons, None]
    # a head box without extent makes the distance infinite or NaN: far
    with np.errstate(divide='ignore', invalid='ignore'):
        own = np.linalg.norm(pred - gt, axis=-1) / sizes
        mirrored = np.linalg.norm(pred - gt[:, MIRROR], axis=-1) / sizes
    has_side = MIRROR != np.arange(len(MIRROR))
    # the first condition that holds decides
    conditions = dict(
        hit=matching.hits[partner],
        not_predicted=~predicted.present[partner],
        swap=(mirrored <= HIT_THRESHOLD) & gt_present[:, MIRROR] & has_side,
        near=own <= near_limit,
        other_person=_hits_of_others(matching, predicted)[partner])
    found = np.select(
        list(conditions.values()),
        [OUTCOMES.index(name) for name in conditions], OUTCOMES.index('far'))
    outcome[persons] = np.where(gt_present, found, ABSENT)
    return outcome


def _of_predicted(annotated: AnnotatedSequence, predicted: PredictedSequence,
                  matching: PersonMatching) -> np.ndarray:
    matched = matching.pred_to_gt >= 0
    lacks = np.ones(predicted.present.shape, dtype=bool)
    lacks[matched] = ~annotated.present[matching.pred_to_gt[matched]]
    # the first condition that holds decides
    conditions = dict(
        no_person=~matched[:, None], not_annotated=lacks, hit=matching.hits)
    found = np.select(
        list(conditions.values()),
        [PREDICTIONS.index(name) for name in conditions],
        PREDICTIONS.index('misplaced'))
    return np.where(predicted.present, found, ABSENT).astype(np.int8)


def _hits_of_others(matching: PersonMatching,
                    predicted: PredictedSequence) -> np.ndarray:
    """Which predicted joints hit a person they are not matched to."""
    result = np.zeros(predicted.present.shape, dtype=bool)
    others = matching.pair_gt != matching.pred_to_gt[matching.pair_pred]
    np.logical_or.at(result, matching.pair_pred[others],
                     matching.distances[others] <= HIT_THRESHOLD)
    return result


#: Frames of a track that are further apart do not tell a speed.
MAX_GAP = 10


def joint_speeds(annotated: AnnotatedSequence,
                 frame_numbers: np.ndarray,
                 max_gap: int = MAX_GAP) -> np.ndarray:
    """Speeds in head sizes per frame, the camera's motion included.

    A joint's speed is the mean of its steps from the labelled frame before
    and to the one after in which the same track has the joint's person, each
    step's length over the frames between and over the mean head size of the
    two.

    Args:
        annotated (AnnotatedSequence): Frames of a video.
        frame_numbers (np.ndarray): The frames' numbers in the video, (F, ).
        max_gap (int): The largest distance of two frames that counts.

    Returns:
        np.ndarray: (N, J), >= 0; NaN for joints without a neighbour.
    """
    rows = np.flatnonzero(annotated.track_ids != NO_TRACK)
    numbers = np.asarray(frame_numbers)[annotated.frame_index]
    rows = rows[np.lexsort((numbers[rows], annotated.track_ids[rows]))]
    before, after = rows[:-1], rows[1:]
    gap = numbers[after] - numbers[before]
    steps = (annotated.track_ids[before]
             == annotated.track_ids[after]) & (gap > 0) & (
                 gap <= max_gap)
    before, after, gap = before[steps], after[steps], gap[steps]

    sizes = head_sizes(annotated.head_boxes)
    mean_size = (sizes[before] + sizes[after]) / 2
    lengths = np.linalg.norm(
        annotated.keypoints[after] - annotated.keypoints[before], axis=-1)
    known = annotated.present[before] & annotated.present[after]
    known &= mean_size[:, None] > 0
    with np.errstate(divide='ignore', invalid='ignore'):
        speeds = np.where(known, lengths / (gap * mean_size)[:, None], 0.)
    total = np.zeros(annotated.present.shape)
    count = np.zeros(annotated.present.shape)
    # a row is at most once at either end of a step
    for ends in (before, after):
        total[ends] += speeds
        count[ends] += known
    with np.errstate(invalid='ignore'):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


PathLike = Union[str, Path]


@dataclass
class JointErrors:
    """Joints with their outcomes.

    Args:
        joint (np.ndarray): Which of the J joints an annotated one is, (n, ).
        outcome (np.ndarray): Its place in ``OUTCOMES``, (n, ).
        visibility (np.ndarray): What the file says of it, v, (n, ); NaN where
            it says nothing.
        head_size (np.ndarray): The person's head size in pixels, (n, ).
        speed (np.ndarray): In head sizes per frame, (n, ); NaN if unknown.
        crowd (np.ndarray): Crowd index of the frame, (n, ).
        pred_joint (np.ndarray): Which joint a predicted one is, (m, ).
        pred_outcome (np.ndarray): Its place in ``PREDICTIONS``, (m, ).
        pred_score (np.ndarray): Its score, (m, ).
        pred_gt (np.ndarray): The annotated joint, of n, that it was meant
            for, (m, ); -1 for none.
        pred_crowd (np.ndarray): Crowd index of the frame, (m, ).
        videos (list[str]): The videos.
        num_frames (int): Scored frames.
    """
    joint: np.ndarray
    outcome: np.ndarray
    visibility: np.ndarray
    head_size: np.ndarray
    speed: np.ndarray
    crowd: np.ndarray
    pred_joint: np.ndarray
    pred_outcome: np.ndarray
    pred_score: np.ndarray
    pred_gt: np.ndarray
    pred_crowd: np.ndarray
    videos: List[str]
    num_frames: int

    @classmethod
    def join(cls, parts: Sequence['JointErrors']) -> 'JointErrors':
        """The joints of several videos as one.

        Args:
            parts (Sequence[JointErrors]): At least one.

        Returns:
            JointErrors: All of them, in this order.
        """
        starts = np.cumsum([0] + [len(part.joint) for part in parts])
        values = {
            field.name: [getattr(part, field.name) for part in parts]
            for field in fields(cls)
        }
        values['pred_gt'] = [
            np.where(part.pred_gt < 0, -1, part.pred_gt + start)
            for part, start in zip(parts, starts)
        ]
        joined = {
            name: np.concatenate(value)
            for name, value in values.items()
            if name not in ('videos', 'num_frames')
        }
        return cls(
            **joined,
            videos=[name for part in parts for name in part.videos],
            num_frames=sum(values['num_frames']))


def video_errors(annotated: AnnotatedSequence,
                 predicted: PredictedSequence,
                 frame_numbers: Optional[np.ndarray] = None,
                 near_limit: float = NEAR_LIMIT) -> JointErrors:
    """The joints of a video.

    Args:
        annotated (AnnotatedSequence): The scored frames of a video.
        predicted (PredictedSequence): Predictions in the same frames.
        frame_numbers (np.ndarray, optional): The frames' numbers, (F, ).
            Defaults to None: no speed is known.
        near_limit (float): Up to how many head sizes a miss is near.

    Returns:
        JointErrors: Its joints.
    """
    matching = match_persons(annotated, predicted)
    outcome, pred_outcome = joint_outcomes(annotated, predicted, matching,
                                           near_limit)
    person, joint = np.nonzero(outcome != ABSENT)
    number = np.full(outcome.shape, -1)
    number[person, joint] = np.arange(len(person))
    pred_person, pred_joint = np.nonzero(pred_outcome != ABSENT)
    partner = matching.pred_to_gt[pred_person]

    speed = np.full(outcome.shape, np.nan)
    if frame_numbers is not None:
        speed = joint_speeds(annotated, frame_numbers)
    crowd = _crowd_indices(annotated)
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
        pred_gt=(np.where(partner < 0, -1, number[partner, pred_joint])
                 if len(number) else np.full(len(partner), -1)),
        pred_crowd=crowd[predicted.frame_index[pred_person]],
        videos=[annotated.name],
        num_frames=annotated.num_frames)


def collect_errors(pred_dir: PathLike,
                   ann_file: PathLike,
                   presence: str = 'poseval',
                   near_limit: float = NEAR_LIMIT) -> JointErrors:
    """The joints of all videos of an annotation file.

    Args:
        pred_dir (str | Path): Predictions, one official json for each video,
            as ``PoseTrackMetric`` writes them with ``out_dir``.
        ann_file (str | Path): Converted or merged annotation file.
        presence (str): Which frames and joints count, see
            :func:`~mmpose_tdmi.evaluation.functional.scored_frames`.
        near_limit (float): Up to how many head sizes a miss is near.

    Returns:
        JointErrors: The joints, videos in alphabetical order.

    Raises:
        FileNotFoundError: If the folder or a file is missing.
        ValueError: If a file is malformed, there are predictions of other
            videos, frames do not agree, or nothing is to be scored.
    """
    pred_dir = Path(pred_dir)
    if not pred_dir.is_dir():
        raise FileNotFoundError(f'there is no folder {pred_dir}')
    videos = load_annotations(ann_file)
    numbers = _frame_numbers(ann_file)
    found = {path.stem for path in pred_dir.glob('*.json')}
    for what, names, error in (
        ('predictions are missing of', set(videos) - found, FileNotFoundError),
        ('there are predictions of videos that the annotation does not list,',
         found - set(videos), ValueError)):
        if names:
            raise error(f'{pred_dir}: {what} {len(names)} videos: '
                        f'{sorted(names)[:3]}; {ann_file} lists videos such '
                        f'as {sorted(videos)[:3]}')
    parts = []
    for name, annotated in videos.items():
        predicted = read_predictions(pred_dir / f'{name}.json')
        annotated, predicted = scored_frames(annotated,
                                             pair_frames(annotated, predicted),
                                             presence)
        of_frames = np.array(
            [numbers[i] for i in annotated.frame_ids.tolist()])
        parts.append(video_errors(annotated, predicted, of_frames, near_limit))
    errors = JointErrors.join(parts) if parts else None
    if errors is None or errors.num_frames == 0:
        raise ValueError(f'{ann_file}: no frame is labelled and has a person, '
                         'there is nothing to score')
    return errors


def _frame_numbers(ann_file: PathLike) -> Dict[int, int]:
    """The images' frame numbers by their ids."""
    images = get_records(read_json(ann_file), 'images', str(ann_file))

    def describe(index: int) -> str:
        return f'{ann_file}: images[{index}]'

    return dict(
        zip(
            field_column(images, 'id', (int, ), describe),
            field_column(images, 'frame_id', (int, ), describe)))


def _crowd_indices(annotated: AnnotatedSequence) -> np.ndarray:
    """The crowd index of every frame, (F, )."""
    starts = np.searchsorted(annotated.frame_index,
                             np.arange(annotated.num_frames + 1))
    return np.array([
        crowd_index(annotated.keypoints[a:b], annotated.present[a:b],
                    annotated.boxes[a:b])
        for a, b in zip(starts[:-1], starts[1:])
    ])


#: What joints can be sliced by.
SLICINGS = ('joint', 'visibility', 'size', 'speed', 'crowd')
#: Edges between slices of head size, in pixels.
SIZE_EDGES = (16., 32., 64., 128.)
#: Edges between slices of speed, in head sizes per frame.
SPEED_EDGES = (0.05, 0.15, 0.3, 0.6)
#: Edges between slices of the crowd index: CrowdPose's easy, medium, hard.
CROWD_EDGES = (0.1, 0.8)
#: The slice of predicted joints that belong to no annotated one.
NO_JOINT = 'no annotated joint'


@dataclass
class Slices:
    """Which slice each joint is in.

    Args:
        by (str): One of :data:`SLICINGS`.
        labels (list[str]): The slices' names.
        index (np.ndarray): The slice of each annotated joint, (n, ).
        pred_index (np.ndarray): The slice of each predicted joint, (m, ).
        has_ap (bool): Whether false positives belong to slices whatever
            their cause, without which there is no precision and no AP.
    """
    by: str
    labels: List[str]
    index: np.ndarray
    pred_index: np.ndarray
    has_ap: bool


def slice_joints(errors: JointErrors, by: str) -> Slices:
    """Put every joint into one slice.

    Args:
        errors (JointErrors): The joints.
        by (str): One of :data:`SLICINGS`.

    Returns:
        Slices: The slices; those of numbers in ascending order.

    Raises:
        ValueError: If there is no such slicing.
    """
    if by == 'joint':
        return Slices(by, list(POSEVAL_JOINTS), errors.joint,
                      errors.pred_joint, True)
    if by == 'crowd':
        labels = _range_labels(CROWD_EDGES, '')
        return Slices(by, labels, np.digitize(errors.crowd, CROWD_EDGES),
                      np.digitize(errors.pred_crowd, CROWD_EDGES), True)
    if by == 'visibility':
        # a file in which nothing is "visible" does not tell what is hidden
        tells = (errors.visibility == 2).any()
        labels = ['visible', 'hidden', 'not told']
        index = np.select(
            [errors.visibility == 2,
             (errors.visibility == 1) & tells], [0, 1], 2)
    elif by == 'size':
        labels = _range_labels(SIZE_EDGES, ' px')
        index = np.digitize(errors.head_size, SIZE_EDGES)
    elif by == 'speed':
        labels = [*_range_labels(SPEED_EDGES, ''), 'unknown']
        index = np.where(
            np.isnan(errors.speed),
            len(labels) - 1, np.digitize(errors.speed, SPEED_EDGES))
    else:
        raise ValueError(f'joints are sliced by one of {SLICINGS}, got {by!r}')
    labels.append(NO_JOINT)
    pred_index = np.full(len(errors.pred_joint), len(labels) - 1)
    known = errors.pred_gt >= 0
    pred_index[known] = index[errors.pred_gt[known]]
    return Slices(by, labels, index, pred_index, False)


def _range_labels(edges: Sequence[float], unit: str) -> List[str]:
    between = [f'{a:g} to {b:g}{unit}' for a, b in zip(edges, edges[1:])]
    return [f'below {edges[0]:g}{unit}', *between, f'from {edges[-1]:g}{unit}']


#: The name of a row over all joints or slices.
ALL = 'all'
_FALSE_POSITIVES = PREDICTIONS[1:]


@dataclass
class ErrorRow:
    """Joints of a slice.

    Args:
        by (str): What was sliced by.
        slice (str): Which slice, :data:`ALL` for the total.
        joint (str): Which joint, :data:`ALL` for all.
        outcomes (dict[str, int]): Annotated joints by outcome.
        predictions (dict[str, int]): Predicted joints by what they are.
        ap (float): Average precision in percent; of several joints the mean
            of those that are annotated in the slice, in the total the
            official one, see ``poseval_ap``. NaN where there is none.
    """
    by: str
    slice: str
    joint: str
    outcomes: Dict[str, int]
    predictions: Dict[str, int]
    ap: float

    @property
    def num_gt(self) -> int:
        """int: Annotated joints."""
        return sum(self.outcomes.values())

    @property
    def num_pred(self) -> int:
        """int: Predicted joints."""
        return sum(self.predictions.values())

    def share(self, outcome: str) -> float:
        """Percentage of the annotated joints with an outcome.

        Args:
            outcome (str): Its name.

        Returns:
            float: NaN without annotated joints.
        """
        if not self.num_gt:
            return float('nan')
        return 100 * self.outcomes[outcome] / self.num_gt


def error_rows(errors: JointErrors, by: str) -> List[ErrorRow]:
    """Count the errors of each slice.

    Args:
        errors (JointErrors): The joints.
        by (str): What to slice by.

    Returns:
        list[ErrorRow]: Of each slice first all joints, then, unless the
        slices are joints, each joint; the total last, likewise.
    """
    slices = slice_joints(errors, by)
    rows: List[ErrorRow] = []
    for place, label in enumerate(slices.labels):
        rows += _slice_rows(errors, slices, label, slices.index == place,
                            slices.pred_index == place)
    everything = np.ones(len(errors.joint), dtype=bool)
    predicted = np.ones(len(errors.pred_joint), dtype=bool)
    total = Slices(by, [], slices.index, slices.pred_index, True)
    return rows + _slice_rows(errors, total, ALL, everything, predicted)


def format_rows(rows: Sequence[ErrorRow]) -> str:
    """A table for people: the rows over all joints.

    Args:
        rows (Sequence[ErrorRow]): Of one slicing.

    Returns:
        str: Lines of text; outcomes in percent of the annotated joints, false
        positives as counts.
    """
    head = [f'by {rows[0].by}', 'joints', 'AP'] + [
        name.replace('_', ' ') for name in OUTCOMES
    ] + ['predicted'] + [name.replace('_', ' ') for name in _FALSE_POSITIVES]
    lines = [head]
    for row in rows:
        if row.joint == ALL or row.by == 'joint':
            lines.append(
                [row.slice, str(row.num_gt),
                 _percent(row.ap)] +
                [_percent(row.share(name))
                 for name in OUTCOMES] + [str(row.num_pred)] +
                [str(row.predictions[n]) for n in _FALSE_POSITIVES])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return '\n'.join('  '.join(
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line, widths)))
                     for line in lines)


def write_csv(path: Union[str, Path], rows: Sequence[ErrorRow]) -> None:
    """All rows, with the counts.

    Args:
        path (str | Path): The file.
        rows (Sequence[ErrorRow]): Of any slicings.
    """
    with atomic_path(path) as temporary:
        with temporary.open('w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(['by', 'slice', 'joint', 'annotated', 'ap'] +
                            [f'gt_{name}'
                             for name in OUTCOMES] + ['predicted'] +
                            [f'pred_{name}' for name in PREDICTIONS])
            for row in rows:
                ap = '' if np.isnan(row.ap) else f'{row.ap:.4f}'
                writer.writerow(
                    [row.by, row.slice, row.joint, row.num_gt, ap] +
                    [row.outcomes[name]
                     for name in OUTCOMES] + [row.num_pred] +
                    [row.predictions[name] for name in PREDICTIONS])


def _slice_rows(errors: JointErrors, slices: Slices, label: str,
                here: np.ndarray, pred_here: np.ndarray) -> List[ErrorRow]:
    """The row of a slice and, unless it is a joint, those of its joints."""
    num_joints = len(POSEVAL_JOINTS)
    outcomes = _counts(errors.joint[here], errors.outcome[here], OUTCOMES)
    predictions = _counts(errors.pred_joint[pred_here],
                          errors.pred_outcome[pred_here], PREDICTIONS)
    ap = np.full(num_joints, np.nan)
    if slices.has_ap:
        ap = np.array([
            _joint_ap(errors, pred_here & (errors.pred_joint == joint),
                      int(outcomes[joint].sum()))
            for joint in range(num_joints)
        ])
        if label != ALL:
            # 0 for a joint that is neither annotated nor predicted is a
            # quirk of the official total
            ap[outcomes.sum(axis=1) == 0] = np.nan

    def row(joint: str, places: slice, value: float) -> ErrorRow:
        return ErrorRow(
            slices.by, label, joint,
            dict(zip(OUTCOMES, outcomes[places].sum(axis=0).tolist())),
            dict(zip(PREDICTIONS, predictions[places].sum(axis=0).tolist())),
            value)

    if slices.by == 'joint' and label != ALL:
        place = POSEVAL_JOINTS.index(label)
        return [row(label, slice(place, place + 1), float(ap[place]))]
    rows = [row(ALL, slice(None), mean_of_known(ap))]
    if slices.by != 'joint':
        rows += [
            row(name, slice(place, place + 1), float(ap[place]))
            for place, name in enumerate(POSEVAL_JOINTS)
        ]
    return rows


def _joint_ap(errors: JointErrors, here: np.ndarray, num_gt: int) -> float:
    hits = errors.pred_outcome[here] == PREDICTIONS.index('hit')
    return 100 * average_precision(hits, errors.pred_score[here], num_gt)


def _counts(joints: np.ndarray, outcomes: np.ndarray,
            names: Sequence[str]) -> np.ndarray:
    """By joint and outcome, (J, outcomes)."""
    flat = np.bincount(
        joints * len(names) + outcomes,
        minlength=len(POSEVAL_JOINTS) * len(names))
    return flat.reshape(len(POSEVAL_JOINTS), len(names))


def _percent(value: float) -> str:
    return '-' if np.isnan(value) else f'{value:.1f}'


#: Colours of the outcomes; hits are grey, errors stand out.
COLOURS = dict(
    hit='#d9d9d9',
    person_missed='#4d4d4d',
    not_predicted='#8c8c8c',
    swap='#d7301f',
    near='#fdbb84',
    other_person='#7b3294',
    far='#2166ac')


def plot_rows(path: Union[str, Path], rows: Sequence[ErrorRow]) -> None:
    """A bar for each slice: which share of its joints became what.

    Args:
        path (str | Path): The picture, its format by its suffix.
        rows (Sequence[ErrorRow]): Of one slicing; rows without annotated
            joints are left out.
    """
    rows = [
        row for row in rows
        if row.num_gt and (row.joint == ALL or row.by == 'joint')
    ]
    figure = Figure(figsize=(9, 1.5 + 0.35 * len(rows)), layout='constrained')
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    left = np.zeros(len(rows))
    for name in OUTCOMES:
        widths = np.array([row.share(name) for row in rows])
        axes.barh(
            places,
            widths,
            left=left,
            color=COLOURS[name],
            label=name.replace('_', ' '))
        left += widths
    axes.set_yticks(places, [_label(row) for row in rows])
    axes.set_xlim(0, 100)
    axes.set_xlabel('% of the annotated joints')
    axes.set_title(f'by {rows[0].by}' if rows else 'no annotated joints')
    figure.legend(loc='outside lower center', ncols=len(OUTCOMES), fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _label(row: ErrorRow) -> str:
    ap = '' if np.isnan(row.ap) else f', AP {row.ap:.1f}'
    return f'{row.slice} ({row.num_gt}{ap})'
