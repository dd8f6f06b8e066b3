"""Who is who from frame to frame.

Boxes go in, boxes with identities come out; between frames with detections
boxes are carried on. Trackers that compare poses and motion give the final
identities once the poses are known, until then provisional ones, by overlap.

Shapes: A tracks, N persons of a frame, K keypoints, D numbers of a motion
descriptor.
"""
from abc import ABC, abstractmethod
from dataclasses import replace
from itertools import count
from typing import (Callable, Dict, Iterable, List, Optional, Sequence, Tuple,
                    Union)

import numpy as np

from .structures import FramePoses, PersonPose, TrackedBox, named_choice
from .tracks import (BoxMotion, Track, TrackTable, box_iou, cosine,
                     motion_descriptor, pose_oks)

__all__ = [
    'TRACKERS', 'ByteTracker', 'IoUTracker', 'PersonTracker', 'PoseTracker',
    'Untracked', 'build_tracker'
]

#: A track's id, box x1, y1, x2, y2 (4, ) and score.
Person = Tuple[int, np.ndarray, float]


class PersonTracker(ABC):
    """Gives boxes the identities of persons, frame after frame.

    A frame goes either into :meth:`update`, with the boxes found in it, or
    into :meth:`carry`: who is whom must be known before poses are estimated
    along a person's crops. Poses are associated afterwards, in
    :meth:`observe`, perhaps in another thread and any number of frames behind.
    """

    #: Whether :meth:`observe` looks at :attr:`PersonPose.motion`.
    needs_motion: bool = False
    min_inside: float = 0.
    _last_index: Optional[int] = None

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """Take in a frame whose persons have been detected.

        ``frame_index`` is that of the source, ascending; what is between is
        time. Boxes are x1, y1, x2, y2 in pixels of the frame, (N, 4), scores
        (N, ), the image (H, W, 3), uint8, BGR. The boxes come back with
        identities, ``'detected'``, in the order given; trackers that leave
        boxes out say so.
        """
        boxes, scores = _check_boxes(boxes, scores, frame_index)
        self._go_on(frame_index)
        return [
            _make_box(*person, 'detected')
            for person in self._update(frame_index, boxes, scores)
        ]

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """Take in a frame in which nobody was looked for: where the persons of
        the last frame with detections are expected, ``'carried'``."""
        self._go_on(frame_index)
        return [
            _make_box(*person, 'carried') for person in self._carry() if
            image is None or share_inside(person[1], image) >= self.min_inside
        ]

    def _go_on(self, frame_index: int) -> None:
        self._predict(_passed(frame_index, self._last_index))
        self._last_index = frame_index

    def observe(self, frame_poses: FramePoses) -> FramePoses:
        """Take in the poses of the next frame: the same persons in the same
        order with the final ids; the same object where poses play no part."""
        return frame_poses

    def reset(self) -> None:
        """Forget everything: what comes next is another video."""
        self._last_index = None

    def _predict(self, num_frames: int) -> None:
        """Move what is known on by as many frames."""

    @abstractmethod
    def _update(self, frame_index: int, boxes: np.ndarray,
                scores: np.ndarray) -> Iterable[Person]:
        """As :meth:`update`."""

    @abstractmethod
    def _carry(self) -> Iterable[Person]:
        """As :meth:`carry`, wherever the persons are."""


def _passed(frame_index: int, last: Optional[int]) -> int:
    """Frames since the last one; 1 for the first."""
    if last is not None and frame_index <= last:
        raise ValueError(f'frames must ascend, got frame {frame_index} '
                         f'after {last}; reset() starts another video')
    return 1 if last is None else frame_index - last


