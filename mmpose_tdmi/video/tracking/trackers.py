"""Tracking by the overlap of boxes with where they are expected.

Shape shorthand: N boxes of a frame.

MMDetection's ByteTrack behind this package's interface.

Boxes of high scores are paired with tracks first, those of low scores with
what is left, so that a half-hidden person's weak box keeps the track going
(Zhang et al., ECCV 2022). It needs MMDetection and ``lap``, which that
implementation solves its assignments with.

Shape shorthand: N boxes of a frame.

Tracking by poses, and by how people move.

Two trackers in a row: boxes get provisional identities at once, by their
overlap, so that a person's crops can be kept from frame to frame; when the
poses are there, they get the final ones. The second compares poses (object
keypoint similarity), boxes, and, as the paper's conclusion proposes for later
work, the motion features of the temporal-difference neck.

Shape shorthand: A tracks, N persons of a frame, K keypoints, D numbers of a
motion descriptor.

Trackers by name.

Shape shorthand: K keypoints.
"""
import inspect
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.structures import InstanceData

from ..structures import FramePoses, PersonPose, TrackedBox
from .tracks import (BoxMotion, PersonTracker, Track, TrackTable, Untracked,
                     box_iou, check_boxes, cosine, make_box, motion_descriptor,
                     pose_oks)


@dataclass(eq=False)
class _BoxTrack(Track):
    """With where the box is expected and was last seen, and its score."""
    motion: BoxMotion
    last_seen: np.ndarray
    score: float


