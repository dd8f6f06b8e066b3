"""An average precision for HiEve's labelled videos, not the official one.

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

F frames of all videos, P persons in all of them, N annotated and M predicted
persons of a frame, K joints, A thresholds alpha.
"""
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Tuple, Union

import numpy as np
from msgspec import Struct

from mmpose_tdmi.datasets.coco_json import (Category, Id, Pose, PoseImage,
                                            PoseVideo, check_image_ids,
                                            number_rows, read_json, unique_ids)
from .ap import average_precision
from .sequences import mean_of_known

#: The thresholds of HiEve's tables.
HIEVE_ALPHAS = (0.5, 0.75, 0.9)
#: The head size over the box's diagonal, of persons without nose or chest.
BOX_SHARE = 0.1


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


def load_hieve_annotations(path: Union[str, Path]) -> HiEveAnnotations:
    """Read a converted annotation file of HiEve."""
    where = str(path)
    file: _File = read_json(path, _File)
    named = [c.keypoints for c in file.categories if c.keypoints]
    if len(named) != 1:
        raise ValueError(f'{where}: expected one category with keypoints, the '
                         f'joints\' names, found {named}')
    names = named[0]
    titles = {video.id: video.name for video in file.videos}
    # videos in the order of their table, frames in time
    rank: Dict[Id, int] = {id_: place for place, id_ in enumerate(titles)}
    for index, image in enumerate(file.images):
        if titles and image.vid_id not in titles:
            raise ValueError(f'{where}: images[{index}].vid_id is '
                             f'{image.vid_id!r}, which is not in "videos"')
        if image.ignore_regions_x or image.ignore_regions_y:
            raise ValueError(f'{where}: image {image.id} has ignore regions; '
                             'HiEve has none, and its metric no rule for them')
        rank.setdefault(image.vid_id, len(rank))
    images = sorted(file.images, key=lambda i: (rank[i.vid_id], i.frame_id))
    ids = [image.id for image in images]
    frame_of = unique_ids(ids, where, 'images')
    check_image_ids(file.annotations, frame_of, where)

    labelled = np.array([image.is_labeled for image in images], dtype=bool)
    frames = np.array([frame_of[p.image_id] for p in file.annotations], int)
    # the persons of labelled images, in the order of the frames
    rows = np.argsort(frames, kind='stable')
    rows = rows[labelled[frames[rows]]]

    def table(key: str, width: int) -> np.ndarray:
        return number_rows([getattr(file.annotations[i], key) for i in rows],
                           width,
                           lambda n: f'{where}: annotations[{rows[n]}].{key}')

    joints = table('keypoints', 3 * len(names)).reshape(-1, len(names), 3)
    boxes = table('bbox', 4)
    with np.errstate(over='ignore'):
        boxes[:, 2:] += boxes[:, :2]
    for row in rows[~np.isfinite(boxes).all(axis=1)]:
        raise ValueError(f'{where}: annotations[{row}].bbox is '
                         f'{file.annotations[row].bbox}, which ends at '
                         'infinity')
    counts = np.bincount(frames[rows], minlength=len(ids))
    return HiEveAnnotations(
        path=where,
        keypoint_names=names,
        image_ids=ids,
        frame_names=[image.file_name for image in images],
        videos=[titles.get(i.vid_id, str(i.vid_id)) for i in images],
        labelled=labelled,
        keypoints=joints[..., :2],
        present=(joints != 0).any(axis=2),
        boxes=boxes,
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
                     np.linalg.norm(nose - chest, axis=1),
                     BOX_SHARE * diagonals)
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
