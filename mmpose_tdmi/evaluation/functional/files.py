"""Files of PoseTrack poses as sequences, and what of a video is scored.

Official files are per video, in PoseTrack17's annolist format or PoseTrack18's
COCO-like one (PoseTrack21's, too); so is the merged file of a split. Joints
are told by their names in the file, never by position. One is absent only if
x = y = v = 0 or, in an annolist, if no point has its id. A person without a
list of points is left out there, as in poseval, but makes its frame annotated.

F frames, P persons, J = 15 scored joints, C corners of a polygon.
"""
import warnings
from pathlib import Path
from typing import (Any, Callable, Dict, Iterable, List, Optional, Sequence,
                    Tuple, Union)

import numpy as np
from msgspec import UNSET

from mmpose_tdmi.datasets.coco_json import (Annolist, AnnolistFile, Pose,
                                            PoseFile, check_image_ids,
                                            collect_annolist, number_rows,
                                            read_json, read_poses, shown,
                                            unique_ids)
from mmpose_tdmi.utils.files import PathLike
from .sequences import (NO_TRACK, POSEVAL_JOINTS, AnnotatedSequence,
                        PoseSequence, PredictedSequence, Sequence_,
                        drop_ignored, joint_columns)

#: The score that a predicted joint without a score gets, as in poseval.
MISSING_SCORE = -9999.
#: Which frames and joints count: as in poseval or PoseTrack21's evaluator.
PRESENCE_RULES = ('poseval', 'posetrack21')
#: Whether frames that are not labelled are scored if they have persons.
UNLABELLED_RULES = ('skip', 'score')


def read_annotations(path: PathLike) -> AnnotatedSequence:
    """Ground truth of one video from its official json; the file's stem
    becomes the video's name."""
    return _read_video(path, _annotations, _annolist_annotations)[0]


def read_predictions(path: PathLike) -> PredictedSequence:
    """Predictions for one video in the form of the official files.

    Joints without a score get :data:`MISSING_SCORE`; this package's files
    also name the ``box_source``, in ``info``.
    """
    sequence, info = _read_video(path, _predictions, _annolist_predictions)
    if isinstance(info, dict) and isinstance(info.get('box_source'), str):
        sequence = sequence.replace(box_source=info['box_source'])
    return sequence


def _read_video(path: PathLike, of_coco: Callable[[Any, str], Any],
                of_annolist: Callable[[Any, str], Any]) -> Tuple[Any, Any]:
    """The sequence, by either reader, and the file's ``info``."""
    file, where = read_poses(path), str(path)
    read = of_annolist if isinstance(file, AnnolistFile) else of_coco
    sequence = read(file, where)
    folders = {name.rpartition('/')[0] for name in sequence.frame_names}
    if len(folders) > 1:
        raise ValueError(
            f'{path}: expected the frames of one video, found those of '
            f'{len(folders)}: {sorted(folders)[:3]}')
    frame_keys(sequence, where)
    return sequence.replace(name=Path(path).stem), file.info


def load_annotations(path: PathLike) -> Dict[str, AnnotatedSequence]:
    """Ground truth by video from a split's merged file, PoseTrack18's format.

    Videos, named by the ``videos`` table or else by their images' folder, are
    in alphabetical order, their frames in the order of the file.
    """
    file, where = read_json(path, PoseFile), str(path)
    names = np.array(_video_names(file, where), dtype=str)
    order = np.argsort(names, kind='stable')
    merged = _annotations(file, where, order)
    sorted_names, starts = np.unique(names[order], return_index=True)
    stops = [*starts[1:], merged.num_frames]
    videos = {}
    for name, start, stop in zip(sorted_names.tolist(), starts, stops):
        videos[name] = merged.slice_frames(int(start), int(stop), name)
        frame_keys(videos[name], f'{path}: video {name}')
    return videos


