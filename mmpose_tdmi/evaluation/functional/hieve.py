"""HiEve: an average precision, not the official one; files for its server.

HiEve (arXiv 2005.04490) scores poses on a server whose labels and code are
not public. Its paper gives this much: AP at the distance thresholds 0.5, 0.75
and 0.9 of a PCKh, and their mean; a pose is assigned to the person with which
it has the highest PCKh, unassigned ones are false positives. (The weights of
its weighted AP are not published.) What it leaves open, and what is done here,
so that numbers from here compare with each other and with nothing else:

* **Head size.** HiEve has neither head boxes nor the top of the head. Here it
  is the distance from the nose to the chest; of a person without one of them,
  a tenth of the diagonal of the person's box.
* **PCKh.** The share of a person's annotated joints that a prediction hits
  within alpha head sizes. AP@alpha assigns by the PCKh of the same alpha.
* **Assignment.** Pairs by falling PCKh, each person and each prediction once.
  Ties go to the earlier prediction, then to the earlier person.
* **From poses to AP.** As PoseTrack's: by joint, ranked by its score over all
  frames; mean over the joints, without those that nobody has.
* **Frames without a person** are left out, as there, or kept with all their
  predictions false (``score_empty_frames``).

The files are as the benchmark's site documents: a zip with a file for each
test video in its root, ``20.json`` to ``32.json``, in the form of the labels:
``annolist`` json like PoseTrack17's, but with the **person** box, all numbers
wrapped in lists. Nothing says whether all of a video's frames must be listed:
here they are. Without tracking, the track id is a running number in the frame.

F frames of all videos, P persons in all of them, N annotated and M predicted
persons of a frame, K joints, A thresholds alpha.
"""
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import (Annotated, Any, Dict, Iterable, List, Mapping, Optional,
                    Sequence, Tuple)

import numpy as np
from msgspec import Meta, Struct

from mmpose_tdmi.datasets.coco_json import (AnnoName, Category, Id, Pose,
                                            PoseImage, PoseVideo, check,
                                            read_json)
from mmpose_tdmi.utils.files import (PathLike, atomic_path, check_file_name,
                                     write_json)
from .ap import average_precision
from .files import PoseTable, anno_rect
from .sequences import mean_of_known

#: The thresholds of HiEve's tables.
HIEVE_ALPHAS = (0.5, 0.75, 0.9)


