"""Tracking by poses, and by how people move.

Two trackers in a row: boxes get provisional identities at once, by their
overlap, so that a person's crops can be kept from frame to frame; when the
poses are there, they get the final ones. The second compares poses (object
keypoint similarity), boxes, and, as the paper's conclusion proposes for later
work, the motion features of the temporal-difference neck.

Shape shorthand: A tracks, N persons of a frame, K keypoints, D numbers of a
motion descriptor.
"""
from dataclasses import dataclass, replace
from typing import List, Optional, Sequence

import numpy as np

from mmpose_tdmi.video.structures import FramePoses, PersonPose, TrackedBox
from .association import box_iou, cosine, motion_descriptor, pose_oks
from .box_motion import BoxMotion
from .iou_tracker import IoUTracker
from .person_tracker import PersonTracker
from .track_table import Track, TrackTable

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
