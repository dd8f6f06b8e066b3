"""Which errors a model makes, and on which joints: docs/pose_errors.md."""
from .collection import JointErrors, collect_errors, video_errors
from .outcomes import MIRROR, NEAR_LIMIT, OUTCOMES, PREDICTIONS, joint_outcomes
from .slices import (CROWD_EDGES, NO_JOINT, SIZE_EDGES, SLICINGS, SPEED_EDGES,
                     Slices, slice_joints)
from .speeds import MAX_GAP, joint_speeds
from .tables import ALL, ErrorRow, error_rows, format_rows, write_csv

__all__ = [
    'ALL', 'CROWD_EDGES', 'MAX_GAP', 'MIRROR', 'NEAR_LIMIT', 'NO_JOINT',
    'OUTCOMES', 'PREDICTIONS', 'SIZE_EDGES', 'SLICINGS', 'SPEED_EDGES',
    'ErrorRow', 'JointErrors', 'Slices', 'collect_errors', 'error_rows',
    'format_rows', 'joint_outcomes', 'joint_speeds', 'slice_joints',
    'video_errors', 'write_csv'
]
