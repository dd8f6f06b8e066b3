"""The poses of a video as json.

Shape shorthand: K keypoints.
"""
from typing import Dict, List, Optional, Sequence

import mmengine
import mmpose
import torch

from mmpose_tdmi.version import __version__

from .frame_source import FrameSource, ImageSequence, relative_names
from .video_inference import FramePoses, VideoPoseEstimator


def frame_record(poses: FramePoses, file_name: Optional[str] = None) -> dict:
    """A frame's poses as plain values.

    Args:
        poses (FramePoses): The poses.
        file_name (str, optional): The frame's file.

    Returns:
        dict: ``frame``, its index; ``file_name`` where given; ``persons``,
        each with ``id``, ``bbox`` (x, y, width, height), ``bbox_score``,
        ``keypoints`` (K pairs x, y) and ``keypoint_scores`` (K).
    """
    persons = []
    for pose in poses.persons:
        x1, y1, x2, y2 = pose.box.bbox
        persons.append(
            dict(
                id=pose.box.id,
                bbox=[x1, y1, x2 - x1, y2 - y1],
                bbox_score=pose.box.score,
                keypoints=pose.keypoints.tolist(),
                keypoint_scores=pose.scores.tolist()))
    record = dict(frame=poses.index, persons=persons)
    if file_name is not None:
        record['file_name'] = file_name
    return record


def frame_names(frames: FrameSource) -> List[Optional[str]]:
    """The frames' file names relative to their folder; None in a video."""
    if isinstance(frames, ImageSequence):
        return relative_names(frames.paths)
    return [None] * len(frames)


def result_meta(source: str, frames: FrameSource,
                estimator: VideoPoseEstimator, config: str, checkpoint: str,
                box_source: Dict[str, object]) -> dict:
    """What a reader of the poses must know about them.

    Args:
        source (str): The video, folder or glob.
        frames (VideoReader | ImageSequence): Its frames.
        estimator (VideoPoseEstimator): What estimated the poses.
        config (str): The model's config.
        checkpoint (str): The model's checkpoint.
        box_source (dict): Where the boxes come from and how they were chosen.

    Returns:
        dict: Plain values.
    """
    meta = estimator.model.dataset_meta
    return dict(
        source=source,
        width=frames.size[0],
        height=frames.size[1],
        fps=float(frames.fps),
        num_frames=len(frames),
        config=config,
        checkpoint=checkpoint,
        boxes=box_source,
        frame_offsets=list(estimator.window.offsets),
        padding=estimator.padding,
        keypoint_names=_names(meta),
        skeleton=[[int(i) for i in link]
                  for link in meta.get('skeleton_links', ())],
        coordinates='pixels of the upright frame, x to the right, y down',
        versions=dict(
            mmpose_tdmi=__version__,
            mmpose=mmpose.__version__,
            mmengine=mmengine.__version__,
            torch=torch.__version__))


def _names(meta: dict) -> Sequence[str]:
    names = meta['keypoint_id2name']
    return [names[i] for i in range(len(names))]
