"""PoseTrack18-format json as pose sequences.

``images``, ``annotations`` and ``categories`` as in the official per-video
files of PoseTrack18 and 21, in predictions of that format, and in the merged
file of a whole split. Which joints there are is taken from the names in the
file, never from their position; a joint is absent only if x = y = v = 0.

Shape shorthand: F frames, P persons, J = 15 scored joints, K keypoints of the
file's layout, C corners of a polygon.

PoseTrack17's annolist json as pose sequences.

One file per video: a list of frames, each with its persons
(``annorect``), their points and the head box, every number in a list of its
own. A joint is absent if no point has its id. A person without a list of
points is left out, as in poseval, but makes its frame one with annotations.

Shape shorthand: F frames, P persons, Q points of all of them, J = 15 joints.

Files of PoseTrack poses: one video's, and a merged one of many.

Official files are per video, in PoseTrack17's annolist format or PoseTrack18's
COCO-like one (which PoseTrack21 shares); which it is, is seen from the
content. The merged file of a split is PoseTrack18-format, with or without a
table of its ``videos``.
; see ``pose_sequences``.

What of a video is scored: frames, joints, persons.

Shape shorthand: F frames of a video.
"""
import warnings
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from .sequences import (NO_TRACK, POSEVAL_JOINTS, AnnotatedSequence,
                        PoseSequence, PredictedSequence, Sequence_,
                        drop_ignored, field_column, get_records, joint_columns,
                        number_table, read_json, regions_as_polygons, shorten)

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


_J = len(POSEVAL_JOINTS)


def parse_posetrack17_annotations(content: Any,
                                  where: str) -> AnnotatedSequence:
    """Ground truth of a video.

    Args:
        content: The content of an annolist file.
        where (str): The file, for errors.

    Returns:
        AnnotatedSequence: The video, without a name.

    Raises:
        ValueError: If a field is missing or malformed.
    """
    frames = _posetrack17_format_Frames(content, where)
    points = _Points(frames)
    head_boxes = np.full((len(frames.persons), 4), np.nan)
    # persons of unlabelled frames may lack one
    rows = [
        i for i, person in enumerate(frames.persons)
        if frames.labelled[frames.frame_index[i]] or 'x1' in person
    ]
    for column, key in enumerate(('x1', 'y1', 'x2', 'y2')):
        head_boxes[rows, column] = number_table(
            [frames.persons[i].get(key) for i in rows], 1,
            lambda i: frames.describe_person(rows[i]), key)[:, 0]
    return AnnotatedSequence(
        name='',
        frame_names=frames.names,
        frame_ids=np.arange(len(frames.names)),
        frame_index=frames.frame_index,
        keypoints=points.keypoints,
        present=points.present,
        track_ids=frames.track_ids(),
        head_boxes=head_boxes,
        boxes=np.full((len(frames.persons), 4), np.nan),
        visibility=points.column('is_visible', np.nan),
        labelled=frames.labelled,
        annotated=frames.annotated,
        ignore_regions=regions_as_polygons([
            _posetrack17_format_ignore_regions(frames, i)
            for i in range(len(frames.names))
        ], frames.describe))


def parse_posetrack17_predictions(content: Any,
                                  where: str) -> PredictedSequence:
    """Predictions for a video.

    Args:
        content: The content of an annolist file whose points have a
            ``score``; those without get ``MISSING_SCORE``.
        where (str): The file, for errors.

    Returns:
        PredictedSequence: The video, without a name.

    Raises:
        ValueError: If a field is missing or malformed.
    """
    frames = _posetrack17_format_Frames(content, where)
    points = _Points(frames)
    return PredictedSequence(
        name='',
        frame_names=frames.names,
        frame_ids=np.arange(len(frames.names)),
        frame_index=frames.frame_index,
        keypoints=points.keypoints,
        present=points.present,
        track_ids=frames.track_ids(),
        scores=points.column('score', MISSING_SCORE))


