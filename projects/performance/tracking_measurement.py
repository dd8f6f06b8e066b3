"""How well tracks of generated or annotated clips are kept.

Detections come from a simulated detector, poses from a model or from the
annotations with noise of known size.

Shape shorthand: J = 15 scored joints, K keypoints of the model's layout.
"""
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence

import numpy as np

from mmpose_tdmi.evaluation.functional import (HEAD_SIZE_FACTOR,
                                               AnnotatedSequence, HotaCounter,
                                               MotCounter, PredictedSequence,
                                               joint_columns, match_persons)
from mmpose_tdmi.video.structures import (Crop, FramePoses, PersonPose,
                                          TrackedBox)
from mmpose_tdmi.video.tracking import PersonTracker
from mmpose_tdmi.video.tracks import box_iou
from .idf1 import Idf1Counter
from .simulated_detector import Detections


def tracked_boxes(
        tracker: PersonTracker,
        detections: Sequence[Optional[Detections]],
        images: Optional[Sequence[np.ndarray]] = None
) -> List[List[TrackedBox]]:
    """The boxes that a tracker gives the frames of a video.

    Args:
        tracker (PersonTracker): Reset first.
        detections (Sequence[Detections | None]): Of each frame, None where
            nobody was looked for.
        images (Sequence[np.ndarray], optional): The frames.
    """
    tracker.reset()
    found = []
    for index, detected in enumerate(detections):
        image = None if images is None else images[index]
        if detected is None:
            found.append(tracker.carry(index, image))
        else:
            found.append(
                tracker.update(index, detected.boxes, detected.scores, image))
    return found


def annotated_poses(boxes: Sequence[List[TrackedBox]],
                    detections: Sequence[Detections], noise: float,
                    seed: int) -> Iterator[FramePoses]:
    """Poses as annotated, with noise, for boxes that were detected.

    Args:
        boxes (Sequence[list[TrackedBox]]): What a tracker made of
            ``detections``, in each frame.
        detections (Sequence[Detections]): Of each frame.
        noise (float): Standard deviation of each coordinate, in head sizes.
        seed (int): Of the noise.

    Returns:
        Iterator[FramePoses]: The frames' poses, (K, 2) each; scores are the
        annotated joints' v.
    """
    for index, (frame, detected) in enumerate(zip(boxes, detections)):
        persons = []
        for box in frame:
            person = person_of(box, detected)
            joints = np.reshape(person['keypoints'], (-1, 3)).astype(float)
            rng = np.random.default_rng([seed, index, person['track_id']])
            moved = noise * head_size(person) * rng.standard_normal(
                (len(joints), 2))
            x1, y1, x2, y2 = box.bbox
            crop = Crop(((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1, y2 - y1))
            persons.append(
                PersonPose(box, joints[:, :2] + moved,
                           (joints[:, 2] > 0).astype(float), crop))
        yield FramePoses(index, persons=persons)


def person_of(box: TrackedBox, detected: Detections) -> dict:
    """dict: The annotation that a detected box was made of."""
    # trackers may give a box out with less precision
    row = int(np.abs(detected.boxes - box.bbox).sum(axis=1).argmin())
    return detected.persons[row]


def carried_overlaps(tracker: PersonTracker,
                     detections: Sequence[Optional[Detections]],
                     persons: Sequence[Sequence[dict]]) -> List[float]:
    """How far carried boxes stay on those whom they were detected on.

    Args:
        tracker (PersonTracker): Reset first.
        detections (Sequence[Detections | None]): Of each frame, None where
            nobody was looked for.
        persons (Sequence[Sequence[dict]]): The annotations of each frame.

    Returns:
        list[float]: The intersection over union with the annotated box, for
        each carried box of a person who is annotated in its frame.
    """
    owners: Dict[int, int] = {}
    found = []
    for boxes, detected, annotated in zip(
            tracked_boxes(tracker, detections), detections, persons):
        if detected is not None:
            owners = {
                box.track_id: person_of(box, detected)['track_id']
                for box in boxes
            }
            continue
        truth = {person['track_id']: person['bbox'] for person in annotated}
        for box in boxes:
            if owners[box.track_id] in truth:
                x, y, width, height = truth[owners[box.track_id]]
                corners = np.array([[x, y, x + width, y + height]])
                overlap = box_iou(np.array([box.bbox]), corners)
                found.append(float(overlap[0, 0]))
    return found


def head_size(person: dict) -> float:
    """float: What PoseTrack's distances are measured by, in pixels."""
    return HEAD_SIZE_FACTOR * float(np.hypot(*person['bbox_head'][2:]))


@dataclass
class TrackingScores:
    """Counts of MOTA, HOTA and IDF1 over videos.

    Attributes:
        video_idf1 (list[float]): IDF1 of each video in percent, for paired
            comparisons.
    """
    video_idf1: List[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mot = MotCounter()
        self._hota = HotaCounter(as_released=False)
        self._idf1 = Idf1Counter()

    def add(self, annotated: AnnotatedSequence, frames: Sequence[FramePoses],
            keypoint_names: Sequence[str]) -> None:
        """Add a video.

        Args:
            annotated (AnnotatedSequence): Its frames.
            frames (Sequence[FramePoses]): The poses in each of them; joints
                with a score of 0 are not predicted.
            keypoint_names (Sequence[str]): The K names of the poses' layout.

        Raises:
            ValueError: If these are not as many frames.
        """
        predicted = _predicted(annotated, frames, keypoint_names)
        matching = match_persons(annotated, predicted)
        alone = Idf1Counter()
        for counter in (self._mot, self._hota, self._idf1, alone):
            counter.add(annotated, predicted, matching)
        self.video_idf1.append(alone.result().by_joint()['idf1']['total'])

    def result(self) -> Dict[str, float]:
        """Totals in percent; ``switches`` is their number per person's joint,
        summed over videos."""
        mot = self._mot.result()
        hota = self._hota.result().by_joint()
        return dict(
            mota=mot.by_joint()['mota']['total'],
            hota=hota['hota']['total'],
            assa=hota['ass_a']['total'],
            idf1=self._idf1.result().by_joint()['idf1']['total'],
            switches=float(mot.num_switches.mean()))


def _predicted(annotated: AnnotatedSequence, frames: Sequence[FramePoses],
               keypoint_names: Sequence[str]) -> PredictedSequence:
    if len(frames) != annotated.num_frames:
        raise ValueError(f'{annotated.name}: {len(frames)} frames of poses, '
                         f'expected {annotated.num_frames}')
    columns = joint_columns(keypoint_names, 'the poses')
    persons = [(i, p) for i, frame in enumerate(frames) for p in frame.persons]
    keypoints = np.array([p.keypoints[columns] for _, p in persons])
    scores = np.array([p.scores[columns] for _, p in persons])
    return PredictedSequence(
        name=annotated.name,
        frame_names=annotated.frame_names,
        frame_ids=annotated.frame_ids,
        frame_index=np.array([i for i, _ in persons], dtype=np.int64),
        keypoints=keypoints.reshape(-1, len(columns), 2),
        present=scores.reshape(-1, len(columns)) > 0,
        track_ids=np.array([p.box.track_id for _, p in persons],
                           dtype=np.int64),
        scores=scores.reshape(-1, len(columns)))
