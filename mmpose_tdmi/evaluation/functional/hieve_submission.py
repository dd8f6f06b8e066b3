"""Files for HiEve's server: written and packed.

What the benchmark's site documents: a zip with one file for each test video
in its root, ``20.json`` to ``32.json``, in the form of the labels. The labels
are ``annolist`` json like PoseTrack17's: for each frame its image's name
(``000000.jpg``) and the persons, each with the corners of its **person** box,
a score, a track id and points of id, x, y and score, all numbers wrapped in
lists. Nothing says whether all of a video's frames must be listed: here they
are. Without tracking, the track id is a running number in the frame.

Shape shorthand: M persons of a frame, K = 14 joints.

Checks of files for HiEve's server, see :mod:`.hieve_submission`.
"""
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import (Any, Dict, Iterable, Iterator, List, Mapping, Optional,
                    Sequence, Union)

import numpy as np

from mmpose_tdmi.utils.files import atomic_path, check_file_name, write_json
from .sequences import read_json, shorten

#: The test videos.
HIEVE_TEST_VIDEOS = tuple(str(number) for number in range(20, 33))

#: The fields of a person's box.
BOX_CORNERS = ('x1', 'y1', 'x2', 'y2')


def frame_record(name: str, keypoints: np.ndarray, scores: np.ndarray,
                 boxes: np.ndarray, box_scores: np.ndarray,
                 track_ids: Iterable[int]) -> dict:
    """One frame of a submission.

    Args:
        name (str): The image's path or name; its last part is written.
        keypoints (np.ndarray): Joints in pixels of the image, (M, K, 2).
        scores (np.ndarray): Their scores, (M, K).
        boxes (np.ndarray): Persons' boxes, x1, y1, x2, y2, (M, 4).
        box_scores (np.ndarray): Persons' scores, (M, ).
        track_ids (Iterable[int]): Persons' track ids, M, all different.

    Returns:
        dict: An entry of ``annolist``.
    """
    persons = []
    for joints, joint_scores, box, score, track_id in zip(
            keypoints.tolist(), scores.tolist(), boxes.tolist(),
            box_scores.tolist(), track_ids):
        points = [
            dict(id=[joint], x=[x], y=[y], score=[joint_score])
            for joint, ((x, y),
                        joint_score) in enumerate(zip(joints, joint_scores))
        ]
        persons.append(
            dict({
                corner: [value]
                for corner, value in zip(BOX_CORNERS, box)
            },
                 score=[score],
                 track_id=[int(track_id)],
                 annopoints=[dict(point=points)]))
    return dict(
        image=[dict(name=PurePosixPath(name).name)],
        ignore_regions=[],
        annorect=persons)


def write_submission(folder: Union[str, Path],
                     videos: Mapping[str, Sequence[dict]]) -> None:
    """Write the files of a submission.

    Args:
        folder (str | Path): Where to.
        videos (dict[str, Sequence[dict]]): By video its frames, as
            :func:`frame_record` makes them.
    """
    for video, frames in videos.items():
        check_file_name(str(video), 'the video name')
        write_json(Path(folder) / f'{video}.json', dict(annolist=list(frames)))


def pack_submission(folder: Union[str, Path],
                    out: Union[str, Path],
                    videos: Sequence[str] = HIEVE_TEST_VIDEOS) -> None:
    """Put the files of a submission into a zip, in its root.

    Args:
        folder (str | Path): A valid submission.
        out (str | Path): The zip.
        videos (Sequence[str]): The videos. Defaults to the test split's.
    """
    with atomic_path(out) as temporary:
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive:
            for video in videos:
                archive.write(Path(folder) / f'{video}.json', f'{video}.json')


#: The joints' ids are 0 ... 13.
NUM_JOINTS = 14
#: So many problems of a file are named.
MAX_PROBLEMS = 10


class SubmissionError(ValueError):
    """A submission that the server would not take or would misread.

    Args:
        folder (str | Path): The submission.
        problems (list[str]): What is wrong, each naming file and field.
    """

    def __init__(self, folder: Union[str, Path], problems: List[str]) -> None:
        self.problems = problems
        super().__init__(f'{folder}: {len(problems)} problem(s): ' +
                         '; '.join(problems[:3]))


@dataclass
class SubmissionSummary:
    """What a valid submission holds.

    Args:
        num_frames (dict[str, int]): Frames by video.
        num_persons (dict[str, int]): Persons by video.
    """
    num_frames: Dict[str, int]
    num_persons: Dict[str, int]


