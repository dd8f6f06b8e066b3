"""Inference on videos, as Python functions and classes.

Not imported with the package: training does not need it. A detector needs
MMDetection.
"""
from mmpose_tdmi.video.decoding import (FrameSource, ImageSequence,
                                        find_images, open_frames, open_video,
                                        relative_names)
from .boxes import (Boxes, BoxSource, DetectorError, FileBoxes, PersonFinder,
                    open_boxes)
from .inferencer import FrameResult, VideoPoseInferencer, VideoSummary
from .models import (PersonDetector, find_config, init_pose_model,
                     require_file, require_weights)
from .settings import InferenceSettings

__all__ = [
    'BoxSource', 'Boxes', 'DetectorError', 'FileBoxes', 'FrameResult',
    'FrameSource', 'ImageSequence', 'InferenceSettings', 'PersonDetector',
    'PersonFinder', 'VideoPoseInferencer', 'VideoSummary', 'find_config',
    'find_images', 'init_pose_model', 'open_boxes', 'open_frames',
    'open_video', 'relative_names', 'require_file', 'require_weights'
]