class IoUTracker(PersonTracker):
    """Pairs boxes with tracks by intersection over union.

    A track's box is predicted for every frame (:class:`BoxMotion`). Tracks
    that were seen in the last frame with detections choose first, then those
    that were lost. A track that was not seen in the frame before is looked
    for where it is predicted and where it was last seen: one who stops behind
    something reappears there.
    Boxes without a track start one at once, and a track ends when it has not
    been seen for ``max_age`` frames. All boxes are given out.

    Args:
        iou_thr (float): The smallest overlap of a pair, in (0, 1]. Defaults
            to 0.3.
        max_age (int): Frames for which a person who is not seen is
            remembered. Defaults to 30.
        predict (bool): Whether boxes are predicted; otherwise they are
            expected, and carried, where they were last seen. Defaults to
            ``True``.
        min_inside (float): Carried boxes of which a smaller share is inside
            the image are left out, where the image is given: the person has
            left. Defaults to 0.25.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 iou_thr: float = 0.3,
                 max_age: int = 30,
                 predict: bool = True,
                 min_inside: float = 0.25) -> None:
        super().__init__()
        for name, value, low in (('iou_thr', iou_thr, 1e-9), ('min_inside',
                                                              min_inside, 0)):
            if not low <= value <= 1:
                raise ValueError(
                    f'{name} must be in [{low:g}, 1], got {value}')
        self.iou_thr = iou_thr
        self.predict = predict
        self.min_inside = min_inside
        self._table: TrackTable[_BoxTrack] = TrackTable(max_age)

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.update`; all boxes are given out."""
        boxes, scores = check_boxes(boxes, scores, frame_index)
        self._predict(frame_index)

        def similarity(tracks: List[_BoxTrack]):
            overlap = box_iou(
                np.array([self._expected(t) for t in tracks]), boxes)
            if frame_index - tracks[0].last_index > 1:
                last = box_iou(np.array([t.last_seen for t in tracks]), boxes)
                overlap = np.maximum(overlap, last)
            return overlap, overlap >= self.iou_thr

        owners = self._table.owners(frame_index, len(boxes), similarity)
        found = []
        for owner, box, score in zip(owners, boxes, scores):
            if owner is None:
                owner = self._table.add(
                    _BoxTrack(self._table.next_id, frame_index, BoxMotion(box),
                              box, score))
            else:
                owner.motion.correct(box)
                owner.last_seen, owner.score = box, score
                owner.last_index = frame_index
            found.append(make_box(owner.track_id, box, score, 'detected'))
        return found

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.carry`."""
        self._predict(frame_index)
        found = []
        for track in self._table.seen:
            bbox = self._expected(track)
            if image is None or share_inside(bbox, image) >= self.min_inside:
                found.append(
                    make_box(track.track_id, bbox, track.score, 'carried'))
        return found

    def reset(self) -> None:
        """As :meth:`PersonTracker.reset`."""
        super().reset()
        self._table.reset()

    def _expected(self, track: _BoxTrack) -> np.ndarray:
        return track.motion.bbox if self.predict else track.last_seen

    def _predict(self, frame_index: int) -> None:
        passed = self._advance(frame_index)
        for track in self._table.tracks:
            # who has not been seen for longer is about to be forgotten
            track.motion.predict(min(passed, self._table.max_age))


def share_inside(bbox: np.ndarray, image: np.ndarray) -> float:
    """float: The share of a box's area that is inside an image (H, W, ...)."""
    height, width = image.shape[:2]
    clipped = np.clip(bbox, 0, [width, height, width, height])
    return float(
        np.prod(clipped[2:] - clipped[:2]) / np.prod(bbox[2:] - bbox[:2]))


class ByteTracker(PersonTracker):
    """Pairs boxes with tracks by overlap, strong ones first.

    Which boxes start a track is MMDetection's rule: while nobody is tracked
    those above ``init_score``, later those above ``high_score``; other boxes
    that continue no track are left out. Its tracker wants detections in every
    frame, so it is shown those frames only that have some, and what lies
    between is passed on to its motion model.

    Args:
        high_score (float): From here a box is strong. Defaults to 0.6.
        low_score (float): Weaker boxes are left out. Defaults to 0.1.
        init_score (float): From here a box starts a track. Defaults to 0.7.
        max_age (int): Frames with detections for which a person who is not
            seen is remembered. Defaults to 30.
        min_inside (float): As :class:`IoUTracker`'s. Defaults to 0.25.

    Raises:
        ImportError: If MMDetection or ``lap`` is not installed.
    """

    def __init__(self,
                 high_score: float = 0.6,
                 low_score: float = 0.1,
                 init_score: float = 0.7,
                 max_age: int = 30,
                 min_inside: float = 0.25) -> None:
        super().__init__()
        self.min_inside = min_inside
        self._tracker = _mmdet_tracker(
            motion=dict(type='mmdet.KalmanFilter'),
            obj_score_thrs=dict(high=high_score, low=low_score),
            init_track_thr=init_score,
            num_frames_retain=max_age)
        self._num_updates = 0

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.update`; weak boxes that continue no track
        are left out, and the order is that of the scores' steps."""
        from mmdet.structures import DetDataSample
        boxes, scores = check_boxes(boxes, scores, frame_index)
        # the tracker itself predicts one frame ahead
        self._predict(self._advance(frame_index) - 1)
        instances = InstanceData(
            bboxes=torch.from_numpy(boxes).float(),
            scores=torch.from_numpy(scores).float(),
            labels=torch.zeros(len(boxes), dtype=torch.long))
        sample = DetDataSample(
            metainfo=dict(frame_id=self._num_updates),
            pred_instances=instances)
        tracked = self._tracker.track(sample)
        self._num_updates += 1
        return [
            make_box(
                int(track_id),
                box.double().numpy(), float(score),
                'detected') for track_id, box, score in zip(
                    tracked.instances_id, tracked.bboxes, tracked.scores)
        ]

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.carry`."""
        self._predict(self._advance(frame_index))
        found = []
        for track_id, track in self._tracker.tracks.items():
            if int(track.frame_ids[-1]) != self._num_updates - 1:
                continue
            x, y, ratio, height = track.mean[:4]
            half = np.maximum([ratio * height, height], 1) / 2
            bbox = np.concatenate([[x, y] - half, [x, y] + half])
            if image is None or share_inside(bbox, image) >= self.min_inside:
                found.append(
                    make_box(track_id, bbox, float(track.scores[-1]),
                             'carried'))
        return found

    def reset(self) -> None:
        """As :meth:`PersonTracker.reset`."""
        super().reset()
        self._tracker.reset()
        self._num_updates = 0

    def _predict(self, num_frames: int) -> None:
        for track in self._tracker.tracks.values():
            for _ in range(min(num_frames, self._tracker.num_frames_retain)):
                track.mean, track.covariance = self._tracker.motion.predict(
                    track.mean, track.covariance)


def _mmdet_tracker(**options: Any) -> Any:
    """MMDetection's tracker, or an error that tells what is missing."""
    try:
        import lap  # noqa: F401
        from mmdet.models.trackers import ByteTracker as MMDetByteTracker
        from mmdet.registry import TASK_UTILS
    except ImportError as error:
        raise ImportError(
            "tracker 'bytetrack' needs MMDetection and lap (pip install lap); "
            f'{error}') from error
    motion = TASK_UTILS.build(options.pop('motion'))
    tracker = MMDetByteTracker(**options)
    tracker.motion = motion
    return tracker


#: The share of a new descriptor in a person's.
_MOTION_MOMENTUM = 0.5
#: The share of a new descriptor in the mean of everybody's.
_MEAN_MOMENTUM = 0.05


@dataclass(eq=False)
class _PoseTrack(Track):
    """With the last pose (K, 3), its box, and the motion descriptor (D, )."""
    motion: BoxMotion
    pose: np.ndarray
    last_seen: np.ndarray
    descriptor: Optional[np.ndarray]

    def shift(self) -> np.ndarray:
        """How far the box's centre should have moved, (2, )."""
        return (self.motion.bbox - self.last_seen).reshape(2, 2).mean(axis=0)


class PoseTracker(PersonTracker):
    """Pairs poses with tracks by their similarity.

    Poses and boxes are alike by ``oks_weight * OKS + (1 - oks_weight) *
    IoU``, a track's being moved to where its box is predicted; that has to
    reach ``similarity_thr``. Among what is within reach,
    ``motion_weight`` times the likeness of the motion features is added:
    they decide between persons but bring nobody from afar. Features are
    compared by their cosine after the mean over everybody is taken off, which
    is what all of them share.

    Args:
        oks_weight (float): 0 to 1. Defaults to 0.5.
        motion_weight (float): 0 or more; 0 leaves motion out. Defaults to 0.
        similarity_thr (float): The smallest likeness of poses and boxes of a
            pair, in (0, 1]. Defaults to 0.3.
        score_thr (float): Keypoints are compared where both scores are above
            it. Defaults to 0.2.
        max_age (int): Frames for which a person who is not seen is
            remembered. Defaults to 30.
        sigmas (Sequence[float], optional): The keypoints' tolerances for OKS,
            (K, ). Defaults to ``None``, COCO's, for K = 17.
        boxes (dict, optional): Options of the :class:`IoUTracker` that boxes
            get their provisional identities from. Defaults to ``None``.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 oks_weight: float = 0.5,
                 motion_weight: float = 0.,
                 similarity_thr: float = 0.3,
                 score_thr: float = 0.2,
                 max_age: int = 30,
                 sigmas: Optional[Sequence[float]] = None,
                 boxes: Optional[dict] = None) -> None:
        super().__init__()
        for name, value, low, high in (('oks_weight', oks_weight, 0, 1),
                                       ('motion_weight', motion_weight, 0,
                                        np.inf), ('similarity_thr',
                                                  similarity_thr, 1e-9, 1)):
            if not low <= value <= high:
                raise ValueError(f'{name} must be in [{low:g}, {high:g}], '
                                 f'got {value}')
        self.oks_weight = oks_weight
        self.motion_weight = motion_weight
        self.similarity_thr = similarity_thr
        self.score_thr = score_thr
        self.needs_motion = motion_weight > 0
        self._sigmas = None if sigmas is None else np.asarray(sigmas, float)
        self._boxes = IoUTracker(
            **dict(dict(max_age=max_age), **(boxes or {})))
        self._table: TrackTable[_PoseTrack] = TrackTable(max_age)
        self._mean: Optional[np.ndarray] = None

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.update`, with provisional identities; all
        boxes are given out."""
        return self._boxes.update(frame_index, boxes, scores, image)

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.carry`, with provisional identities."""
        return self._boxes.carry(frame_index, image)

    def observe(self, frame_poses: FramePoses) -> FramePoses:
        """As :meth:`PersonTracker.observe`.

        Raises:
            ValueError: If frames do not ascend, or motion features are to be
                compared and a person has none.
        """
        index, persons = frame_poses.index, frame_poses.persons
        passed = self._advance(index)
        for track in self._table.tracks:
            track.motion.predict(min(passed, self._table.max_age))
        boxes = np.array([p.box.bbox for p in persons]).reshape(-1, 4)
        poses = [np.column_stack([p.keypoints, p.scores]) for p in persons]
        descriptors = [self._describe(p, index) for p in persons]
        self._update_mean(descriptors)

        def similarity(tracks: List[_PoseTrack]):
            near = self._near(tracks, np.array(poses), boxes)
            values = near
            if self.needs_motion:
                values = near + self.motion_weight * cosine(
                    np.array([t.descriptor for t in tracks]) - self._mean,
                    np.array(descriptors) - self._mean)
            return values, near >= self.similarity_thr

        owners = self._table.owners(index, len(persons), similarity)
        found = []
        for row, (owner, person) in enumerate(zip(owners, persons)):
            if owner is None:
                owner = self._table.add(
                    _PoseTrack(self._table.next_id, index,
                               BoxMotion(boxes[row]), poses[row], boxes[row],
                               descriptors[row]))
            else:
                owner.motion.correct(boxes[row])
                owner.pose, owner.last_seen = poses[row], boxes[row]
                owner.last_index = index
                if self.needs_motion:
                    owner.descriptor = _blend(owner.descriptor,
                                              descriptors[row],
                                              _MOTION_MOMENTUM)
            box = replace(person.box, track_id=owner.track_id)
            found.append(replace(person, box=box))
        return replace(frame_poses, persons=found)

    def reset(self) -> None:
        """As :meth:`PersonTracker.reset`."""
        super().reset()
        self._boxes.reset()
        self._table.reset()
        self._mean = None

    def _near(self, tracks: List[_PoseTrack], poses: np.ndarray,
              boxes: np.ndarray) -> np.ndarray:
        """How near poses and boxes are, (A, N), in [0, 1]."""
        expected = np.array([t.motion.bbox for t in tracks])
        near = (1 - self.oks_weight) * box_iou(expected, boxes)
        if self.oks_weight:
            moved = np.array([t.pose for t in tracks])
            moved[..., :2] += np.array([t.shift() for t in tracks])[:, None]
            near = near + self.oks_weight * pose_oks(moved, _areas(
                expected), poses, _areas(boxes), self._sigmas, self.score_thr)
        return near

    def _describe(self, person: PersonPose,
                  index: int) -> Optional[np.ndarray]:
        if not self.needs_motion:
            return None
        if person.motion is None:
            raise ValueError(
                f'frame {index}: a person has no motion feature; the poses '
                'must come from StreamingPoseEstimator(output_motion=True), '
                'or motion_weight be 0')
        return motion_descriptor(person.motion)

    def _update_mean(self, descriptors: List[Optional[np.ndarray]]) -> None:
        if not self.needs_motion or not descriptors:
            return
        mean = np.mean(descriptors, axis=0)
        self._mean = mean if self._mean is None else _blend(
            self._mean, mean, _MEAN_MOMENTUM)


