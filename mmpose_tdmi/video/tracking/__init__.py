"""Who is who from frame to frame.

Boxes go in, boxes with identities come out; between the frames that a
detector looks at, boxes are carried on. Trackers that compare poses and
motion give the final identities once the poses are known.
"""
from .build import TRACKERS, build_tracker
from .byte_tracker import ByteTracker
from .iou_tracker import IoUTracker
from .person_tracker import PersonTracker
from .pose_tracker import PoseTracker
from .untracked import Untracked

__all__ = [
    'TRACKERS', 'ByteTracker', 'IoUTracker', 'PersonTracker', 'PoseTracker',
    'Untracked', 'build_tracker'
]
