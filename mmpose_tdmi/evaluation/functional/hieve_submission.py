"""Files for HiEve's server: written, checked and packed.

As the benchmark's site documents: a zip with a file for each test video in
its root, ``20.json`` to ``32.json``, in the form of the labels: ``annolist``
json like PoseTrack17's, but with the **person** box, all numbers wrapped in
lists. Nothing says whether all of a video's frames must be listed: here they
are. Without tracking, the track id is a running number in the frame.
"""
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import (Annotated, Any, Dict, Iterable, List, Mapping, Optional,
                    Sequence, Tuple, Union)

import numpy as np
from msgspec import Meta, Struct

from mmpose_tdmi.datasets.coco_json import check, read_json
from mmpose_tdmi.utils.files import atomic_path, check_file_name, write_json

#: The test videos.
HIEVE_TEST_VIDEOS = tuple(str(number) for number in range(20, 33))
#: The joints' ids are 0 ... 13.
NUM_JOINTS = 14
#: So many problems of a file are named.
MAX_PROBLEMS = 10


def frame_record(name: str, keypoints: np.ndarray, scores: np.ndarray,
                 boxes: np.ndarray, box_scores: np.ndarray,
                 track_ids: Iterable[int]) -> dict:
    """One frame of a submission, an entry of ``annolist``.

    Args:
        name: The image's path or name; its last part is written.
        keypoints: Joints in pixels of the image, (M, K = 14, 2).
        scores: Their scores, (M, K).
        boxes: The M persons' boxes, x1, y1, x2, y2, (M, 4).
        box_scores: Persons' scores, (M, ).
        track_ids: Persons' track ids, M, all different.
    """
    persons = []
    for joints, joint_scores, box, score, track_id in zip(
            keypoints.tolist(), scores.tolist(), boxes.tolist(),
            box_scores.tolist(), track_ids):
        points = [
            dict(id=[i], x=[xy[0]], y=[xy[1]], score=[joint_score])
            for i, (xy, joint_score) in enumerate(zip(joints, joint_scores))
        ]
        person: dict = dict(zip(('x1', 'y1', 'x2', 'y2'), ([v] for v in box)))
        person.update(score=[score], track_id=[int(track_id)])
        persons.append(dict(person, annopoints=[dict(point=points)]))
    image = dict(name=PurePosixPath(name).name)
    return dict(image=[image], ignore_regions=[], annorect=persons)


def write_submission(folder: Union[str, Path],
                     videos: Mapping[str, Sequence[dict]]) -> None:
    """Write a file for each video, of frames by :func:`frame_record`."""
    for video, frames in videos.items():
        check_file_name(str(video), 'the video name')
        write_json(Path(folder) / f'{video}.json', dict(annolist=list(frames)))


def pack_submission(folder: Union[str, Path],
                    out: Union[str, Path],
                    videos: Sequence[str] = HIEVE_TEST_VIDEOS) -> None:
    """Put the files of a valid submission into a zip, in its root."""
    with atomic_path(out) as temporary:
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive:
            for video in videos:
                archive.write(Path(folder) / f'{video}.json', f'{video}.json')


class SubmissionError(ValueError):
    """``problems`` for which the server would not take a submission or would
    misread it, each naming file and field."""

    def __init__(self, folder: Union[str, Path], problems: List[str]) -> None:
        self.problems = problems
        super().__init__(f'{folder}: {len(problems)} problem(s): ' +
                         '; '.join(problems[:3]))


@dataclass
class SubmissionSummary:
    """The frames and the persons of a valid submission, by video."""
    num_frames: Dict[str, int]
    num_persons: Dict[str, int]


Number = Tuple[Annotated[float, Meta(gt=-1e9, lt=1e9)]]


class _Point(Struct):
    id: Tuple[Annotated[int, Meta(ge=0, lt=NUM_JOINTS)]]
    x: Number
    y: Number
    score: Number


class _Points(Struct):
    point: List[_Point]