class _posetrack17_format_Frames:
    """The frames of a file and those of its persons that have points.

    Args:
        content: The content of the file.
        where (str): The file, for errors.
    """

    def __init__(self, content: Any, where: str) -> None:
        self.where = where
        self.records = get_records(content, 'annolist', where)
        self.names = [self._name(i) for i in range(len(self.records))]
        self.labelled = np.array(
            [self._is_labelled(i) for i in range(len(self.records))],
            dtype=bool)
        self.persons: List[dict] = []
        self.points: List[List[dict]] = []
        counts, annotated = [], []
        for i, record in enumerate(self.records):
            rects = get_records(record, 'annorect', self.describe(i))
            annotated.append(len(rects) > 0)
            before = len(self.persons)
            for rect in rects:
                points = self._points(rect, i)
                if points is not None:
                    self.persons.append(rect)
                    self.points.append(points)
            counts.append(len(self.persons) - before)
        self.annotated = np.array(annotated, dtype=bool)
        self.frame_index = np.repeat(
            np.arange(len(counts)), np.array(counts, dtype=np.int64))

    def describe(self, index: int) -> str:
        """str: Names a frame."""
        name = self.names[index] if index < len(self.names) else ''
        return f'{self.where}: annolist[{index}] ({name})'

    def describe_person(self, index: int) -> str:
        """str: Names a person's record."""
        frame = int(self.frame_index[index])
        return (f'{self.describe(frame)}: person '
                f'{index - int(np.searchsorted(self.frame_index, frame))} of '
                'those with points')

    def track_ids(self) -> np.ndarray:
        """np.ndarray: (P, ) int64."""
        values = [p.get('track_id') or [NO_TRACK] for p in self.persons]
        table = number_table(values, 1, self.describe_person, 'track_id')
        return track_table(table[:, 0], self.describe_person)

    def _name(self, index: int) -> str:
        where = f'{self.where}: annolist[{index}]'
        image = get_records(self.records[index], 'image', where)
        if len(image) != 1 or not isinstance(image[0].get('name'), str):
            raise ValueError(f'{where}: "image" is {shorten(image)}, expected '
                             'one object with the "name" of the file')
        return image[0]['name']

    def _is_labelled(self, index: int) -> bool:
        value = self.records[index].get('is_labeled', [1])
        value = value[0] if isinstance(value, list) and len(value) == 1 \
            else value
        if not isinstance(value, (bool, int)):
            raise ValueError(f'{self.describe(index)}: "is_labeled" is '
                             f'{shorten(value)}, expected [0] or [1]')
        return bool(value)

    def _points(self, rect: dict, index: int) -> Optional[List[dict]]:
        annopoints = rect.get('annopoints')
        if isinstance(annopoints, list) and annopoints:
            annopoints = annopoints[0]
        if not annopoints:
            return None
        if not isinstance(annopoints, dict):
            raise ValueError(
                f'{self.describe(index)}: "annopoints" is '
                f'{shorten(annopoints)}, expected a list of one object')
        if 'point' not in annopoints:
            return None
        return get_records(annopoints, 'point', self.describe(index))


class _Points:
    """The points of all persons, put where they belong.

    Args:
        frames (_Frames): The frames with their persons.

    Raises:
        ValueError: If an id is no joint's.
    """

    def __init__(self, frames: _posetrack17_format_Frames) -> None:
        self._frames = frames
        self._points = list(chain.from_iterable(frames.points))
        counts = np.array([len(p) for p in frames.points], dtype=np.int64)
        self._person = np.repeat(np.arange(len(counts)), counts)
        ids = self._numbers(self._points, 'id')
        wrong = ~np.isin(ids, np.arange(_J))
        if wrong.any():
            index = int(np.argmax(wrong))
            raise ValueError(f'{self._describe(self._points, index)}: "id" is '
                             f'{ids[index]:g}, expected 0 to {_J - 1}')
        slots = self._person * _J + ids.astype(np.int64)
        # of points that share an id the first counts, as in poseval
        self._slots, self._first = np.unique(slots, return_index=True)
        if len(self._first) < len(slots):
            warnings.warn(
                f'{frames.where}: {len(slots) - len(self._first)} points '
                'repeat the id of another one of their person; the first '
                'counts')
        self.present = np.zeros((len(counts), _J), dtype=bool)
        self.present.flat[self._slots] = True
        self.keypoints = np.stack(
            [self.column(key, 0., required=True) for key in 'xy'], axis=-1)

    def column(self,
               key: str,
               default: float,
               required: bool = False) -> np.ndarray:
        """A number of each joint, (P, J).

        Args:
            key (str): The field of the points.
            default (float): Its value for joints without it.
            required (bool): Whether every point must have it.
        """
        points = [self._points[i] for i in self._first]
        slots = self._slots
        if not required:
            has = [bool(point.get(key)) for point in points]
            points = [p for p, known in zip(points, has) if known]
            slots = slots[np.array(has, dtype=bool)]
        table = np.full(self.present.shape, default)
        table.flat[slots] = self._numbers(points, key)
        return table

    def _numbers(self, points: List[dict], key: str) -> np.ndarray:
        return number_table([point.get(key) for point in points], 1,
                            partial(self._describe, points), key)[:, 0]

    def _describe(self, points: List[dict], index: int) -> str:
        place = next(i for i, point in enumerate(self._points)
                     if point is points[index])
        return self._frames.describe_person(int(self._person[place]))