def _check_boxes(boxes: np.ndarray, scores: np.ndarray,
                 frame_index: int) -> Tuple[np.ndarray, np.ndarray]:
    boxes = np.asarray(boxes, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    if not boxes.size:
        boxes = boxes.reshape(0, 4)
    if boxes.shape[1:] != (4, ) or scores.shape != boxes.shape[:1]:
        raise ValueError(
            f'frame {frame_index}: expected boxes (N, 4) and scores (N, ), '
            f'got {boxes.shape} and {scores.shape}')
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    wrong = ~(np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & has_area)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f'frame {frame_index}: box {boxes[row].tolist()} with score '
            f'{scores[row]}, expected finite x1 < x2 and y1 < y2')
    return boxes, scores


def _check_range(**ranges: Tuple[float, float, float]) -> None:
    """Options, each as (value, lowest, highest)."""
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise ValueError(
                f'{name} must be in [{low:g}, {high:g}], got {value}')


def _make_box(track_id: int, bbox: np.ndarray, score: float,
              source: str) -> TrackedBox:
    x1, y1, x2, y2 = bbox.tolist()
    return TrackedBox(int(track_id), (x1, y1, x2, y2), float(score), source)


def share_inside(bbox: np.ndarray, image: np.ndarray) -> float:
    """The share of a box's area that is inside an image (H, W, ...)."""
    height, width = image.shape[:2]
    clipped = np.clip(bbox, 0, [width, height, width, height])
    return float(
        np.prod(clipped[2:] - clipped[:2]) / np.prod(bbox[2:] - bbox[:2]))


