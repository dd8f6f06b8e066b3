"""Annotation formats of the datasets, and converters between them."""
from .posetrack18 import (KEYPOINT_NAMES, NUM_KEYPOINTS, SKELETON,
                          box_from_keypoints, format_video_id,
                          make_annotation_id, make_image_id,
                          merge_annotations, person_category, split_image_id,
                          write_video_annotation)

__all__ = [
    'KEYPOINT_NAMES', 'NUM_KEYPOINTS', 'SKELETON', 'box_from_keypoints',
    'format_video_id', 'make_annotation_id', 'make_image_id',
    'merge_annotations', 'person_category', 'split_image_id',
    'write_video_annotation'
]
