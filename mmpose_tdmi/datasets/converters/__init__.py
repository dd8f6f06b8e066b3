"""Annotation formats of the datasets, and converters between them."""
from .common import (HIEVE_KEYPOINT_NAMES, KEYPOINT_NAMES, NUM_KEYPOINTS,
                     SKELETON, Conversion, ConvertedVideo, VideoSource,
                     box_from_keypoints, person_category)
from .hieve import convert_hieve
from .posetrack import (convert_posetrack17, convert_posetrack18,
                        convert_posetrack21, format_video_id,
                        make_annotation_id, make_image_id, merge_annotations,
                        split_image_id, write_video_annotation)

__all__ = [
    'HIEVE_KEYPOINT_NAMES', 'KEYPOINT_NAMES', 'NUM_KEYPOINTS', 'SKELETON',
    'Conversion', 'ConvertedVideo', 'VideoSource', 'box_from_keypoints',
    'convert_hieve', 'convert_posetrack17', 'convert_posetrack18',
    'convert_posetrack21', 'format_video_id', 'make_annotation_id',
    'make_image_id', 'merge_annotations', 'person_category', 'split_image_id',
    'write_video_annotation'
]