class PoseTable:
    """The images of a COCO-like file, in an order, and their P persons, image
    after image; K keypoints of the file."""

    def __init__(self, file: Any, where: str, order: Any = None) -> None:
        self._where = where
        self.places = range(len(file.images)) if order is None else order
        self.images = [file.images[i] for i in self.places]
        self.labelled = np.array([i.is_labeled for i in self.images], bool)
        named = [c.keypoints for c in file.categories if c.keypoints]
        if len(named) != 1:
            raise ValueError(f'{where}: expected exactly one category with '
                             f'"keypoints" (their names), found {len(named)}')
        self.names: List[str] = named[0]
        number = unique_ids([i.id for i in self.images], where,
                            'ids of images')
        check_image_ids(file.annotations, number, where)
        index = np.array([number[p.image_id] for p in file.annotations],
                         dtype=np.int64)
        self._rows = np.argsort(index, kind='stable')
        self.frame_index = index[self._rows]
        self.persons: List[Pose] = [file.annotations[i] for i in self._rows]

    def table(self,
              field: str,
              default: Sequence[float],
              required: Any = False) -> np.ndarray:
        """A field of all persons, (P, width); the default where it is empty,
        refused where it is ``required``, (P, ) bool or one for all."""
        needs = np.broadcast_to(required, len(self.persons))
        rows = [getattr(person, field) for person in self.persons]
        rows = [
            row if need else row or default for row, need in zip(rows, needs)
        ]
        return number_rows(rows, len(default), lambda i: self.place(i, field))

    def place(self, person: int, field: str) -> str:
        """Where a person's field is, for messages."""
        return f'{self._where}: annotations[{self._rows[person]}].{field}'

    def boxes(self, field: str, required: Any = False) -> np.ndarray:
        """Boxes as corners (P, 4), NaN where there is none."""
        boxes = self.table(field, [np.nan] * 4, required)
        boxes[:, 2:] += boxes[:, :2]
        return boxes

    def joints(self, required: Any) -> np.ndarray:
        """x, y, v of the keypoints, (P, K, 3), 0 where there are none."""
        count = len(self.names)
        points = self.table('keypoints', [0] * (3 * count), required)
        return points.reshape(-1, count, 3)

    def common(self, required: Any) -> Tuple[Dict[str, Any], Any]:
        """What all sequences have, and v of the joints, (P, J)."""
        columns = joint_columns(self.names, self._where)
        points = self.joints(required)[:, columns]
        tracks = [
            NO_TRACK if p.track_id is None else p.track_id
            for p in self.persons
        ]
        return dict(
            name='',
            frame_names=[image.file_name for image in self.images],
            frame_ids=np.array([i.id for i in self.images], dtype=np.int64),
            frame_index=self.frame_index,
            keypoints=points[..., :2],
            present=(points != 0).any(axis=-1),
            track_ids=np.array(tracks, dtype=np.int64)), points[..., 2]


def _annotations(file: PoseFile,
                 where: str,
                 order: Optional[np.ndarray] = None) -> AnnotatedSequence:
    frames = PoseTable(file, where, order)
    images, index = frames.images, frames.frame_index
    # persons of unlabelled frames may be boxes only
    common, visibility = frames.common(frames.labelled[index])
    regions = []
    for image, place in zip(images, frames.places):
        xs, ys = image.ignore_regions_x or [], image.ignore_regions_y or []
        if len(xs) != len(ys):
            raise ValueError(
                f'{where}: images[{place}] has {len(xs)} ignore_regions_x but '
                f'{len(ys)} ignore_regions_y')
        # a single region may be given flat
        is_flat = xs and not any(isinstance(v, list) for v in (*xs, *ys))
        regions.append([(xs, ys)] if is_flat else list(zip(xs, ys)))
    return AnnotatedSequence(
        **common,
        head_boxes=frames.boxes('bbox_head', frames.labelled[index]),
        boxes=frames.boxes('bbox'),
        visibility=visibility,
        labelled=frames.labelled,
        annotated=np.bincount(index, minlength=len(images)) > 0,
        ignore_regions=_polygons(
            regions, lambda i: f'{where}: images[{frames.places[i]}]'))


