"""What is taken for the size of a head where there are no head boxes.

HiEve annotates neither head boxes nor the top of the head, and does not say
what its PCKh is normalised by.

Shape shorthand: N annotated persons of a frame, K joints.

How much a frame of HiEve counts in the weighted AP.

Shape shorthand: N annotated persons of a frame, K joints.

HiEve's converted annotation file as the metric and the submission need it.

The file is COCO-style, one for a split, as ``tools/dataset_converters`` writes
it; that of the test split lists images and no persons.

Shape shorthand: F frames of all videos, P persons in all of them, N of one
frame, K joints.

An average precision for HiEve's labelled videos, not the official one.

HiEve (Human-in-Events, "HiEve: A Large-Scale Benchmark for Human-centric Video
Analysis in Complex Events", arXiv 2005.04490) scores poses on a server whose
labels and code are not public. Its paper gives this much: AP at the distance
thresholds 0.5, 0.75 and 0.9 of a PCKh, and their mean; a pose is assigned to
the person with which it has the highest PCKh, unassigned ones are false
positives; in the weighted AP (w-AP) a frame counts w = c1 exp(CI) + c2 N, CI
the crowd index, N the number of categories of anomalous actions in the frame.

What it leaves open, and what is done here. A number from here is comparable
with another one from here with the same options, and with nothing else.

* **Head size.** PCKh needs one, HiEve has neither head boxes nor the top of
  the head. There is no default: see :class:`HiEveHeadSize`.
* **PCKh.** The joints of a person that a prediction hits within alpha times
  the head size, over the annotated joints of the person. The assignment of
  AP@alpha is by the PCKh of the same alpha.
* **Assignment.** ``'greedy'``: pairs by falling PCKh, each person and each
  prediction once. ``'argmax'``: as in PoseTrack's toolkit, whose description
  has the same words: a prediction that is not its best person's best is
  unassigned even where another person is free. Ties go to the earlier
  prediction, then to the earlier person.
* **From poses to AP.** As in PoseTrack's: each joint is ranked by its own
  score over all frames, all-point area under the monotone envelope, mean over
  the joints. A joint that nobody has is left out of the mean.
* **Frames without a person** are left out, as there, or kept with all their
  predictions false (``score_empty_frames``).
* **Weights.** A frame's joints and predictions count w times in precision and
  recall. c1 and c2 are 2 and 1 in a later version of the paper's text; whether
  the server uses these was not verified, so they have no default. "Anomalous"
  actions are fighting, fall-over and crouching-bowing "e.g.": the list is an
  option. CI is CrowdPose's: over the persons of a frame the mean ratio of
  other persons' joints in the person's box to the person's own joints.
  Persons without a joint are left out of that mean.

Shape shorthand: N annotated and M predicted persons of a frame, K joints, A
thresholds alpha.
"""
import math
from dataclasses import dataclass
from pathlib import Path
from typing import (Any, Dict, Iterable, List, NamedTuple, Optional, Sequence,
                    Tuple, Union)

import numpy as np

from .ap import crowd_index
from .sequences import field_column, get_records, number_table, read_json


