"""What inference on a video gives, frame by frame and in all.

Shape shorthand: K keypoints, H x W pixels of a frame.
"""
from dataclasses import dataclass, field
from typing import List, Optional

import numpy as np

from mmpose_tdmi.video.structures import FramePoses


@dataclass
class FrameResult:
    """A frame of a video with its poses.

    Args:
        video (str): The video's name.
        poses (FramePoses): Index, time stamp and persons.
        image (np.ndarray): The frame, (H, W, 3), uint8, BGR.
        file_name (str, optional): An image file's name.
        visualization (np.ndarray, optional): The drawn frame, (H, W, 3),
            uint8, BGR, where asked for.
    """
    video: str
    poses: FramePoses
    image: np.ndarray
    file_name: Optional[str] = None
    visualization: Optional[np.ndarray] = None

    @property
    def index(self) -> int:
        """int: The frame's index, 0-based."""
        return self.poses.index

    @property
    def predictions(self) -> List[dict]:
        """list[dict]: The persons as plain values, in the form of
        ``MMPoseInferencer``'s predictions for an image: ``keypoints``,
        ``keypoint_scores``, ``bbox`` (a tuple of one list x1, y1, x2, y2) and
        ``bbox_score``, and with them ``track_id`` and ``bbox_source``."""
        return [
            dict(
                keypoints=person.keypoints.tolist(),
                keypoint_scores=person.scores.tolist(),
                bbox=([float(x) for x in person.box.bbox], ),
                bbox_score=float(person.box.score),
                track_id=person.box.track_id,
                bbox_source=person.box.source) for person in self.poses.persons
        ]


@dataclass
class VideoSummary:
    """What became of a video.

    Args:
        name (str): Its name.
        input (str): What was opened.
        num_frames (int): Frames given out so far.
        num_persons (int): Poses in them.
        num_skipped (int): Frames that did not decode.
        num_detector_failures (int): Frames that the detector failed on.
        outputs (list[str]): The files written, once the video is finished.
    """
    name: str
    input: str
    num_frames: int = 0
    num_persons: int = 0
    num_skipped: int = 0
    num_detector_failures: int = 0
    outputs: List[str] = field(default_factory=list)
