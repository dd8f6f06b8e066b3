"""Trackers by name.

Shape shorthand: K keypoints.
"""
import inspect
from typing import Any, Callable, Dict, Optional, Sequence, Union

from .byte_tracker import ByteTracker
from .iou_tracker import IoUTracker
from .person_tracker import PersonTracker
from .pose_tracker import PoseTracker
from .untracked import Untracked

#: What each name stands for; 'oks' and 'motion' differ in their defaults.
_CLASSES: Dict[str, Callable[..., PersonTracker]] = {
    'iou': IoUTracker,
    'oks': PoseTracker,
    'motion': PoseTracker,
    'bytetrack': ByteTracker,
    'none': Untracked
}
_DEFAULTS: Dict[str, Dict[str, Any]] = {
    'motion': dict(motion_weight=0.3),
}
#: The names of all trackers.
TRACKERS = tuple(_CLASSES)


def build_tracker(tracker: Union[str, dict, None] = 'iou',
                  sigmas: Optional[Sequence[float]] = None) -> PersonTracker:
    """A tracker from its name or its settings.

    Args:
        tracker (str | dict, optional): One of :data:`TRACKERS`, or a dict
            with such a ``type`` and the tracker's options. None is
            ``'none'``. Defaults to ``'iou'``.
        sigmas (Sequence[float], optional): The tolerances of the model's
            keypoints (``dataset_meta['sigmas']``), for those that compare
            poses, (K, ). Defaults to ``None``, COCO's.

    Returns:
        PersonTracker: The tracker.

    Raises:
        ValueError: If there is no such tracker or option, or a value is out
            of its range.
        ImportError: If the tracker needs what is not installed.
    """
    options = dict(tracker) if isinstance(tracker, dict) else {
        'type': 'none' if tracker is None else tracker
    }
    name = options.pop('type', None)
    if name not in _CLASSES:
        raise ValueError(f'unknown tracker {name!r}, expected one of '
                         f'{", ".join(TRACKERS)}')
    known = list(inspect.signature(_CLASSES[name]).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'tracker {name!r} has no option '
                         f'{", ".join(unknown)}, expected some of '
                         f'{", ".join(known) or "none"}')
    options = {**_DEFAULTS.get(name, {}), **options}
    if 'sigmas' in known:
        options.setdefault('sigmas', sigmas)
    return _CLASSES[name](**options)
