"""Who is who from frame to frame.

Boxes go in, boxes with identities come out; between the frames that a
detector looks at, boxes are carried on. Trackers that compare poses and
motion give the final identities once the poses are known.
"""
from .trackers import (TRACKERS, ByteTracker, IoUTracker, PoseTracker,
                       build_tracker)
from .tracks import PersonTracker, Untracked

__all__ = [
    'TRACKERS', 'ByteTracker', 'IoUTracker', 'PersonTracker', 'PoseTracker',
    'Untracked', 'build_tracker'
]
