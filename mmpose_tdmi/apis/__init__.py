"""Inference on videos, as Python functions and classes.

Not imported with the package: it needs MMDetection, training does not.
"""
from mmpose_tdmi.video.decoding import (ImageSequence, find_images, open_video,
                                        relative_names)
from .frame_source import FrameSource, open_frames
from .given_boxes import Boxes, open_boxes
from .inference_settings import InferenceSettings
from .inferencer import VideoPoseInferencer
from .model_names import find_config
from .person_boxes import BoxSource, FileBoxes
from .person_detector import PersonDetector
from .person_finder import DetectorError, PersonFinder
from .pose_model import init_pose_model
from .video_results import FrameResult, VideoSummary
from .weights import require_file, require_weights

__all__ = [
    'BoxSource', 'Boxes', 'DetectorError', 'FileBoxes', 'FrameResult',
    'FrameSource', 'ImageSequence', 'InferenceSettings', 'PersonDetector',
    'PersonFinder', 'VideoPoseInferencer', 'VideoSummary', 'find_config',
    'find_images', 'init_pose_model', 'open_boxes', 'open_frames',
    'open_video', 'relative_names', 'require_file', 'require_weights'
]
