"""Inference on videos, as Python functions and classes.

Not imported with the package: it needs MMDetection, training does not.
"""
from mmpose_tdmi.video.decoding import (ImageSequence, find_images, open_video,
                                        relative_names)
from .boxes import (Boxes, BoxSource, FileBoxes, FrameSource, open_boxes,
                    open_frames)
from .inferencer import FrameResult, VideoPoseInferencer, VideoSummary
from .models import (PersonDetector, find_config, init_pose_model,
                     require_file, require_weights)
from .people import DetectorError, PersonFinder
from .settings import InferenceSettings

__all__ = [
    'BoxSource', 'Boxes', 'DetectorError', 'FileBoxes', 'FrameResult',
    'FrameSource', 'ImageSequence', 'InferenceSettings', 'PersonDetector',
    'PersonFinder', 'VideoPoseInferencer', 'VideoSummary', 'find_config',
    'find_images', 'init_pose_model', 'open_boxes', 'open_frames',
    'open_video', 'relative_names', 'require_file', 'require_weights'
]