def _blend(old: np.ndarray, new: np.ndarray, share: float) -> np.ndarray:
    return (1 - share) * old + share * new


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
_DEFAULTS: Dict[str, Dict[str, Any]] = {
    'motion': dict(motion_weight=0.3),
}
#: The names of all trackers.
TRACKERS = tuple(_CLASSES)


def build_tracker(tracker: Union[str, dict, None] = 'iou',
                  sigmas: Optional[Sequence[float]] = None) -> PersonTracker:
    """A tracker from its name or its settings.

    Args:
        tracker (str | dict, optional): One of :data:`TRACKERS`, or a dict
            with such a ``type`` and the tracker's options. None is
            ``'none'``. Defaults to ``'iou'``.
        sigmas (Sequence[float], optional): The tolerances of the model's
            keypoints (``dataset_meta['sigmas']``), for those that compare
            poses, (K, ). Defaults to ``None``, COCO's.

    Returns:
        PersonTracker: The tracker.

    Raises:
        ValueError: If there is no such tracker or option, or a value is out
            of its range.
        ImportError: If the tracker needs what is not installed.
    """
    options = dict(tracker) if isinstance(tracker, dict) else {
        'type': 'none' if tracker is None else tracker
    }
    name = options.pop('type', None)
    if name not in _CLASSES:
        raise ValueError(f'unknown tracker {name!r}, expected one of '
                         f'{", ".join(TRACKERS)}')
    known = list(inspect.signature(_CLASSES[name]).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'tracker {name!r} has no option '
                         f'{", ".join(unknown)}, expected some of '
                         f'{", ".join(known) or "none"}')
    options = {**_DEFAULTS.get(name, {}), **options}
    if 'sigmas' in known:
        options.setdefault('sigmas', sigmas)
    return _CLASSES[name](**options)