def _posetrack17_format_ignore_regions(
        frames: _posetrack17_format_Frames,
        index: int) -> List[Tuple[List[float], List[float]]]:
    """The x and the y of each region's corners."""
    regions = frames.records[index].get('ignore_regions')
    if not regions:
        return []
    if isinstance(regions, dict):
        regions = [regions]  # a single region may stand without its list
    where = f'{frames.describe(index)}: an ignore region'
    corners = []
    for region in get_records(
            dict(ignore_regions=regions), 'ignore_regions',
            frames.describe(index)):
        points = get_records(region, 'point', where)
        x, y = (
            number_table([p.get(key) for p in points], 1, lambda i: where,
                         key)[:, 0].tolist() for key in 'xy')
        corners.append((x, y))
    return corners


def read_annotations(path: Union[str, Path]) -> AnnotatedSequence:
    """Ground truth of one video from its official file.

    Args:
        path (str | Path): A json in PoseTrack17's or PoseTrack18's format.

    Returns:
        AnnotatedSequence: The video, named by the file's stem.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing or malformed, a frame is listed
            twice, or the frames are not of one video.
    """
    content = read_json(path)
    if is_annolist(content):
        sequence = parse_posetrack17_annotations(content, str(path))
    else:
        sequence = parse_posetrack18_annotations(content, str(path))
    return _one_video(sequence, Path(path))


def read_predictions(path: Union[str, Path]) -> PredictedSequence:
    """Predictions for one video, in the form of the official files.

    Args:
        path (str | Path): A json in PoseTrack17's or PoseTrack18's format,
            with scores. Files of this package also have ``info`` with the
            ``box_source``.

    Returns:
        PredictedSequence: The video, named by the file's stem.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As :func:`read_annotations`.
    """
    content = read_json(path)
    if is_annolist(content):
        sequence = parse_posetrack17_predictions(content, str(path))
    else:
        sequence = parse_posetrack18_predictions(content, str(path))
    info = content.get('info')
    source = info.get('box_source') if isinstance(info, dict) else None
    if isinstance(source, str):
        sequence = sequence.replace(box_source=source)
    return _one_video(sequence, Path(path))


def load_annotations(path: Union[str, Path]) -> Dict[str, AnnotatedSequence]:
    """Ground truth of many videos from the merged file of a split.

    Args:
        path (str | Path): PoseTrack18-format json with ``images``,
            ``annotations`` and ``categories``. A video's name is that of the
            ``videos`` table if the file has one (each with ``id`` and
            ``name``, images with ``vid_id``), otherwise that of the folder
            of its images.

    Returns:
        dict[str, AnnotatedSequence]: The videos by name, in alphabetical
        order; a video's frames in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing or malformed, a frame is listed
            twice, or two videos share a name.
    """
    content = read_json(path)
    names = _video_names(content, str(path))
    order = np.argsort(np.array(names, dtype=str), kind='stable')
    images = content['images']
    merged = parse_posetrack18_annotations(
        dict(content, images=[images[i] for i in order]), str(path))
    sorted_names, starts = np.unique(
        np.array(names, dtype=str)[order], return_index=True)
    stops = [*starts[1:], merged.num_frames]
    videos = {}
    for name, start, stop in zip(sorted_names.tolist(), starts, stops):
        videos[name] = merged.slice_frames(int(start), int(stop), name)
        frame_keys(videos[name], f'{path}: video {name}')
    return videos


