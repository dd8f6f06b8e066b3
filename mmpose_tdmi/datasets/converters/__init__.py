"""Annotation formats of the datasets, and converters between them."""
from .conversion import Conversion, ConvertedVideo, VideoSource
from .hieve import HIEVE_KEYPOINT_NAMES, convert_hieve
from .posetrack17 import convert_posetrack17
from .posetrack18 import (KEYPOINT_NAMES, NUM_KEYPOINTS, SKELETON,
                          box_from_keypoints, convert_posetrack18,
                          format_video_id, make_annotation_id, make_image_id,
                          merge_annotations, person_category, split_image_id,
                          write_video_annotation)
from .posetrack21 import convert_posetrack21

__all__ = [
    'HIEVE_KEYPOINT_NAMES', 'KEYPOINT_NAMES', 'NUM_KEYPOINTS', 'SKELETON',
    'Conversion', 'ConvertedVideo', 'VideoSource', 'box_from_keypoints',
    'convert_hieve', 'convert_posetrack17', 'convert_posetrack18',
    'convert_posetrack21', 'format_video_id', 'make_annotation_id',
    'make_image_id', 'merge_annotations', 'person_category', 'split_image_id',
    'write_video_annotation'
]
