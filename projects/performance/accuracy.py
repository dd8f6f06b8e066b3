"""Accuracy and cost of poses along annotated videos.

Shape shorthand: none.
"""
from typing import Dict, Tuple

import numpy as np

from mmpose_tdmi.evaluation import PoseTrackMetric
from mmpose_tdmi.evaluation.functional import HEAD_SIZE_FACTOR
from mmpose_tdmi.video import (PersonPose, StreamingPoseEstimator,
                               StreamingStats)
from .annotated_video import AnnotatedVideo

#: (image id, track id) -> the pose.
Poses = Dict[Tuple[int, int], PersonPose]


def estimate_videos(estimator: StreamingPoseEstimator,
                    videos: Dict[str, AnnotatedVideo],
                    jitter: float = 0.) -> Tuple[Poses, StreamingStats]:
    """The poses of all videos, and what they cost in all.

    Args:
        estimator (StreamingPoseEstimator): What estimates.
        videos (dict[str, AnnotatedVideo]): The videos.
        jitter (float): As :meth:`AnnotatedVideo.frames`'s. Defaults to 0.
    """
    found: Poses = {}
    total = StreamingStats()
    for seed, video in enumerate(videos.values()):
        for poses in estimator.iterate_poses(video.frames(jitter, seed)):
            for person in poses.persons:
                key = video.image_ids[poses.index], person.box.track_id
                found[key] = person
        for name, value in vars(estimator.stats).items():
            setattr(total, name, getattr(total, name) + value)
    return found, total


def posetrack_ap(poses: Poses, ann_file: str, dataset_meta: dict) -> float:
    """PoseTrack's mean AP in percent.

    Args:
        poses (dict): Poses of all videos of the file.
        ann_file (str): The annotation file.
        dataset_meta (dict): The model's.
    """
    metric = PoseTrackMetric(ann_file=ann_file, box_source='gt')
    metric.dataset_meta = dataset_meta
    samples = [
        dict(
            id=number,
            img_id=image_id,
            pred_instances=dict(
                keypoints=pose.keypoints[None],
                keypoint_scores=pose.scores[None],
                bbox_scores=np.ones(1)))
        for number, ((image_id, _), pose) in enumerate(poses.items())
    ]
    metric.process(None, samples)
    return metric.evaluate(len(samples))['posetrack/mAP']


def mean_distances(poses: Poses, reference: Poses,
                   videos: Dict[str, AnnotatedVideo]) -> Tuple[float, float]:
    """How far the annotated joints are from those of other poses.

    Args:
        poses, reference (dict): Poses of the same persons.
        videos (dict[str, AnnotatedVideo]): Where they are annotated, with
            head boxes.

    Returns:
        tuple[float, float]: The mean distance in pixels and in head sizes.
    """
    persons = next(iter(videos.values())).persons
    pixels, heads = [], []
    for (image_id, track_id), pose in poses.items():
        person, = (p for p in persons[image_id] if p['track_id'] == track_id)
        joints = np.reshape(person['keypoints'], (-1, 3))[:, 2] > 0
        apart = np.linalg.norm(
            pose.keypoints - reference[image_id, track_id].keypoints,
            axis=1)[joints]
        pixels.append(apart)
        heads.append(apart /
                     (HEAD_SIZE_FACTOR * np.hypot(*person['bbox_head'][2:])))
    return (float(np.concatenate(pixels).mean()),
            float(np.concatenate(heads).mean()))
