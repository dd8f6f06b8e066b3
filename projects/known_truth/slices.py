"""What is known of a joint: the slices that a benchmark scores by.

The generator knows of every joint in every labelled frame where it is and
what hides it. Of a joint in a key frame this says, given that the frames
around it are labelled, too:

- ``visible``: not hidden;
- ``hidden_seen``: hidden now (by an object, another person or the own body),
  but visible in a frame of the window around it: what neighbouring frames
  can tell and the key frame cannot;
- ``hidden_unseen``: hidden in all frames of the window;
- ``blurred``: moves by more than :data:`BLURRED` head sizes during the
  exposure;
- ``fast``: moves by more than :data:`FAST` head sizes from frame to frame;
- ``crowded``: lies in another annotated person's box.

``visible``, ``hidden_seen`` and ``hidden_unseen`` share out all joints; the
others overlap with them. A head size is PoseTrack's, 0.6 times the diagonal
of the head box. Motion is half the way from the frame before to the one
after.

Shape shorthand: V keypoints of a person.
"""
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from mmpose_tdmi.datasets.converters.posetrack import split_image_id
from mmpose_tdmi.evaluation.functional import head_sizes

#: The slices, in the order of their bits.
SLICES = ('visible', 'hidden_seen', 'hidden_unseen', 'blurred', 'fast',
          'crowded')
#: Motion during the exposure, in head sizes.
BLURRED = 0.2
#: Motion from frame to frame, in head sizes.
FAST = 0.3
#: How far the window reaches in which a hidden joint may be visible, frames.
REACH = 2

#: Sequence, person and frame.
_Key = Tuple[int, int, int]


def add_slices(annotations: Sequence[dict], exposure: Callable[[int],
                                                               float]) -> None:
    """Write ``slices`` into generated annotations, in place.

    ``slices`` are V numbers, the bits of :data:`SLICES` (the first is the
    lowest); 0 for a joint that is not labelled.

    Args:
        annotations (Sequence[dict]): Those of the generator, of whole videos.
        exposure (Callable[[int], float]): Of an image id, the share of the
            frame interval during which the shutter is open.
    """
    people: Dict[_Key, dict] = {}
    by_image: Dict[int, List[dict]] = {}
    for annotation in annotations:
        _, sequence, frame = split_image_id(annotation['image_id'])
        people[sequence, annotation['track_id'], frame] = annotation
        by_image.setdefault(annotation['image_id'], []).append(annotation)
    for (sequence, person, frame), annotation in people.items():
        image_id = annotation['image_id']
        around = {
            step: people.get((sequence, person, frame + step))
            for step in range(-REACH, REACH + 1)
        }
        motion = joint_motion(around[-1], annotation, around[1])
        present = _present(annotation)
        hidden = _hidden(annotation)
        around_now = [p for p in around.values() if p is not None]
        seen = np.any([_present(p) & ~_hidden(p) for p in around_now], axis=0)
        others = [
            other['bbox'] for other in by_image[image_id]
            if other is not annotation
        ]
        crowded = in_boxes(_positions(annotation), others)
        blurred = motion * exposure(image_id) > BLURRED
        flags = (~hidden, hidden & seen, hidden & ~seen, blurred, motion
                 > FAST, crowded)
        bits = sum((flag & present).astype(int) << bit
                   for bit, flag in enumerate(flags))
        annotation['slices'] = bits.tolist()


def joint_motion(before: Optional[dict], now: dict,
                 after: Optional[dict]) -> np.ndarray:
    """Head sizes that joints move from a frame to the next.

    Args:
        before (dict, optional): The person one frame earlier.
        now (dict): The person.
        after (dict, optional): The person one frame later.

    Returns:
        np.ndarray: (V, ); 0 where neither neighbour has the joint.
    """
    _, _, width, height = now['bbox_head']
    size = head_sizes(np.array([[0., 0., width, height]]))[0]
    total = np.zeros_like(_positions(now))
    steps = np.zeros(len(total))
    for other, sign in ((before, -1), (after, 1)):
        if other is not None:
            both = _present(other) & _present(now)
            difference = sign * (_positions(other) - _positions(now))
            total += np.where(both[:, None], difference, 0)
            steps += both
    return np.linalg.norm(total, axis=1) / np.maximum(steps, 1) / size


def in_boxes(points: np.ndarray,
             boxes: Sequence[Sequence[float]]) -> np.ndarray:
    """Which points, (V, 2), lie in any of the boxes x, y, w, h: (V, )."""
    inside = np.zeros(len(points), dtype=bool)
    for x, y, width, height in boxes:
        offsets = points - (x, y)
        inside |= ((offsets >= 0) & (offsets <= (width, height))).all(axis=1)
    return inside


def _keypoints(annotation: dict) -> np.ndarray:
    return np.array(annotation['keypoints']).reshape(-1, 3)


def _positions(annotation: dict) -> np.ndarray:
    return _keypoints(annotation)[:, :2]


def _present(annotation: dict) -> np.ndarray:
    return _keypoints(annotation).any(axis=1)


def _hidden(annotation: dict) -> np.ndarray:
    return np.array(annotation['occluded'], dtype=bool)