def is_annolist(content: Any) -> bool:
    """bool: Whether the content of a file is in PoseTrack17's format."""
    return isinstance(content, dict) and 'annolist' in content


def frame_keys(sequence: PoseSequence,
               where: Optional[str] = None) -> List[Union[int, str]]:
    """What identifies the frames within their video.

    Args:
        sequence (PoseSequence): A video.
        where (str, optional): What an error calls it. Defaults to None, its
            name.

    Returns:
        list[int | str]: The number in the image's name or, if that is not
        just a number (raw PoseTrack17 images), the name without its suffix.

    Raises:
        ValueError: If two frames share it.
    """
    # string methods: pathlib takes longer than all arithmetic of the metric
    stems = [
        name.rpartition('/')[2].rsplit('.', 1)[0]
        for name in sequence.frame_names
    ]
    keys = [int(s) if s.isascii() and s.isdigit() else s for s in stems]
    if len(set(keys)) != len(keys):
        place: Dict[Union[int, str], int] = {}
        repeated = [
            sequence.frame_names[i] for i, key in enumerate(keys)
            if place.setdefault(key, i) != i
        ]
        raise ValueError(f'{where or sequence.name}: {len(repeated)} frames '
                         f'are listed more than once: {repeated[:3]}')
    return keys


def _one_video(sequence: Any, path: Path) -> Any:
    folders = {name.rpartition('/')[0] for name in sequence.frame_names}
    if len(folders) > 1:
        raise ValueError(
            f'{path}: expected the frames of one video, found those of '
            f'{len(folders)}: {sorted(folders)[:3]}')
    sequence = sequence.replace(name=path.stem)
    frame_keys(sequence, str(path))
    return sequence


def _video_names(content: Any, where: str) -> List[str]:
    """The name of each image's video."""
    images = get_records(content, 'images', where)

    def describe(index: int) -> str:
        return f'{where}: images[{index}]'

    if 'videos' in content:
        table = _video_table(content, where)
        ids = field_column(images, 'vid_id', (str, int), describe)
        unknown = sorted({str(i) for i in ids} - set(table))
        if unknown:
            raise ValueError(f'{where}: images of the videos {unknown[:3]}, '
                             'which "videos" does not list')
        return [table[str(i)] for i in ids]
    files = field_column(images, 'file_name', (str, ), describe)
    folders = [name.rpartition('/')[0] for name in files]
    named: Dict[str, str] = {}
    for folder in sorted(set(folders)):
        name = folder.rpartition('/')[2]
        other = named.setdefault(name, folder)
        if other != folder:
            raise ValueError(f'{where}: two videos are named {name!r}, '
                             f'{other} and {folder}')
    return [folder.rpartition('/')[2] for folder in folders]


def _video_table(content: dict, where: str) -> Dict[str, str]:
    videos = get_records(content, 'videos', where)

    def describe(index: int) -> str:
        return f'{where}: videos[{index}]'

    ids = field_column(videos, 'id', (str, int), describe)
    names = field_column(videos, 'name', (str, ), describe)
    for key, values in (('id', [str(i) for i in ids]), ('name', names)):
        repeated = sorted({v for v in values if values.count(v) > 1})
        if repeated:
            raise ValueError(f'{where}: "{key}" of videos must be unique, but '
                             f'{repeated[:3]} occur more than once')
    return {str(i): name for i, name in zip(ids, names)}


#: Which frames and joints count: as the poseval toolkit has it (PoseTrack17
#: and 18), or as PoseTrack21's own evaluator has it.
PRESENCE_RULES = ('poseval', 'posetrack21')
#: Whether frames that are not labelled are scored if they have persons.
UNLABELLED_RULES = ('skip', 'score')