@dataclass
class HiEveAnnotations:
    """A converted annotation file; that of the test split has no persons."""
    path: str  #: The file
    keypoint_names: List[str]  #: The K joints
    image_ids: List[int]  #: F, video after video, the frames of each in time
    frame_names: List[str]  #: The images' paths, F
    videos: List[str]  #: The names of their videos, F
    labelled: np.ndarray  #: Which are labelled, (F, ) bool
    keypoints: np.ndarray  #: Joints, (P, K, 2), persons of a frame together
    present: np.ndarray  #: Which are annotated, (P, K) bool
    boxes: np.ndarray  #: x1, y1, x2, y2, (P, 4)
    first_row: np.ndarray  #: Where a frame's persons begin, (F + 1, )

    def persons(self, frame: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keypoints, presence and boxes of a frame's N persons."""
        rows = slice(*self.first_row[frame:frame + 2])
        return self.keypoints[rows], self.present[rows], self.boxes[rows]

    def frames_by_video(self) -> Dict[str, List[int]]:
        """The places of each video's frames, by the video's name."""
        places: Dict[str, List[int]] = {}
        for frame, video in enumerate(self.videos):
            places.setdefault(video, []).append(frame)
        return places


class _Image(PoseImage, kw_only=True):
    frame_id: int
    vid_id: Id


class _File(Struct):
    """A converted file; that of the test split has no annotations."""
    images: List[_Image]
    annotations: List[Pose]
    categories: List[Category]
    videos: List[PoseVideo] = []


def load_hieve_annotations(path: PathLike) -> HiEveAnnotations:
    """Read a converted annotation file of HiEve."""
    where = str(path)
    file: _File = read_json(path, _File)
    titles: Dict[Id, str] = {video.id: video.name for video in file.videos}
    titles = titles or {i.vid_id: str(i.vid_id) for i in file.images}
    for index, image in enumerate(file.images):
        if image.vid_id not in titles:
            raise ValueError(f'{where}: images[{index}].vid_id is '
                             f'{image.vid_id!r}, which is not in "videos"')
        if image.ignore_regions_x or image.ignore_regions_y:
            raise ValueError(f'{where}: image {image.id} has ignore regions; '
                             'HiEve has none, and its metric no rule for them')
    # videos in the order of their table, frames in time
    rank = {id_: place for place, id_ in enumerate(titles)}
    order = [(rank[i.vid_id], i.frame_id) for i in file.images]
    table = PoseTable(file, where,
                      sorted(range(len(order)), key=order.__getitem__))
    # the persons of labelled images
    rows = table.labelled[table.frame_index]
    joints = table.joints(rows)[rows]
    with np.errstate(over='ignore'):
        boxes = table.boxes('bbox', rows)
    for i in np.flatnonzero(np.isinf(boxes).any(axis=1)):
        raise ValueError(f'{table.place(i, "bbox")} is '
                         f'{table.persons[i].bbox}, which ends at infinity')
    counts = np.bincount(table.frame_index[rows], minlength=len(table.images))
    return HiEveAnnotations(
        path=where,
        keypoint_names=table.names,
        image_ids=[image.id for image in table.images],
        frame_names=[image.file_name for image in table.images],
        videos=[titles[image.vid_id] for image in table.images],
        labelled=table.labelled,
        keypoints=joints[..., :2],
        present=(joints != 0).any(axis=2),
        boxes=boxes[rows],
        first_row=np.concatenate([[0], np.cumsum(counts)]))


@dataclass
class HiEveFrame:
    """Ground truth and predictions of a frame, in pixels of its image."""
    keypoints: np.ndarray  #: Annotated joints, (N, K, 2)
    present: np.ndarray  #: Which of them are annotated, (N, K) bool
    boxes: np.ndarray  #: The persons' boxes, x1, y1, x2, y2, (N, 4)
    pred_keypoints: np.ndarray  #: Predicted joints, (M, K, 2)
    pred_scores: np.ndarray  #: Their scores, (M, K)


@dataclass
class HiEveResult:
    """Unofficial APs in percent."""
    alphas: Tuple[float, ...]  #: The A thresholds
    ap: np.ndarray  #: (A, K); NaN for joints that are annotated nowhere
    num_gt: np.ndarray  #: Annotated joints, (K,)
    num_frames: int  #: Frames scored

    def summary(self) -> Dict[str, float]:
        """Means over the joints, ``AP@<alpha>``, and their mean ``AP@avg``."""
        means = [mean_of_known(row) for row in self.ap]
        values = {f'AP@{a:g}': mean for a, mean in zip(self.alphas, means)}
        return dict(values, **{'AP@avg': sum(means) / len(means)})


def hieve_ap(frames: Iterable[HiEveFrame],
             names: Sequence[str],
             alphas: Sequence[float] = HIEVE_ALPHAS,
             score_empty_frames: bool = False) -> HiEveResult:
    """Unofficial average precision, see the module's description.

    Args:
        frames: The frames of all videos.
        names: The K joints' names.
        alphas: The A thresholds, in head sizes.
        score_empty_frames: Whether predictions in frames without a person
            are false positives instead of left out.
    """
    alphas = tuple(alphas)
    if not alphas or not all(
            isinstance(a, (int, float)) and 0 < a < math.inf for a in alphas):
        raise ValueError(f'alphas must be positive numbers, got {alphas}')
    num_frames, num_gt = 0, np.zeros(len(names), dtype=np.int64)
    none = np.zeros((0, len(alphas), len(names)), dtype=bool)
    parts = [(none, np.zeros((0, len(names))))]
    for frame in frames:
        if len(frame.keypoints) or score_empty_frames:
            num_frames += 1
            num_gt += frame.present.sum(axis=0)
            hits = _frame_hits(frame, names, alphas)
            parts.append((hits, frame.pred_scores))
    hits, scores = map(np.concatenate, zip(*parts))
    ap = np.full(hits.shape[1:], np.nan)
    for k in np.flatnonzero(num_gt):
        ap[:, k] = [
            100 * average_precision(hits[:, a, k], scores[:, k], num_gt[k])
            for a in range(len(alphas))
        ]
    return HiEveResult(alphas, ap, num_gt, num_frames)


def _frame_hits(frame: HiEveFrame, names: Sequence[str],
                alphas: Sequence[float]) -> np.ndarray:
    """Which joints of predictions are hits, (M, A, K) bool."""
    shape = (len(frame.pred_keypoints), len(alphas), len(names))
    result = np.zeros(shape, dtype=bool)
    ends = [names.index('nose'), names.index('chest')]
    nose, chest = frame.keypoints[:, ends].swapaxes(0, 1)
    diagonals = np.linalg.norm(frame.boxes[:, 2:] - frame.boxes[:, :2], axis=1)
    sizes = np.where(frame.present[:, ends].all(axis=1),
                     np.linalg.norm(nose - chest, axis=1), 0.1 * diagonals)
    offsets = frame.pred_keypoints[:, None] - frame.keypoints[None]
    # a head without extent makes the distance infinite or NaN: no hit
    with np.errstate(divide='ignore', invalid='ignore'):
        distances = np.linalg.norm(offsets, axis=-1) / sizes[None, :, None]
    joints = np.maximum(frame.present.sum(axis=1), 1)
    for place, alpha in enumerate(alphas):
        hit = (distances <= alpha) & frame.present[None]
        for row, column in assign_persons(hit.sum(axis=2) / joints):
            result[row, place] = hit[row, column]
    return result


def assign_persons(pckh: np.ndarray) -> List[Tuple[int, int]]:
    """Pairs of prediction and person, each once, by falling PCKh, (M, N)."""
    rows, columns = np.nonzero(pckh > 0)
    # stable: ties stay in the order of predictions, then of persons
    order = np.argsort(-pckh[rows, columns], kind='stable')
    pairs: Dict[int, int] = {}
    for row, column in zip(rows[order].tolist(), columns[order].tolist()):
        if row not in pairs and column not in pairs.values():
            pairs[row] = column
    return list(pairs.items())


HIEVE_TEST_VIDEOS = tuple(str(number) for number in range(20, 33))
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
    ids = range(NUM_JOINTS)
    persons = [
        anno_rect(*person, ids)
        for person in zip(boxes, box_scores, track_ids, keypoints, scores)
    ]
    image = dict(name=PurePosixPath(name).name)
    return dict(image=[image], ignore_regions=[], annorect=persons)


def write_submission(folder: PathLike,
                     videos: Mapping[str, Sequence[dict]]) -> None:
    """Write a file for each video, of frames by :func:`frame_record`."""
    for video, frames in videos.items():
        check_file_name(str(video), 'the video name')
        write_json(Path(folder) / f'{video}.json', dict(annolist=list(frames)))


def pack_submission(folder: PathLike,
                    out: PathLike,
                    videos: Sequence[str] = HIEVE_TEST_VIDEOS) -> None:
    """Put the files of a valid submission into a zip, in its root."""
    with atomic_path(out) as temporary:
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive:
            for video in videos:
                archive.write(Path(folder) / f'{video}.json', f'{video}.json')


class SubmissionError(ValueError):
    """``problems`` for which the server would not take a submission or would
    misread it, each naming file and field."""

    def __init__(self, folder: PathLike, problems: List[str]) -> None:
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


class _Frame(Struct):
    image: Tuple[AnnoName]
    annorect: List[Any]


class _Submission(Struct):
    annolist: List[Any]


def validate_submission(
    folder: PathLike,
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
        content = read_json(path)
    except ValueError as error:
        return [f'{file}: the file: is no json: {error}'], 0, 0
    content = checked(content, _Submission, '')
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
        pairs = list(zip(names, frame_names))
        wrong = [i for i, (name, wanted) in enumerate(pairs) if name != wanted]
        if wrong:
            name, wanted = pairs[wrong[0]]
            problems.append(f'{file}: annolist[{wrong[0]}].image[0].name: '
                            f'expected {wanted}, got {name}')
        elif len(names) != len(frame_names):
            problems.append(f'{file}: annolist: expected {len(frame_names)} '
                            f'frames, got {len(names)}')
    return problems, len(frames), num_persons
