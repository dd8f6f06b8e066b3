"""The metrics as plain functions of arrays."""
from .posetrack_annotations import (AnnotatedFrame, joint_columns,
                                    load_posetrack_annotations)
from .poseval_ap import (HEAD_SIZE_FACTOR, HIT_THRESHOLD, MISSING_SCORE,
                         POSEVAL_GROUPS, POSEVAL_JOINTS, PoseFrame,
                         PosevalResult, average_precision, drop_ignored,
                         match_frame, poseval_ap)

__all__ = [
    'HEAD_SIZE_FACTOR', 'HIT_THRESHOLD', 'MISSING_SCORE', 'POSEVAL_GROUPS',
    'POSEVAL_JOINTS', 'AnnotatedFrame', 'PoseFrame', 'PosevalResult',
    'average_precision', 'drop_ignored', 'joint_columns',
    'load_posetrack_annotations', 'match_frame', 'poseval_ap'
]
