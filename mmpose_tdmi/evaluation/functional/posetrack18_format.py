"""PoseTrack18-format json as pose sequences.

``images``, ``annotations`` and ``categories`` as in the official per-video
files of PoseTrack18 and 21, in predictions of that format, and in the merged
file of a whole split. Which joints there are is taken from the names in the
file, never from their position; a joint is absent only if x = y = v = 0.

Shape shorthand: F frames, P persons, J = 15 scored joints, K keypoints of the
file's layout, C corners of a polygon.
"""
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from .ignore_regions import regions_as_polygons
from .json_fields import field_column, get_records, number_table, shorten
from .pose_sequences import NO_TRACK, AnnotatedSequence, PredictedSequence
from .posetrack_joints import joint_columns

#: The score that a predicted joint without a score gets, as in poseval.
MISSING_SCORE = -9999.


def parse_posetrack18_annotations(content: Any,
                                  where: str) -> AnnotatedSequence:
    """Ground truth, all images of the content in the order of the file.

    Args:
        content: The content of a PoseTrack18-format file.
        where (str): The file, for errors.

    Returns:
        AnnotatedSequence: All its images as one sequence without a name.

    Raises:
        ValueError: If a field is missing or malformed.
    """
    frames = _Frames(content, where)
    labelled = np.array(
        field_column(frames.images, 'is_labeled', (bool, int), frames.describe,
                     True),
        dtype=bool)
    persons, index = frames.persons, frames.frame_index
    _fill_unlabelled(persons, labelled[index], frames.num_keypoints)
    keypoints, present = frames.keypoints()
    describe = frames.describe_person
    return AnnotatedSequence(
        name='',
        frame_names=frames.names,
        frame_ids=frames.ids,
        frame_index=index,
        keypoints=keypoints[..., :2],
        present=present,
        track_ids=frames.track_ids(),
        head_boxes=_boxes(persons, 'bbox_head', describe, labelled[index]),
        boxes=_boxes(persons, 'bbox', describe),
        visibility=keypoints[..., 2],
        labelled=labelled,
        annotated=np.bincount(index, minlength=len(frames.names)) > 0,
        ignore_regions=_ignore_regions(frames))


def parse_posetrack18_predictions(content: Any,
                                  where: str) -> PredictedSequence:
    """Predictions, all images of the content in the order of the file.

    Args:
        content: The content of a PoseTrack18-format file whose annotations
            have ``scores``, one per keypoint. A person without (or with an
            empty list) gets :data:`MISSING_SCORE` for every joint.
        where (str): The file, for errors.

    Returns:
        PredictedSequence: All its images as one sequence without a name.

    Raises:
        ValueError: If a field is missing or malformed.
    """
    frames = _Frames(content, where)
    persons, describe = frames.persons, frames.describe_person
    keypoints, present = frames.keypoints()
    missing = [MISSING_SCORE] * frames.num_keypoints
    scores = number_table([p.get('scores') or missing for p in persons],
                          frames.num_keypoints, describe, 'scores')
    return PredictedSequence(
        name='',
        frame_names=frames.names,
        frame_ids=frames.ids,
        frame_index=frames.frame_index,
        keypoints=keypoints[..., :2],
        present=present,
        track_ids=frames.track_ids(),
        scores=scores[:, frames.columns])


def track_table(track_ids: np.ndarray, describe: Callable[[int],
                                                          str]) -> np.ndarray:
    """Track ids as integers.

    Args:
        track_ids (np.ndarray): One per person, (P, ) of any type.
        describe (Callable[[int], str]): Names the file and person.

    Returns:
        np.ndarray: (P, ) int64.

    Raises:
        ValueError: If one is not an integer.
    """
    wrong = (np.abs(track_ids) > 2**53) | (np.floor(track_ids) != track_ids)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueError(f'{describe(index)}: "track_id" is '
                         f'{track_ids[index]}, expected an integer')
    return track_ids.astype(np.int64)