def _predictions(file: PoseFile, where: str) -> PredictedSequence:
    frames = PoseTable(file, where)
    common, _ = frames.common(True)
    scores = frames.table('scores', [MISSING_SCORE] * len(frames.names))
    return PredictedSequence(
        **common, scores=scores[:, joint_columns(frames.names, where)])


def _annolist(file: AnnolistFile,
              where: str) -> Tuple[Annolist, Dict[str, Any]]:
    """The persons with points, and what both kinds of sequences have."""
    found = collect_annolist(file.annolist, where, len(POSEVAL_JOINTS))
    present = ~np.isnan(found.joints[..., 0])
    tracks = [(rect.track_id or [NO_TRACK])[0] for rect in found.rects]
    return found, dict(
        name='',
        frame_names=[frame.image[0].name for frame in file.annolist],
        frame_ids=np.arange(len(file.annolist)),
        frame_index=found.frame_index,
        keypoints=np.where(present[..., None], found.joints[..., :2], 0),
        present=present,
        track_ids=np.array(tracks, dtype=np.int64))


def _annolist_annotations(file: AnnolistFile, where: str) -> AnnotatedSequence:
    found, common = _annolist(file, where)
    labelled = np.array([frame.labelled for frame in file.annolist])
    head_boxes = np.full((len(found.rects), 4), np.nan)
    for i, rect in enumerate(found.rects):
        # persons of unlabelled frames may lack one
        if labelled[found.frame_index[i]] or rect.x1 is not UNSET:
            head_boxes[i] = rect.corners(f'{where}: {found.places[i]}')
    return AnnotatedSequence(
        **common,
        head_boxes=head_boxes,
        boxes=np.full_like(head_boxes, np.nan),
        visibility=found.joints[..., 2],
        labelled=labelled,
        annotated=np.array([bool(f.annorect) for f in file.annolist]),
        ignore_regions=_polygons(
            [list(frame.regions) for frame in file.annolist],
            lambda i: f'{where}: annolist[{i}]'))


def _annolist_predictions(file: AnnolistFile, where: str) -> PredictedSequence:
    found, common = _annolist(file, where)
    scores = found.joints[..., 3]
    return PredictedSequence(
        **common, scores=np.where(np.isnan(scores), MISSING_SCORE, scores))


def anno_rect(box: np.ndarray, score: float, track_id: int, joints: np.ndarray,
              scores: np.ndarray, ids: Iterable[int]) -> Dict[str, Any]:
    """A predicted person of an annolist: x1, y1, x2, y2, (4, ), n joints,
    (n, 2), their scores, (n, ), and ids, n."""
    points = [
        dict(id=[i], x=[x], y=[y], score=[s])
        for i, (x, y), s in zip(ids, joints.tolist(), scores.tolist())
    ]
    corners = zip(('x1', 'y1', 'x2', 'y2'), ([v] for v in box.tolist()))
    return dict(
        corners,
        score=[float(score)],
        track_id=[int(track_id)],
        annopoints=[dict(point=points)])


def _polygons(regions: Sequence[Sequence[Tuple[Any, Any]]],
              place: Callable[[int], str]) -> List[List[np.ndarray]]:
    """Each frame's ignore regions, given as x and y, as polygons (C, 2).

    poseval fails on those of one or two points; here they are left out.
    """
    result = []
    for i, frame in enumerate(regions):
        kept = []
        for x, y in frame:
            if not (isinstance(x, list) and isinstance(y, list)
                    and len(x) == len(y)):
                raise ValueError(
                    f'{place(i)}: an ignore region has x = {shown(x)} but '
                    f'y = {shown(y)}; expected two lists of equal length')
            region = np.array([x, y], dtype=float).T
            if len(x) > 3 or (len(x) == 3 and (region[0] != region[2]).any()):
                kept.append(region)
            else:
                warnings.warn(f'{place(i)}: an ignore region of {len(x)} '
                              'point(s) is no polygon; it is left out')
        result.append(kept)
    return result


