"""From a drawn frame to its PoseTrack18 annotation.

A joint inside the image is labelled (v = 1) whether it is seen or hidden, as
in PoseTrack18; one outside is 0, 0, 0, and so are the ears, which PoseTrack18
never labels. Whether it is hidden, and by what, is looked up in the buffer of
what was drawn, and written under keys of our own: ``occluded`` (17 times 0 or
1) and ``occluded_by`` (17 times one of :data:`NOTHING`, :data:`SELF`,
:data:`PERSON`, :data:`OBJECT`).

Shape shorthand: V = 17 keypoints, J joints of the skeleton, H x W pixels.
"""
from typing import Any, Dict, List, Optional, Tuple

import cv2
import numpy as np

from mmpose_tdmi.datasets.converters.common import (KEYPOINT_NAMES,
                                                    box_from_keypoints)
from mmpose_tdmi.datasets.converters.posetrack import make_annotation_id
from .person import PART_LABEL, Person, Track
from .render import LabelMap
from .scene import Frame, Scene
from .skeleton import JOINT_INDEX

#: What hides a joint.
NOTHING, SELF, PERSON, OBJECT = range(4)

#: A person with fewer joints in the image, or less of the body seen, is not
#: annotated; what is seen of it becomes an ignore region.
MIN_JOINTS = 5
MIN_VISIBLE = 0.12

_HEAD = ('head', 'hair')
#: Joint of a limb -> its parts on the joint's side, parts without a side.
_LIMB_PARTS = {
    'shoulder': (('upper_arm', ), ('trunk', )),
    'elbow': (('upper_arm', 'forearm'), ()),
    'wrist': (('forearm', 'hand'), ()),
    'hip': (('thigh', ), ('pelvis', 'trunk')),
    'knee': (('thigh', 'shin'), ()),
    'ankle': (('shin', 'foot'), ()),
}
#: The parts that a joint belongs to: it is seen where one of them is.
_OWN_PARTS = {
    'nose': ('head', ),
    'head_bottom': ('neck', 'trunk', 'head', 'hair'),
    'head_top': _HEAD,
    **{
        f'{side}_{joint}': tuple(f'{side}_{part}' for part in parts) + more
        for side in ('left', 'right')
        for joint, (parts, more) in _LIMB_PARTS.items()
    }
}


def joint_occlusion(labels: np.ndarray, person: Person, track: Track,
                    index: int, number: int) -> Tuple[np.ndarray, np.ndarray]:
    """What hides each keypoint.

    A joint is seen if at least a third of a small disc around it shows a part
    that it belongs to and the joint is on the side of the body that faces the
    camera.

    Args:
        labels (np.ndarray): (H, W), see :class:`LabelMap`.
        person (Person): The person.
        track (Track): The person's way.
        index (int): Which time of the track.
        number (int): The person's number.

    Returns:
        tuple[np.ndarray, np.ndarray]: (V,) bool, inside the image; (V,) int,
        one of the four causes, 0 for joints outside.
    """
    height, width = labels.shape
    inside = np.zeros(len(KEYPOINT_NAMES), bool)
    cause = np.zeros(len(KEYPOINT_NAMES), int)
    base = number * LabelMap.PARTS
    reach = max(1, round(0.013 * person.body.stature * track.scale[index]))
    for k, name in enumerate(KEYPOINT_NAMES):
        if name not in _OWN_PARTS:
            continue
        x, y = track.pixels[index, JOINT_INDEX[name]]
        inside[k] = -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5
        if not inside[k]:
            continue
        column, row = int(round(x)), int(round(y))
        disc = labels[max(0, row - reach):row + reach + 1,
                      max(0, column - reach):column + reach + 1].ravel()
        own = [base + PART_LABEL[part] for part in _OWN_PARTS[name]]
        if np.isin(disc, own).mean() < 1 / 3:
            others = disc[~np.isin(disc, own)]
            values, counts = np.unique(others, return_counts=True)
            top = int(values[counts.argmax()])
            if top < 0:
                cause[k] = OBJECT
            elif top == 0 or (top - 1) // LabelMap.PARTS == number:
                cause[k] = SELF
            else:
                cause[k] = PERSON
        elif _turned_away(name, person, track, index):
            cause[k] = SELF
    return inside, cause