class _Frames:
    """The images of a file and its persons, those of an image together.

    Args:
        content: The content of the file.
        where (str): The file, for errors.
    """

    def __init__(self, content: Any, where: str) -> None:
        self.where = where
        self.images = get_records(content, 'images', where)
        persons = get_records(content, 'annotations', where)
        names = _keypoint_names(content, where)
        self.columns = joint_columns(names, where)
        self.num_keypoints = len(names)
        ids = field_column(self.images, 'id', (int, ), self.describe)
        self.ids = _int64(ids, where)
        self.names = field_column(self.images, 'file_name', (str, ),
                                  self.describe)
        number = {image_id: i for i, image_id in enumerate(ids)}
        if len(number) != len(ids):
            repeated = [x for i, x in enumerate(ids) if number[x] != i]
            raise ValueError(f'{where}: ids of images must be unique, but '
                             f'{repeated[:3]} occur more than once')
        index = _frame_of_persons(persons, number, where)
        order = np.argsort(index, kind='stable')
        self.frame_index = index[order]
        self.persons: List[dict] = [persons[i] for i in order]

    def describe(self, index: int) -> str:
        """str: Names an image."""
        image = self.images[index]
        return (f'{self.where}: images[{index}] (id '
                f'{shorten(image.get("id"))}, '
                f'{shorten(image.get("file_name"))})')

    def describe_person(self, index: int) -> str:
        """str: Names a person's record."""
        person = self.persons[index]
        return (f'{self.where}: annotation {shorten(person.get("id"))} of '
                f'image {shorten(person.get("image_id"))}')

    def track_ids(self) -> np.ndarray:
        """Whose track each person is, (P, ) int64."""
        values = field_column(self.persons, 'track_id', (int, float),
                              self.describe_person, NO_TRACK)
        table = number_table([[value] for value in values], 1,
                             self.describe_person, 'track_id')
        return track_table(table[:, 0], self.describe_person)

    def keypoints(self) -> Tuple[np.ndarray, np.ndarray]:
        """x, y, v of the scored joints (P, J, 3), which are present."""
        values = field_column(self.persons, 'keypoints', (list, ),
                              self.describe_person)
        table = number_table(values, 3 * self.num_keypoints,
                             self.describe_person, 'keypoints')
        table = table.reshape(-1, self.num_keypoints, 3)[:, self.columns]
        return table, (table != 0).any(axis=-1)


def _keypoint_names(content: dict, where: str) -> List[str]:
    categories = get_records(content, 'categories', where)
    named = [c['keypoints'] for c in categories if c.get('keypoints')]
    if len(named) != 1:
        raise ValueError(f'{where}: expected exactly one category with '
                         f'"keypoints" (their names), found {len(named)}')
    names = named[0]
    if not (isinstance(names, list) and all(isinstance(n, str)
                                            for n in names)):
        raise ValueError(f'{where}: "keypoints" of the category is '
                         f'{shorten(names)}, expected a list of names')
    return names


def _int64(ids: Sequence[int], where: str) -> np.ndarray:
    try:
        return np.array(ids, dtype=np.int64)
    except OverflowError as error:
        raise ValueError(f'{where}: "id" of an image is too large: '
                         f'{shorten(max(ids, key=abs))}') from error


def _frame_of_persons(persons: Sequence[dict], number: Dict[int, int],
                      where: str) -> np.ndarray:
    try:
        index = [number[person['image_id']] for person in persons]
    except (KeyError, TypeError):
        ids = field_column(persons, 'image_id', (int, ),
                           lambda i: f'{where}: annotations[{i}]')
        raise ValueError(
            f'{where}: annotations of images that the file does not list, '
            f'image_id {sorted(set(ids) - set(number))[:5]}') from None
    return np.array(index, dtype=np.int64)


def _fill_unlabelled(persons: List[dict], labelled: np.ndarray,
                     num_keypoints: int) -> None:
    """Give persons of unlabelled frames, which may be boxes only, no joint."""
    for i in np.flatnonzero(~labelled):
        if not persons[i].get('keypoints'):
            persons[i] = dict(persons[i], keypoints=[0] * (3 * num_keypoints))


def _boxes(
    persons: Sequence[dict],
    key: str,
    describe: Callable[[int], str],
    required: Sequence[bool] = ()) -> np.ndarray:
    """Boxes as corners (P, 4), NaN where there is none."""
    rows = [i for i, person in enumerate(persons) if person.get(key)]
    lacking = np.ones(len(persons), dtype=bool)
    lacking[rows] = False
    if len(required) and (lacking & required).any():
        index = int(np.argmax(lacking & required))
        raise ValueError(f'{describe(index)} has no "{key}"')
    table = number_table([persons[i][key] for i in rows], 4,
                         lambda i: describe(rows[i]), key)
    boxes = np.full((len(persons), 4), np.nan)
    boxes[rows, :2] = table[:, :2]
    boxes[rows, 2:] = table[:, :2] + table[:, 2:]
    return boxes


def _ignore_regions(frames: _Frames) -> List[List[np.ndarray]]:
    regions: List[List[Tuple[Any, Any]]] = []
    for i, image in enumerate(frames.images):
        xs = image.get('ignore_regions_x') or []
        ys = image.get('ignore_regions_y') or []
        if not (isinstance(xs, list) and isinstance(ys, list)):
            raise ValueError(f'{frames.describe(i)}: ignore regions are '
                             f'{shorten(xs)} and {shorten(ys)}, expected '
                             'lists of lists')
        if len(xs) != len(ys):
            raise ValueError(f'{frames.describe(i)}: {len(xs)} '
                             f'ignore_regions_x but {len(ys)} '
                             'ignore_regions_y')
        if xs and not any(isinstance(x, list) for x in xs):
            xs, ys = [xs], [ys]  # a single region may be given flat
        regions.append(list(zip(xs, ys)))
    return regions_as_polygons(regions, frames.describe)
