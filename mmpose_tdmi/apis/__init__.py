"""Inference on videos, as Python functions and classes.

Not imported with the package: it needs MMDetection, training does not.
"""
from .frame_source import (DEFAULT_FPS, FrameSource, ImageSequence,
                           find_images, number_frames, open_frames,
                           relative_names)
from .person_boxes import BoxSource, DetectedBoxes, FileBoxes, PersonBox
from .person_detector import PersonDetector
from .pose_model import init_pose_model
from .video_inference import (FramePoses, PersonPose, VideoPoseEstimator,
                              clip_window, frames_to_keep)
from .video_results import frame_names, frame_record, result_meta
from .weights import require_file, require_weights

__all__ = [
    'DEFAULT_FPS', 'BoxSource', 'DetectedBoxes', 'FileBoxes', 'FramePoses',
    'FrameSource', 'ImageSequence', 'PersonBox', 'PersonDetector',
    'PersonPose', 'VideoPoseEstimator', 'clip_window', 'find_images',
    'frame_names', 'frame_record', 'frames_to_keep', 'init_pose_model',
    'number_frames', 'open_frames', 'relative_names', 'require_file',
    'require_weights', 'result_meta'
]