class Untracked(PersonTracker):
    """Gives every box an identity of its own; frames without detections get
    the last boxes, unmoved."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._ids = count()
        self._last: List[Tuple[np.ndarray, float]] = []

    def _update(self, frame_index: int, boxes: np.ndarray,
                scores: np.ndarray) -> Iterable[Person]:
        self._last = list(zip(boxes, scores))
        return self._carry()

    def _carry(self) -> Iterable[Person]:
        return [(next(self._ids), *person) for person in self._last]


class IoUTracker(PersonTracker):
    """Pairs boxes with tracks by intersection over union.

    A track's box is predicted for every frame (:class:`BoxMotion`). Tracks
    seen in the last frame with detections choose first, then lost ones, which
    are looked for where they are predicted and where they were last seen.
    Boxes without a track start one at once. All boxes are given out.

    Args:
        iou_thr: The smallest overlap of a pair, in (0, 1].
        max_age: Frames for which a person who is not seen is remembered.
        predict: Whether boxes are predicted, or expected, and carried, where
            they were last seen.
        min_inside: Carried boxes of which less is inside the image, if given,
            are left out: the person has left.
    """

    def __init__(self,
                 iou_thr: float = 0.3,
                 max_age: int = 30,
                 predict: bool = True,
                 min_inside: float = 0.25) -> None:
        _check_range(iou_thr=(iou_thr, 1e-9, 1), min_inside=(min_inside, 0, 1))
        self.iou_thr = iou_thr
        self.predict = predict
        self.min_inside = min_inside
        self._table = TrackTable(max_age)

    def reset(self) -> None:
        super().reset()
        self._table.reset()

    def _predict(self, num_frames: int) -> None:
        self._table.predict(num_frames)

    def _update(self, frame_index: int, boxes: np.ndarray,
                scores: np.ndarray) -> Iterable[Person]:

        def similarity(tracks: List[Track]):
            overlap = box_iou(
                np.array([self._expected(t) for t in tracks]), boxes)
            if frame_index - tracks[0].last_index > 1:
                last = box_iou(np.array([t.last_seen for t in tracks]), boxes)
                overlap = np.maximum(overlap, last)
            return overlap, overlap >= self.iou_thr

        tracks = self._table.update(frame_index, boxes, similarity)
        for track, box, score in zip(tracks, boxes, scores):
            track.score = score
            yield track.track_id, box, score

    def _carry(self) -> Iterable[Person]:
        return [(track.track_id, self._expected(track), track.score)
                for track in self._table.seen]

    def _expected(self, track: Track) -> np.ndarray:
        return track.motion.bbox if self.predict else track.last_seen


class ByteTracker(PersonTracker):
    """ByteTrack (Zhang et al., ECCV 2022) of the package ``supervision``.

    Boxes of high scores are paired with tracks first, those of low scores
    (from 0.1) with what is left. Scores 0.1 above ``high_score`` start a
    track, in the first frame at once and later when seen a second time; other
    boxes are left out. Boxes are carried as :class:`IoUTracker` does it.

    Args:
        high_score: From here a box is strong.
        max_age, min_inside: As :class:`IoUTracker`'s, the age in frames with
            detections.
    """

    def __init__(self,
                 high_score: float = 0.6,
                 max_age: int = 30,
                 min_inside: float = 0.25) -> None:
        _check_range(
            high_score=(high_score, 0, 1),
            max_age=(max_age, 1, np.inf),
            min_inside=(min_inside, 0, 1))
        try:
            import supervision
        except ImportError as error:
            raise ImportError(
                "tracker 'bytetrack' needs the package supervision: pip "
                f"install 'supervision<0.27' ({error})") from error
        self.min_inside = min_inside
        self._detections = supervision.Detections
        self._tracker = supervision.ByteTrack(
            track_activation_threshold=high_score, lost_track_buffer=max_age)
        # of the last frame with detections, by track
        self._seen: Dict[int, Tuple[BoxMotion, float]] = {}

    def reset(self) -> None:
        super().reset()
        self._tracker.reset()
        self._seen = {}

    def _predict(self, num_frames: int) -> None:
        for motion, _ in self._seen.values():
            motion.predict(num_frames)

    def _update(self, frame_index: int, boxes: np.ndarray,
                scores: np.ndarray) -> Iterable[Person]:
        tracked = self._tracker.update_with_detections(
            self._detections(xyxy=boxes, confidence=scores))
        before, self._seen = self._seen, {}
        for track_id, box, score in zip(tracked.tracker_id.tolist(),
                                        tracked.xyxy, tracked.confidence):
            if track_id in before:
                motion = before[track_id][0]
                motion.correct(box)
            else:
                motion = BoxMotion(box)
            self._seen[track_id] = motion, float(score)
            # the library counts from 1
            yield track_id - 1, box, score

    def _carry(self) -> Iterable[Person]:
        for track_id, (motion, score) in self._seen.items():
            yield track_id - 1, motion.bbox, score


class PoseTracker(IoUTracker):
    """Pairs poses with tracks by their similarity.

    Poses and boxes are alike by ``oks_weight * OKS + (1 - oks_weight) *
    IoU``, a track's being moved to where its box is predicted; that has to
    reach ``similarity_thr``. Then ``motion_weight`` times the likeness of the
    motion features is added, which so decide between persons but bring nobody
    from afar: their cosine, without the mean over everybody.

    Args:
        oks_weight: 0 to 1.
        motion_weight: 0 or more; 0 leaves motion out.
        similarity_thr: Smallest likeness of a pair's poses and boxes, (0, 1].
        score_thr: Keypoints are compared where both scores are above it.
        max_age: Frames for which a person who is not seen is remembered.
        sigmas: The keypoints' tolerances for OKS, (K, ); None is COCO's.
        boxes: Options of the :class:`IoUTracker` of the provisional ids.
    """

    def __init__(self,
                 oks_weight: float = 0.5,
                 motion_weight: float = 0.,
                 similarity_thr: float = 0.3,
                 score_thr: float = 0.2,
                 max_age: int = 30,
                 sigmas: Optional[Sequence[float]] = None,
                 boxes: Optional[dict] = None) -> None:
        _check_range(
            oks_weight=(oks_weight, 0, 1),
            motion_weight=(motion_weight, 0, np.inf),
            similarity_thr=(similarity_thr, 1e-9, 1))
        super().__init__(**{'max_age': max_age, **(boxes or {})})
        self.oks_weight = oks_weight
        self.motion_weight = motion_weight
        self.similarity_thr = similarity_thr
        self.score_thr = score_thr
        self.needs_motion = motion_weight > 0
        self._sigmas = None if sigmas is None else np.asarray(sigmas, float)
        self._known = TrackTable(max_age)
        self._mean: Optional[np.ndarray] = None

    def observe(self, frame_poses: FramePoses) -> FramePoses:
        index, persons = frame_poses.index, frame_poses.persons
        self._known.predict(_passed(index, self._known.last_index))
        boxes = np.array([p.box.bbox for p in persons]).reshape(-1, 4)
        poses = [np.column_stack([p.keypoints, p.scores]) for p in persons]
        descriptors: List[Optional[np.ndarray]] = [None] * len(persons)
        if self.needs_motion and persons:
            descriptors = [_describe(p, index) for p in persons]
            self._mean = _blend(self._mean, np.mean(descriptors, axis=0), .05)

        def similarity(tracks: List[Track]):
            near = self._near(tracks, np.array(poses), boxes)
            values = near
            if self.needs_motion:
                known = np.array([t.descriptor for t in tracks])
                values = near + self.motion_weight * cosine(
                    known - self._mean,
                    np.array(descriptors) - self._mean)
            return values, near >= self.similarity_thr

        found = []
        tracks = self._known.update(index, boxes, similarity)
        for track, pose, new, person in zip(tracks, poses, descriptors,
                                            persons):
            track.pose = pose
            track.descriptor = _blend(track.descriptor, new, .5)
            box = replace(person.box, track_id=track.track_id)
            found.append(replace(person, box=box))
        return frame_poses.with_persons(found)

    def reset(self) -> None:
        super().reset()
        self._known.reset()
        self._mean = None

    def _near(self, tracks: List[Track], poses: np.ndarray,
              boxes: np.ndarray) -> np.ndarray:
        """How near poses and boxes are, (A, N), in [0, 1]."""
        expected = np.array([t.motion.bbox for t in tracks])
        near = (1 - self.oks_weight) * box_iou(expected, boxes)
        if self.oks_weight:
            moved = np.array([t.pose for t in tracks])
            # how far the boxes' centres should have moved
            shifts = expected - np.array([t.last_seen for t in tracks])
            moved[..., :2] += shifts.reshape(-1, 2, 2).mean(axis=1)[:, None]
            near = near + self.oks_weight * pose_oks(moved, _areas(
                expected), poses, _areas(boxes), self._sigmas, self.score_thr)
        return near


def _describe(person: PersonPose, index: int) -> np.ndarray:
    if person.motion is None:
        raise ValueError(
            f'frame {index}: a person has no motion feature; the poses must '
            'come from StreamingPoseEstimator(output_motion=True), or '
            'motion_weight be 0')
    return motion_descriptor(person.motion)


def _blend(old: Optional[np.ndarray], new: Optional[np.ndarray],
           share: float) -> Optional[np.ndarray]:
    return new if old is None else (1 - share) * old + share * new


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


#: What each name stands for; 'oks' and 'motion' differ in their defaults.
_CLASSES: Dict[str, Callable[..., PersonTracker]] = {
    'iou': IoUTracker,
    'oks': PoseTracker,
    'motion': PoseTracker,
    'bytetrack': ByteTracker,
    'none': Untracked
}
#: The names of all trackers.
TRACKERS = tuple(_CLASSES)


def build_tracker(tracker: Union[str, dict, None] = 'iou',
                  sigmas: Optional[Sequence[float]] = None) -> PersonTracker:
    """A tracker from its name, of :data:`TRACKERS`, or from a dict with such a
    ``type`` and the tracker's options; None is ``'none'``. Those that compare
    poses get the tolerances of the model's keypoints, by default COCO's:
    ``dataset_meta['sigmas']``, (K, )."""
    name, options = named_choice('tracker', tracker, _CLASSES)
    if name == 'motion':
        options.setdefault('motion_weight', 0.3)
    if _CLASSES[name] is PoseTracker:
        options.setdefault('sigmas', sigmas)
    return _CLASSES[name](**options)