@dataclass(frozen=True)
class HiEveHeadSize:
    """What is taken for the size of a head, in pixels of the image.

    Args:
        rule (str): ``'nose_chest'``, the distance of these two joints;
            ``'box_diagonal'`` or ``'box_height'`` of the person's box.
        factor (float): What it is multiplied by, > 0.
        fallback (HiEveHeadSize | dict, optional): The rule for persons without
            nose or chest; needed with ``'nose_chest'``, else not allowed.

    Raises:
        ValueError: If an argument is not one of those.
    """
    rule: str
    factor: float
    fallback: Optional['HiEveHeadSize'] = None

    RULES = ('nose_chest', 'box_diagonal', 'box_height')

    def __post_init__(self) -> None:
        if self.rule not in self.RULES:
            raise ValueError(f'the rule of a head size must be one of '
                             f'{self.RULES}, got {self.rule!r}')
        if not is_positive(self.factor):
            raise ValueError('the factor of a head size must be positive, got '
                             f'{self.factor!r}')
        if isinstance(self.fallback, dict):
            object.__setattr__(self, 'fallback',
                               HiEveHeadSize(**self.fallback))
        if (self.fallback is not None) != (self.rule == 'nose_chest'):
            raise ValueError(
                "head size 'nose_chest' needs a fallback for persons without "
                'nose or chest, other rules have none; got the rule '
                f'{self.rule!r} with the fallback {self.fallback}')
        if self.fallback is not None and self.fallback.rule == 'nose_chest':
            raise ValueError("the fallback of 'nose_chest' must be a rule of "
                             'boxes')

    def __str__(self) -> str:
        otherwise = '' if self.fallback is None else f', else {self.fallback}'
        return f'{self.factor:g} x {self.rule}{otherwise}'

    def __call__(self, keypoints: np.ndarray, present: np.ndarray,
                 boxes: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Head sizes of annotated persons.

        Args:
            keypoints (np.ndarray): Joints, (N, K, 2), pixels.
            present (np.ndarray): Which are annotated, (N, K) bool.
            boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
            names (Sequence[str]): The K joints' names.

        Returns:
            np.ndarray: (N,), pixels.
        """
        sides = boxes[:, 2:] - boxes[:, :2]
        if self.rule == 'box_diagonal':
            return self.factor * np.linalg.norm(sides, axis=1)
        if self.rule == 'box_height':
            return self.factor * sides[:, 1]
        nose, chest = names.index('nose'), names.index('chest')
        distance = np.linalg.norm(
            keypoints[:, nose] - keypoints[:, chest], axis=1)
        both = present[:, nose] & present[:, chest]
        return np.where(both, self.factor * distance,
                        self.fallback(keypoints, present, boxes, names))


def is_positive(value: Any) -> bool:
    """Whether a value is a finite number above 0."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) and value > 0)


@dataclass(frozen=True)
class HiEveFrameWeights:
    """The weight of a frame, w = c1 exp(CI) + c2 N.

    Args:
        c1 (float): Of the crowd index, >= 0.
        c2 (float): Of the number of categories of anomalous actions, >= 0.
        anomalous_actions (Sequence[str]): The names of these categories.
            Empty only if ``c2`` is 0.

    Raises:
        ValueError: If an argument is not one of those.
    """
    c1: float
    c2: float
    anomalous_actions: Tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ('c1', 'c2'):
            value = getattr(self, name)
            if value != 0 and not is_positive(value):
                raise ValueError(f'{name} must be a number >= 0, got '
                                 f'{value!r}')
        if self.c1 == self.c2 == 0:
            raise ValueError('c1 and c2 are both 0: no frame would count')
        if isinstance(self.anomalous_actions, str):
            raise ValueError('anomalous_actions must be a sequence of names, '
                             f'got {self.anomalous_actions!r}')
        actions = tuple(self.anomalous_actions)
        if bool(actions) != (self.c2 != 0):
            raise ValueError(
                'anomalous_actions names the categories that c2 counts, give '
                f'both or neither; got c2 = {self.c2:g} and {actions}')
        object.__setattr__(self, 'anomalous_actions', actions)

    def __str__(self) -> str:
        text = f'{self.c1:g} exp(CI)'
        if self.c2:
            text += f' + {self.c2:g} N of {", ".join(self.anomalous_actions)}'
        return text

    def __call__(self, keypoints: np.ndarray, present: np.ndarray,
                 boxes: np.ndarray, actions: Iterable[str]) -> float:
        """The weight of a frame.

        Args:
            keypoints (np.ndarray): Annotated joints, (N, K, 2).
            present (np.ndarray): Which are annotated, (N, K) bool.
            boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
            actions (Iterable[str]): What the persons do.

        Returns:
            float: >= 0.
        """
        anomalous = len(set(actions) & set(self.anomalous_actions))
        index = crowd_index(keypoints, present, boxes)
        return self.c1 * math.exp(index) + self.c2 * anomalous


class FramePersons(NamedTuple):
    """The annotated persons of a frame, in pixels of its image.

    Args:
        keypoints (np.ndarray): Joints, (N, K, 2).
        present (np.ndarray): Which are annotated, (N, K) bool.
        boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
        actions (tuple[str]): What they do, as far as the file tells.
    """
    keypoints: np.ndarray
    present: np.ndarray
    boxes: np.ndarray
    actions: Tuple[str, ...]


@dataclass
class HiEveAnnotations:
    """A converted annotation file.

    Args:
        path (str): The file.
        keypoint_names (list[str]): The K joints.
        image_ids (list[int]): The images' ids, F, videos one after another,
            the frames of each in time.
        frame_names (list[str]): The images' paths, F.
        videos (list[str]): The names of their videos, F.
        labelled (np.ndarray): Which are labelled, (F, ) bool.
        keypoints (np.ndarray): Joints of all persons, (P, K, 2), those of a
            frame together.
        present (np.ndarray): Which are annotated, (P, K) bool.
        boxes (np.ndarray): x1, y1, x2, y2, (P, 4).
        actions (list[str | None]): What the persons do, P; None where the
            file does not tell.
        first_row (np.ndarray): Where a frame's persons begin, (F + 1, ).
    """
    path: str
    keypoint_names: List[str]
    image_ids: List[int]
    frame_names: List[str]
    videos: List[str]
    labelled: np.ndarray
    keypoints: np.ndarray
    present: np.ndarray
    boxes: np.ndarray
    actions: List[Any]
    first_row: np.ndarray

    @property
    def has_actions(self) -> bool:
        """bool: Whether any person has an action."""
        return any(action is not None for action in self.actions)

    def persons(self, frame: int) -> FramePersons:
        """The persons of a frame.

        Args:
            frame (int): Its place among the F.

        Returns:
            FramePersons: Its N persons.
        """
        rows = slice(*self.first_row[frame:frame + 2])
        return FramePersons(
            self.keypoints[rows], self.present[rows], self.boxes[rows],
            tuple(a for a in self.actions[rows] if a is not None))

    def frames_by_video(self) -> Dict[str, List[int]]:
        """The places of each video's frames.

        Returns:
            dict[str, list[int]]: By the video's name.
        """
        places: Dict[str, List[int]] = {}
        for frame, video in enumerate(self.videos):
            places.setdefault(video, []).append(frame)
        return places


def load_hieve_annotations(path: Union[str, Path]) -> HiEveAnnotations:
    """Read a converted annotation file of HiEve.

    Args:
        path (str | Path): The file.

    Returns:
        HiEveAnnotations: Its content.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If a field is missing or malformed, or there are ignore
            regions, which HiEve has none of.
    """
    content, where = read_json(path), str(path)
    names = _joint_names(content, where)
    images = get_records(content, 'images', where)
    order = _frame_order(content, images, where)
    images = [images[i] for i, _ in order]

    def describe(frame: int) -> str:
        return f'{where}: image {images[frame]["id"]}'

    ids = field_column(images, 'id', (int, ), describe)
    frame_of = {image_id: frame for frame, image_id in enumerate(ids)}
    if len(frame_of) != len(ids):
        raise ValueError(f'{where}: the ids of images are not unique')
    for frame, image in enumerate(images):
        if image.get('ignore_regions_x') or image.get('ignore_regions_y'):
            raise ValueError(f'{describe(frame)} has ignore regions; HiEve '
                             'has none, and its metric no rule for them')
    labelled = np.array(
        field_column(images, 'is_labeled', (bool, int), describe, True),
        dtype=bool)
    persons = _persons(content, frame_of, labelled, where)

    def describe_person(row: int) -> str:
        return f'{where}: annotation {persons[row].get("id")!r}'

    joints = number_table(
        field_column(persons, 'keypoints', (list, ), describe_person),
        3 * len(names), describe_person, 'keypoints')
    joints = joints.reshape(-1, len(names), 3)
    boxes = number_table(
        field_column(persons, 'bbox', (list, ), describe_person), 4,
        describe_person, 'bbox')
    with np.errstate(over='ignore'):
        boxes[:, 2:] += boxes[:, :2]
    if not np.isfinite(boxes).all():
        row = int(np.argmin(np.isfinite(boxes).all(axis=1)))
        raise ValueError(f'{describe_person(row)}: "bbox" is '
                         f'{persons[row]["bbox"]}, which ends at infinity')
    counts = np.bincount([frame_of[p['image_id']] for p in persons],
                         minlength=len(ids))
    return HiEveAnnotations(
        path=where,
        keypoint_names=names,
        image_ids=ids,
        frame_names=[image['file_name'] for image in images],
        videos=[video for _, video in order],
        labelled=labelled,
        keypoints=joints[..., :2],
        present=(joints != 0).any(axis=2),
        boxes=boxes,
        actions=field_column(persons, 'action', (str, type(None)),
                             describe_person, None),
        first_row=np.concatenate([[0], np.cumsum(counts)]).astype(int))


def _joint_names(content: Any, where: str) -> List[str]:
    named = [
        category['keypoints']
        for category in get_records(content, 'categories', where)
        if category.get('keypoints')
    ]
    if len(named) != 1 or not isinstance(named[0], list) or not all(
            isinstance(name, str) for name in named[0]):
        raise ValueError(f'{where}: expected one category with "keypoints", '
                         f'the joints\' names, found {named}')
    return named[0]


def _frame_order(content: dict, images: List[dict],
                 where: str) -> List[Tuple[int, str]]:
    """Images' places, videos together and in time, and their videos."""

    def describe(index: int) -> str:
        return f'{where}: images[{index}]'

    titles: Dict[Any, str] = {}
    if 'videos' in content:
        videos = get_records(content, 'videos', where)

        def describe_video(index: int) -> str:
            return f'{where}: videos[{index}]'

        titles = dict(
            zip(
                field_column(videos, 'id', (str, int), describe_video),
                field_column(videos, 'name', (str, ), describe_video)))
    numbers = field_column(images, 'frame_id', (int, ), describe)
    ids = field_column(images, 'vid_id', (str, int), describe)
    field_column(images, 'file_name', (str, ), describe)
    field_column(images, 'id', (int, ), describe)
    unknown = [video for video in ids if titles and video not in titles]
    if unknown:
        raise ValueError(f'{where}: the vid_id {unknown[0]!r} of an image is '
                         'not in "videos"')
    rank: Dict[Any, int] = {}
    for video in (*titles, *ids):
        rank.setdefault(video, len(rank))
    order = sorted(
        range(len(images)), key=lambda i: (rank[ids[i]], numbers[i]))
    return [(i, titles.get(ids[i], str(ids[i]))) for i in order]


def _persons(content: dict, frame_of: Dict[int, int], labelled: np.ndarray,
             where: str) -> List[dict]:
    """The annotations of labelled images, in the order of the frames."""
    annotations = get_records(content, 'annotations', where)
    of = field_column(annotations, 'image_id', (int, ),
                      lambda i: f'{where}: annotations[{i}]')
    unknown = [image_id for image_id in of if image_id not in frame_of]
    if unknown:
        raise ValueError(f'{where}: annotations are of images that the file '
                         f'does not list: {unknown[:3]}')
    frames = [frame_of[image_id] for image_id in of]
    return [
        annotations[i]
        for i in sorted(range(len(frames)), key=frames.__getitem__)
        if labelled[frames[i]]
    ]


#: The thresholds of HiEve's tables.
HIEVE_ALPHAS = (0.5, 0.75, 0.9)
HIEVE_ASSIGNMENTS = ('greedy', 'argmax')


@dataclass
class HiEveFrame:
    """Ground truth and predictions of a frame, in pixels of its image.

    Args:
        keypoints (np.ndarray): Annotated joints, (N, K, 2).
        present (np.ndarray): Which of them are annotated, (N, K) bool.
        boxes (np.ndarray): The persons' boxes, x1, y1, x2, y2, (N, 4).
        pred_keypoints (np.ndarray): Predicted joints, (M, K, 2).
        pred_scores (np.ndarray): Their scores, (M, K).
        actions (Sequence[str]): What the persons do. Defaults to none.
    """
    keypoints: np.ndarray
    present: np.ndarray
    boxes: np.ndarray
    pred_keypoints: np.ndarray
    pred_scores: np.ndarray
    actions: Sequence[str] = ()


@dataclass
class HiEveResult:
    """Unofficial APs in percent.

    Args:
        alphas (tuple[float]): The A thresholds.
        ap (np.ndarray): By threshold and joint, (A, K); NaN for joints that
            are annotated nowhere.
        weighted_ap (np.ndarray, optional): The same with frame weights.
        num_gt (np.ndarray): Annotated joints, (K,).
        num_frames (int): Frames scored.
    """
    alphas: Tuple[float, ...]
    ap: np.ndarray
    weighted_ap: Optional[np.ndarray]
    num_gt: np.ndarray
    num_frames: int

    def summary(self) -> Dict[str, float]:
        """Means over the joints.

        Returns:
            dict[str, float]: ``AP@<alpha>``, their mean ``AP@avg`` and, where
            there are weights, ``wAP@<alpha>`` and ``wAP@avg``.
        """
        values = {}
        for name, ap in (('AP', self.ap), ('wAP', self.weighted_ap)):
            if ap is None:
                continue
            means = [
                float(row[~np.isnan(row)].mean())
                if not np.isnan(row).all() else float('nan') for row in ap
            ]
            for alpha, mean in zip(self.alphas, means):
                values[f'{name}@{alpha:g}'] = mean
            values[f'{name}@avg'] = sum(means) / len(means)
        return values


def hieve_ap(frames: Iterable[HiEveFrame],
             names: Sequence[str],
             head_size: HiEveHeadSize,
             alphas: Sequence[float] = HIEVE_ALPHAS,
             assignment: str = 'greedy',
             frame_weights: Optional[HiEveFrameWeights] = None,
             score_empty_frames: bool = False) -> HiEveResult:
    """Unofficial average precision, see the module's description.

    Args:
        frames (Iterable[HiEveFrame]): The frames of all videos.
        names (Sequence[str]): The K joints' names.
        head_size (HiEveHeadSize): The rule.
        alphas (Sequence[float]): The A thresholds, in head sizes.
        assignment (str): ``'greedy'`` or ``'argmax'``.
        frame_weights (HiEveFrameWeights, optional): Give w-AP, too.
        score_empty_frames (bool): Whether predictions in frames without a
            person are false positives. Defaults to False, they are left out.

    Returns:
        HiEveResult: The figures.

    Raises:
        ValueError: If there is no threshold or one is not positive, or the
            assignment is unknown.
    """
    alphas = tuple(alphas)
    if not alphas or not all(is_positive(alpha) for alpha in alphas):
        raise ValueError(f'alphas must be positive numbers, got {alphas}')
    if assignment not in HIEVE_ASSIGNMENTS:
        raise ValueError(f'assignment must be one of {HIEVE_ASSIGNMENTS}, got '
                         f'{assignment!r}')
    num_joints, num_frames = len(names), 0
    num_gt = np.zeros(num_joints, dtype=np.int64)
    weight_gt = np.zeros(num_joints)
    hits: List[np.ndarray] = [np.zeros((0, len(alphas), num_joints), bool)]
    scores: List[np.ndarray] = [np.zeros((0, num_joints))]
    weights: List[np.ndarray] = [np.zeros(0)]
    for frame in frames:
        if len(frame.keypoints) == 0 and not score_empty_frames:
            continue
        num_frames += 1
        weight = 1.
        if frame_weights is not None:
            weight = frame_weights(frame.keypoints, frame.present, frame.boxes,
                                   frame.actions)
        present = frame.present.sum(axis=0)
        num_gt += present
        weight_gt += weight * present
        hits.append(_frame_hits(frame, names, head_size, alphas, assignment))
        scores.append(frame.pred_scores)
        weights.append(np.full(len(frame.pred_scores), weight))
    pooled, ranks = np.concatenate(hits), np.concatenate(scores)
    pooled_weights = np.concatenate(weights)

    def ap(of: np.ndarray, total: np.ndarray) -> np.ndarray:
        return 100 * np.array([[
            weighted_average_precision(pooled[:, a, k], ranks[:, k], of,
                                       float(total[k]))
            for k in range(num_joints)
        ] for a in range(len(alphas))])

    return HiEveResult(
        alphas=alphas,
        ap=ap(np.ones(len(ranks)), num_gt),
        weighted_ap=None if frame_weights is None else ap(
            pooled_weights, weight_gt),
        num_gt=num_gt,
        num_frames=num_frames)


def assign_persons(pckh: np.ndarray, assignment: str) -> List[Tuple[int, int]]:
    """Pairs of predicted and annotated persons.

    Args:
        pckh (np.ndarray): Shares of joints hit, (M, N).
        assignment (str): ``'greedy'`` or ``'argmax'``.

    Returns:
        list[tuple[int, int]]: Prediction and person, each at most once, all
        of a share above 0.
    """
    rows, columns = np.nonzero(pckh > 0)
    if assignment == 'argmax':
        best = pckh.argmax(axis=1)[rows] == columns
        rows, columns = rows[best], columns[best]
    # stable: ties stay in the order of predictions, then of persons
    order = np.argsort(-pckh[rows, columns], kind='stable')
    pairs, used_rows, used_columns = [], set(), set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist()):
        if row not in used_rows and column not in used_columns:
            pairs.append((row, column))
            used_rows.add(row)
            used_columns.add(column)
    return pairs