def frame_keys(sequence: PoseSequence,
               where: Optional[str] = None) -> List[Union[int, str]]:
    """What identifies the frames of a video, an error if two share it.

    The number that is the image's name or, if it is none (raw PoseTrack17
    images), the name without its suffix.
    """
    # string methods: pathlib takes longer than all arithmetic of the metric
    names = [name.rpartition('/')[2] for name in sequence.frame_names]
    stems = [name.rsplit('.', 1)[0] for name in names]
    keys = [int(s) if s.isascii() and s.isdigit() else s for s in stems]
    if len(set(keys)) != len(keys):
        repeated = [
            name for i, name in enumerate(sequence.frame_names)
            if keys[i] in keys[:i]
        ]
        raise ValueError(f'{where or sequence.name}: {len(repeated)} frames '
                         f'are listed more than once: {repeated[:3]}')
    return keys


def _video_names(file: PoseFile, where: str) -> List[str]:
    """The name of each image's video."""
    images = file.images
    if file.videos is not None:
        ids = [str(video.id) for video in file.videos]
        names = [video.name for video in file.videos]
        unique_ids(ids, where, '"id" of videos')
        unique_ids(names, where, '"name" of videos')
        table = dict(zip(ids, names))
        unknown = sorted({str(i.vid_id) for i in images} - set(table))
        if unknown:
            raise ValueError(f'{where}: images of the videos {unknown[:3]}, '
                             'which "videos" does not list')
        return [table[str(image.vid_id)] for image in images]
    folders = [image.file_name.rpartition('/')[0] for image in images]
    named: Dict[str, str] = {}
    for folder in sorted(set(folders)):
        name = folder.rpartition('/')[2]
        other = named.setdefault(name, folder)
        if other != folder:
            raise ValueError(f'{where}: two videos are named {name!r}, '
                             f'{other} and {folder}')
    return [folder.rpartition('/')[2] for folder in folders]


def pair_frames(annotated: AnnotatedSequence,
                predicted: PredictedSequence) -> PredictedSequence:
    """The predictions in the order of the ground truth's frames, which are
    paired by their number in the image's name; both list the same ones."""
    true, found = (
        dict(zip(frame_keys(sequence), sequence.frame_names))
        for sequence in (annotated, predicted))
    for what, frames in (('lack frames that the ground truth lists',
                          [true[key] for key in true if key not in found]),
                         ('list frames that the ground truth does not',
                          [found[key] for key in found if key not in true])):
        if frames:
            raise ValueError(
                f'{predicted.name}: the predictions {what}, {len(frames)} of '
                f'them: {frames[:3]}. Every frame of the official file must '
                'be listed, also one without persons')
    place = {key: i for i, key in enumerate(true)}
    places = np.array([place[key] for key in found], dtype=np.int64)
    index = places[predicted.frame_index]
    rows = np.argsort(index, kind='stable')
    return predicted.replace(
        frame_names=annotated.frame_names,
        frame_ids=annotated.frame_ids,
        frame_index=index).select_persons(rows)


def scored_frames(
        annotated: AnnotatedSequence,
        predicted: PredictedSequence,
        presence: str = 'poseval',
        unlabelled: str = 'skip'
) -> Tuple[AnnotatedSequence, PredictedSequence]:
    """Both with the scored frames only, without joints in ignore regions.

    Args:
        annotated: A video.
        predicted: Predictions in the same frames, see :func:`pair_frames`.
        presence: ``'poseval'``: frames with an annotated person; a joint is
            there unless the format marks it absent (x = y = v = 0).
            ``'posetrack21'``: labelled frames; joints with x > 0 and y > 0.
        unlabelled: ``'skip'`` leaves out frames marked as not labelled,
            ``'score'`` scores those that list persons, as poseval does, which
            does not read the mark. PoseTrack21 has some, with boxes only.
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
    """Refuse rules that do not exist or do not go together."""
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
