"""What smoothing does to jitter and to accuracy, on clips with known poses.

Shape shorthand: K keypoints.
"""
from dataclasses import replace
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from mmpose_tdmi.evaluation.functional import HEAD_SIZE_FACTOR, mean_of_known
from mmpose_tdmi.video.smoothing import PoseSmoother
from mmpose_tdmi.video.structures import (Crop, FramePoses, PersonPose,
                                          TrackedBox)

#: Annotations by image id.
Persons = Dict[int, List[dict]]


class Jitter(NamedTuple):
    """How unsteady poses are, in head sizes.

    Attributes:
        acceleration_error (float): Mean distance of the joints' second
            differences in time to those of the annotated joints, per frame
            squared.
        position_error (float): Mean distance to the annotated joints.
        unsteadiness (float): Mean length of the second differences
            themselves, per frame squared.
    """
    acceleration_error: float
    position_error: float
    unsteadiness: float


def smooth(smoother: PoseSmoother, frames: Sequence[FramePoses],
           size: Tuple[int, int]) -> List[FramePoses]:
    """Smooth a video whose images do not matter.

    Args:
        smoother (PoseSmoother): With what.
        frames (Sequence[FramePoses]): Its poses.
        size (tuple[int, int]): Height and width of its frames.
    """
    image = np.broadcast_to(np.zeros(3, dtype=np.uint8), (*size, 3))
    return list(
        smoother.iterate(replace(poses, image=image) for poses in frames))


def noisy_poses(image_ids: Sequence[int],
                persons: Persons,
                noise: float,
                outliers: float,
                seed: int,
                fps: float = 25.) -> List[FramePoses]:
    """Annotated poses with noise of known size.

    Scores are 0.9, 0.1 where a joint is an outlier, 0 where none is annotated.

    Args:
        image_ids (Sequence[int]): The frames of a video.
        persons (dict[int, list[dict]]): Their annotations.
        noise (float): Standard deviation of each coordinate, in head sizes.
        outliers (float): Share of joints whose noise is ten times that.
        seed (int): Of the noise.
        fps (float): Frames per second. Defaults to 25.
    """
    rng = np.random.default_rng(seed)
    found = []
    for index, image_id in enumerate(image_ids):
        poses = FramePoses(index, index / fps)
        for person in persons.get(image_id, ()):
            joints = np.reshape(person['keypoints'], (-1, 3)).astype(float)
            is_outlier = rng.random(len(joints)) < outliers
            moved = head_size(person) * noise * rng.standard_normal(
                (len(joints), 2)) * np.where(is_outlier, 10, 1)[:, None]
            x, y, width, height = person['bbox']
            scores = np.where(is_outlier, 0.1, 0.9) * (joints[:, 2] > 0)
            box = TrackedBox(person['track_id'], (x, y, x + width, y + height),
                             1.)
            poses.persons.append(
                PersonPose(
                    box, joints[:, :2] + moved, scores,
                    Crop((x + width / 2, y + height / 2), (width, height))))
        found.append(poses)
    return found


def measure_jitter(videos: Sequence[Tuple[Sequence[FramePoses],
                                          Sequence[int]]],
                   persons: Persons) -> Jitter:
    """How unsteady the poses of videos are.

    Args:
        videos (Sequence[tuple]): Poses and image ids of each video's frames;
            track ids are the annotations'. What never occurs is NaN.
        persons (dict[int, list[dict]]): Annotations by image id.
    """
    found: List[List[np.ndarray]] = [[], [], []]
    for frames, image_ids in videos:
        # the errors and positions of each person in the frames before
        before: List[Dict[int, Tuple[np.ndarray, np.ndarray]]] = [{}, {}]
        for poses, image_id in zip(frames, image_ids):
            truth = {p['track_id']: p for p in persons.get(image_id, ())}
            now = {}
            for pose in poses.persons:
                person = truth[pose.box.track_id]
                joints = np.reshape(person['keypoints'], (-1, 3))
                # what is not annotated has no error
                x = np.where(joints[:, 2:] > 0, pose.keypoints, np.nan)
                error = x - joints[:, :2]
                size = head_size(person)
                found[1].append(np.linalg.norm(error, axis=1) / size)
                now[pose.box.track_id] = error, x
                last = [b.get(pose.box.track_id) for b in before]
                if None in last:
                    continue
                for values, part in ((found[0], 0), (found[2], 1)):
                    second = now[pose.box.track_id][
                        part] - 2 * last[1][part] + last[0][part]
                    values.append(np.linalg.norm(second, axis=1) / size)
            before = [before[1], now]
    return Jitter(*(mean_of_known(np.concatenate([np.zeros(0), *values]))
                    for values in found))


def head_size(person: dict) -> float:
    """float: What PoseTrack's distances are measured by, in pixels."""
    return HEAD_SIZE_FACTOR * float(np.hypot(*person['bbox_head'][2:]))