def weighted_average_precision(hits: np.ndarray, scores: np.ndarray,
                               weights: np.ndarray, total: float) -> float:
    """Area under the monotone envelope of a weighted precision-recall curve.

    Args:
        hits (np.ndarray): Which predictions are hits, (n,) bool.
        scores (np.ndarray): Their scores, (n,).
        weights (np.ndarray): How much each counts, (n,), >= 0.
        total (float): The weight of all that could be hit.

    Returns:
        float: In [0, 1]; NaN if there is nothing to be hit.
    """
    if total == 0:
        return float('nan')
    counts = weights > 0
    hits, scores, weights = hits[counts], scores[counts], weights[counts]
    # as poseval_ap: of equal scores the last one given comes first
    order = np.argsort(scores, kind='stable')[::-1]
    found = np.cumsum(weights[order] * hits[order])
    precision = found / np.cumsum(weights[order])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(found / total, prepend=0.) * envelope))


def _frame_hits(frame: HiEveFrame, names: Sequence[str],
                head_size: HiEveHeadSize, alphas: Sequence[float],
                assignment: str) -> np.ndarray:
    """Which joints of predictions are hits, (M, A, K) bool."""
    num_pred = len(frame.pred_keypoints)
    result = np.zeros((num_pred, len(alphas), len(names)), dtype=bool)
    if not num_pred or not len(frame.keypoints):
        return result
    sizes = head_size(frame.keypoints, frame.present, frame.boxes, names)
    offsets = frame.pred_keypoints[:, None] - frame.keypoints[None]
    # a head without extent makes the distance infinite or NaN: no hit
    with np.errstate(divide='ignore', invalid='ignore'):
        distances = np.linalg.norm(offsets, axis=-1) / sizes[None, :, None]
    joints = np.maximum(frame.present.sum(axis=1), 1)
    for place, alpha in enumerate(alphas):
        hit = (distances <= alpha) & frame.present[None]
        pckh = hit.sum(axis=2) / joints
        for row, column in assign_persons(pckh, assignment):
            result[row, place] = hit[row, column]
    return result