def validate_submission(
    folder: Union[str, Path],
    videos: Sequence[str] = HIEVE_TEST_VIDEOS,
    frame_names: Optional[Dict[str,
                               Sequence[str]]] = None) -> SubmissionSummary:
    """Check a submission.

    There must be one file for each video and no other json; every value of
    the documented kind; frames named by six digits, each once and in order;
    in a frame each track id once; in a person each joint once.

    Args:
        folder (str | Path): The submission.
        videos (Sequence[str]): The videos there must be. Defaults to the
            test split's.
        frame_names (dict[str, Sequence[str]], optional): The names of each
            video's frames, all of which must be there. Defaults to None:
            numbers without gap from 0.

    Returns:
        SubmissionSummary: What it holds.

    Raises:
        FileNotFoundError: If there is no such folder.
        SubmissionError: If anything is wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'there is no folder {folder}')
    found = {path.name for path in folder.glob('*.json')}
    expected = [f'{video}.json' for video in videos]
    problems = [f'{name}: missing'
                for name in expected if name not in found] + [
                    f'{name}: not one of the expected files'
                    for name in sorted(found - set(expected))
                ]
    summary = SubmissionSummary({}, {})
    for video, name in zip(videos, expected):
        if name not in found:
            continue
        names = None if frame_names is None else frame_names[video]
        check = _FileCheck(name, names)
        check.run(folder / name)
        problems += check.shown()
        summary.num_frames[video] = check.num_frames
        summary.num_persons[video] = check.num_persons
    if problems:
        raise SubmissionError(folder, problems)
    return summary


class _FileCheck:
    """Goes through one file and gathers what is wrong.

    Args:
        name (str): The file's name, for messages.
        frame_names (Sequence[str], optional): The frames there must be.
    """

    def __init__(self, name: str,
                 frame_names: Optional[Sequence[str]]) -> None:
        self.problems: List[str] = []
        self.num_frames = self.num_persons = 0
        self._name = name
        self._expected = None if frame_names is None else list(frame_names)

    def shown(self) -> List[str]:
        """The first problems, and how many more there are."""
        more = len(self.problems) - MAX_PROBLEMS
        shown = self.problems[:MAX_PROBLEMS]
        return shown + [f'{self._name}: {more} more'] if more > 0 else shown

    def run(self, path: Path) -> None:
        """Check the file."""
        try:
            content = read_json(path)
        except ValueError as error:
            self._problem('the file', f'is no json: {error}')
            return
        if not isinstance(content, dict):
            self._problem('the file', f'expected an object, got '
                          f'{shorten(content)}')
            return
        names = []
        for where, frame in self._list(content, 'annolist', ''):
            names.append(self._frame(where, frame))
        self.num_frames = len(names)
        self._check_names(names)

    def _frame(self, where: str, frame: dict) -> Optional[str]:
        name = None
        images = list(self._list(frame, 'image', where))
        if len(images) != 1:
            self._problem(f'{where}.image', 'expected one image')
        else:
            name = images[0][1].get('name')
            if not isinstance(name, str) or not re.fullmatch(
                    r'\d{6}\.jpg', name, re.ASCII):
                self._problem(
                    f'{where}.image[0].name', 'expected a name such '
                    f'as 000012.jpg, got {shorten(name)}')
                name = None
        tracks = []
        for place, person in self._list(frame, 'annorect', where):
            self.num_persons += 1
            tracks.append(self._person(place, person))
        self._check_once(f'{where}.annorect', 'track_id', tracks)
        return name

    def _person(self, where: str, person: dict) -> Any:
        x1, y1, x2, y2 = (
            self._number(person, key, where) for key in BOX_CORNERS)
        if None not in (x1, y1, x2, y2) and (x2 < x1 or y2 < y1):
            self._problem(
                where, f'the box {[x1, y1, x2, y2]} ends before it '
                'begins')
        self._number(person, 'score', where)
        joints = []
        lists = list(self._list(person, 'annopoints', where))
        if len(lists) != 1:
            self._problem(f'{where}.annopoints', 'expected one record')
        else:
            for place, point in self._list(lists[0][1], 'point', lists[0][0]):
                for key in ('x', 'y', 'score'):
                    self._number(point, key, place)
                joint = self._number(point, 'id', place, whole=True)
                if joint is not None and joint >= NUM_JOINTS:
                    self._problem(
                        f'{place}.id', 'expected a joint, 0 to '
                        f'{NUM_JOINTS - 1}, got {joint}')
                joints.append(joint)
            self._check_once(lists[0][0], 'id', joints)
        return self._number(person, 'track_id', where, whole=True)

    def _check_names(self, names: List[Optional[str]]) -> None:
        if None in names:
            return
        expected = self._expected
        if expected is None:
            if not names and not self.problems:
                self._problem('annolist', 'there is no frame')
            expected = [f'{number:06d}.jpg' for number in range(len(names))]
        if names == expected:
            return
        for index, (name, wanted) in enumerate(zip(names, expected)):
            if name != wanted:
                self._problem(f'annolist[{index}].image[0].name',
                              f'expected {wanted}, got {name}')
                return
        self._problem('annolist', f'expected {len(expected)} frames, got '
                      f'{len(names)}')

    def _check_once(self, where: str, key: str, values: List[Any]) -> None:
        values = [value for value in values if value is not None]
        if len(set(values)) != len(values):
            self._problem(
                where, f'a {key} occurs more than once: '
                f'{shorten(sorted(values))}')

    def _list(self, record: dict, key: str, where: str) -> Iterator:
        """The objects of a list with what to call each."""
        place = f'{where}.{key}' if where else key
        values = record.get(key)
        if not isinstance(values, list):
            self._problem(place, f'expected a list, got {shorten(values)}')
            return
        for index, value in enumerate(values):
            if isinstance(value, dict):
                yield f'{place}[{index}]', value
            else:
                self._problem(f'{place}[{index}]',
                              f'expected an object, got {shorten(value)}')

    def _number(self,
                record: dict,
                key: str,
                where: str,
                whole: bool = False) -> Any:
        """The number wrapped in a list, None if it is none."""
        value = record.get(key)
        kinds = (int, ) if whole else (int, float)
        if (isinstance(value, list) and len(value) == 1
                and type(value[0]) in kinds and abs(value[0]) < 1e9
                and not (whole and value[0] < 0)):
            return value[0]
        what = 'a number >= 0 without fraction' if whole else 'a finite number'
        self._problem(f'{where}.{key}',
                      f'expected [{what}], got {shorten(value)}')
        return None

    def _problem(self, where: str, what: str) -> None:
        self.problems.append(f'{self._name}: {where}: {what}')