def pair_frames(annotated: AnnotatedSequence,
                predicted: PredictedSequence) -> PredictedSequence:
    """Predictions in the frames of the ground truth.

    Frames are paired by their number in the image's name, never by position.

    Args:
        annotated (AnnotatedSequence): A video.
        predicted (PredictedSequence): Predictions for it.

    Returns:
        PredictedSequence: The same persons, in the F frames of ``annotated``.

    Raises:
        ValueError: If the two do not list the same frames, naming the first
            ones that only one of them has.
    """
    keys = frame_keys(annotated)
    found = {key: i for i, key in enumerate(frame_keys(predicted))}
    known = set(keys)
    for what, frames in (('lack frames that the ground truth lists', [
            n for n, k in zip(annotated.frame_names, keys) if k not in found
    ]), ('list frames that the ground truth does not', [
            predicted.frame_names[i] for k, i in found.items()
            if k not in known
    ])):
        if frames:
            raise ValueError(
                f'{predicted.name}: the predictions {what}, {len(frames)} of '
                f'them: {frames[:3]}. Every frame of the official file must '
                'be listed, also one without persons')
    order = np.array([found[key] for key in keys], dtype=np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    index = place[predicted.frame_index]
    rows = np.argsort(index, kind='stable')
    return predicted.replace(
        frame_names=annotated.frame_names,
        frame_ids=annotated.frame_ids,
        frame_index=index[rows],
        keypoints=predicted.keypoints[rows],
        present=predicted.present[rows],
        track_ids=predicted.track_ids[rows],
        scores=predicted.scores[rows])


def scored_frames(
        annotated: AnnotatedSequence,
        predicted: PredictedSequence,
        presence: str = 'poseval',
        unlabelled: str = 'skip'
) -> Tuple[AnnotatedSequence, PredictedSequence]:
    """Keep what is scored of a video.

    Args:
        annotated (AnnotatedSequence): The video.
        predicted (PredictedSequence): Predictions in the same frames (see
            :func:`pair_frames`).
        presence (str): ``'poseval'``: frames with at least one annotated
            person; a joint is there unless the format marks it absent
            (PoseTrack18: x = y = v = 0). ``'posetrack21'``: labelled frames;
            a joint is there if x > 0 and y > 0.
        unlabelled (str): What becomes of frames that are marked as not
            labelled: ``'skip'`` leaves them out, ``'score'`` scores those
            that list persons, as poseval does, which does not read the mark.
            PoseTrack21 has such frames, with boxes only.

    Returns:
        tuple[AnnotatedSequence, PredictedSequence]: Both with the scored
        frames only, without the joints inside ignore regions.

    Raises:
        ValueError: If an argument is not one of those described, or a person
            to be scored has no head box.
    """
    check_rules(presence, unlabelled)
    keep = np.ones(annotated.num_frames, dtype=bool)
    if unlabelled == 'skip':
        keep &= annotated.labelled
    if presence == 'poseval':
        keep &= annotated.annotated
    annotated = annotated.select_frames(keep)
    predicted = predicted.select_frames(keep)
    lacking = np.isnan(annotated.head_boxes).any(axis=1)
    if lacking.any():
        frame = annotated.frame_index[np.argmax(lacking)]
        raise ValueError(
            f'{annotated.name}: a person in {annotated.frame_names[frame]} '
            'has no head box, which the distances are measured by')
    if presence == 'posetrack21':
        annotated, predicted = _positive(annotated), _positive(predicted)
    return drop_ignored(annotated, predicted)


def check_rules(presence: str, unlabelled: str) -> None:
    """Refuse rules that do not exist or do not go together.

    Raises:
        ValueError: If that is so.
    """
    for name, value, allowed in (('presence', presence, PRESENCE_RULES),
                                 ('unlabelled', unlabelled, UNLABELLED_RULES)):
        if value not in allowed:
            raise ValueError(f'{name} must be one of {allowed}, got {value!r}')
    if presence == 'posetrack21' and unlabelled == 'score':
        raise ValueError('presence "posetrack21" scores labelled frames, '
                         'which unlabelled "score" contradicts')


def _positive(sequence: Sequence_) -> Sequence_:
    positive = (sequence.keypoints > 0).all(axis=-1)
    return sequence.replace(present=sequence.present & positive)