class _Person(Struct):
    x1: Number
    y1: Number
    x2: Number
    y2: Number
    score: Number
    track_id: Tuple[Annotated[int, Meta(ge=0, lt=10**9)]]
    annopoints: Tuple[_Points]


class _Image(Struct):
    name: str


class _Frame(Struct):
    image: Tuple[_Image]
    annorect: List[Any]


class _File(Struct):
    annolist: List[Any]


def validate_submission(
    folder: Union[str, Path],
    videos: Sequence[str] = HIEVE_TEST_VIDEOS,
    frame_names: Optional[Dict[str,
                               Sequence[str]]] = None) -> SubmissionSummary:
    """Check a submission; a :class:`SubmissionError` if anything is wrong.

    There must be one file for each video and no other json; every value of
    the documented kind; all frames, once and in order, by each video's
    ``frame_names`` or else with six digits from 0; in a frame each track id
    once; in a person each joint once.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'there is no folder {folder}')
    found = {path.name for path in folder.glob('*.json')}
    expected = [f'{video}.json' for video in videos]
    problems = [f'{name}: missing' for name in expected if name not in found]
    others = sorted(found - set(expected))
    problems += [f'{name}: not one of the expected files' for name in others]
    summary = SubmissionSummary({}, {})
    for video, name in zip(videos, expected):
        if name not in found:
            continue
        wrong, *counts = _check_file(
            folder / name, None if frame_names is None else frame_names[video])
        problems += wrong[:MAX_PROBLEMS]
        if len(wrong) > MAX_PROBLEMS:
            problems.append(f'{name}: {len(wrong) - MAX_PROBLEMS} more')
        summary.num_frames[video], summary.num_persons[video] = counts
    if problems:
        raise SubmissionError(folder, problems)
    return summary


def _check_file(
        path: Path,
        frame_names: Optional[Sequence[str]]) -> Tuple[List[str], int, int]:
    """The problems of a file, of every frame and person the first, the number
    of frames and that of persons."""
    file, problems, names, num_persons = path.name, [], [], 0

    def checked(content: Any, schema: Any, place: str) -> Any:
        try:
            return check(content, schema, file, place)
        except ValueError as error:
            problems.append(str(error))

    def check_once(values: List[int], place: str, field: str) -> None:
        if len(set(values)) < len(values):
            problems.append(f'{file}: {place}: a {field} occurs more than '
                            f'once: {sorted(values)!r:.60}')

    try:
        content = checked(read_json(path), _File, '')
    except ValueError as error:
        problems.append(f'{file}: the file: is no json: {error}')
        content = None
    frames = content.annolist if content else []
    for i, record in enumerate(frames):
        frame = checked(record, _Frame, f'annolist[{i}]')
        if frame is None:
            continue
        names.append(frame.image[0].name)
        num_persons += len(frame.annorect)
        tracks: List[int] = []
        for j, record in enumerate(frame.annorect):
            place = f'annolist[{i}].annorect[{j}]'
            person = checked(record, _Person, place)
            if person is None:
                continue
            if person.x2 < person.x1 or person.y2 < person.y1:
                problems.append(f'{file}: {place}: the box ends before it '
                                'begins')
            tracks += person.track_id
            points = person.annopoints[0].point
            check_once([point.id[0] for point in points],
                       f'{place}.annopoints[0]', 'id')
        check_once(tracks, f'annolist[{i}].annorect', 'track_id')
    if content and len(names) == len(frames):
        if frame_names is None:
            frame_names = [f'{n:06d}.jpg' for n in range(len(names) or 1)]
        for i, (name, wanted) in enumerate(zip(names, frame_names)):
            if name != wanted:
                problems.append(f'{file}: annolist[{i}].image[0].name: '
                                f'expected {wanted}, got {name}')
                break
        else:
            if len(names) != len(frame_names):
                problems.append(f'{file}: annolist: expected '
                                f'{len(frame_names)} frames, got '
                                f'{len(names)}')
    return problems, len(frames), num_persons