def _turned_away(name: str, person: Person, track: Track, index: int) -> bool:
    """Whether a joint is on the far side of its own head or trunk."""
    if name == 'nose':
        return bool(track.pose.head[index, 2, 2] < -0.15)
    for joint, across in (('shoulder', 'shoulder'), ('hip', 'hip')):
        if name.endswith(joint):
            pair = [
                track.pose.joints[index, JOINT_INDEX[f'{side}_{joint}'], 2]
                for side in ('left', 'right')
            ]
            own = pair[0] if name.startswith('left') else pair[1]
            limit = 1.5 * getattr(person.body, across)
            return bool(own - min(pair) > limit)
    return False


def head_box(person: Person, track: Track, index: int, width: int,
             height: int) -> Optional[List[float]]:
    """The box around skull, head_bottom and head_top.

    Returns:
        list[float] | None: x, y, width, height in image pixels, clipped to
        the image; None if nothing is left.
    """
    centre = track.pixels[index, JOINT_INDEX['head_centre']]
    # half extent of a turned ellipsoid along the image's x and y
    half = track.scale[index] * np.linalg.norm(
        track.pose.head[index, :2] * person.body.head_size, axis=1)
    ends = track.pixels[index,
                        [JOINT_INDEX['head_bottom'], JOINT_INDEX['head_top']]]
    low = np.minimum(centre - half, ends.min(axis=0))
    high = np.maximum(centre + half, ends.max(axis=0))
    return _clipped(low, high, width, height)


def _clipped(low: np.ndarray, high: np.ndarray, width: int,
             height: int) -> Optional[List[float]]:
    low = np.round(np.clip(low, 0, (width, height)), 3)
    high = np.round(np.clip(high, 0, (width, height)), 3)
    if (high - low).min() < 1:
        return None
    return [*low.tolist(), *np.round(high - low, 3).tolist()]


def visible_region(labels: LabelMap,
                   number: int) -> Tuple[List[list], List[list]]:
    """What is seen of a person as ignore polygons.

    Returns:
        tuple[list[list[int]], list[list[int]]]: x and y per polygon, pixels.
    """
    seen = labels.owner() == number
    others = (labels.labels > 0) & ~seen
    mask = cv2.dilate(np.uint8(seen), np.ones((7, 7), np.uint8))
    mask[others] = 0
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)
    xs, ys = [], []
    for contour in contours:
        polygon = cv2.approxPolyDP(contour, 1.5, True)[:, 0]
        if len(polygon) >= 3:
            xs.append(polygon[:, 0].tolist())
            ys.append(polygon[:, 1].tolist())
    return xs, ys


def annotate(scene: Scene, frame: Frame,
             image_id: int) -> Tuple[List[Dict[str, Any]], list, list]:
    """Annotate one labelled frame.

    Args:
        scene (Scene): The scene.
        frame (Frame): The frame; ``labels`` must be there.
        image_id (int): Its id.

    Returns:
        tuple: The annotations, and x and y of the ignore polygons.
    """
    settings, labels = scene.settings, frame.labels
    annotations, ignore_x, ignore_y = [], [], []
    owner = labels.owner()
    for number, (person, track) in enumerate(zip(scene.people, frame.tracks)):
        cover = np.count_nonzero(labels.covers[number])
        seen = np.count_nonzero(owner == number)
        if not seen:
            continue
        inside, cause = joint_occlusion(labels.labels, person, track,
                                        frame.index, number)
        head = head_box(person, track, frame.index, settings.width,
                        settings.height)
        if (person.background or inside.sum() < MIN_JOINTS
                or seen < MIN_VISIBLE * cover or head is None):
            xs, ys = visible_region(labels, number)
            ignore_x += xs
            ignore_y += ys
            continue
        keypoints = np.zeros((len(KEYPOINT_NAMES), 3))
        for k in np.flatnonzero(inside):
            joint = JOINT_INDEX[KEYPOINT_NAMES[k]]
            keypoints[k] = (*track.pixels[frame.index, joint], 1)
        keypoints = np.round(keypoints, 3)
        x, y, w, h = box_from_keypoints(keypoints.ravel())
        box = _clipped(
            np.array([x, y]), np.array([x + w, y + h]), settings.width,
            settings.height)
        if box is None:
            continue
        annotations.append(
            dict(
                id=make_annotation_id(image_id, number),
                image_id=image_id,
                category_id=1,
                track_id=number,
                bbox=box,
                bbox_head=head,
                keypoints=keypoints.ravel().tolist(),
                num_keypoints=int(inside.sum()),
                scores=[],
                iscrowd=False,
                occluded=(cause > 0).astype(int).tolist(),
                occluded_by=cause.tolist(),
                visible_fraction=round(seen / cover, 4)))
    return annotations, ignore_x, ignore_y
