"""Ground truth of PoseTrack18-format files, as the metric needs it.

Reads the merged COCO-style json (or a single video's official json: the
format is the same) into one record per image: joints in poseval's order,
head boxes, ignore regions. Which joints there are is taken from the names in
the file, never from their position.

Shape shorthand: N persons of a frame, J = 15 joints in the order of
``POSEVAL_JOINTS``, K keypoints of the file's layout.
"""
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Union

import numpy as np

from .poseval_ap import POSEVAL_JOINTS

#: PoseTrack18's name of a joint that poseval names otherwise.
_JOINT_ALIASES = {'head_bottom': 'neck'}


@dataclass
class AnnotatedFrame:
    """Ground truth of one image, in its pixels.

    Args:
        image_id (int): The image's id in the file.
        file_name (str): Its path as the file gives it.
        video (str): The video it belongs to: the name of the image's folder,
            which is also the name of the official per-video json.
        scored (bool): Whether the metric scores it: it is labelled
            (``is_labeled`` absent or true) and has at least one person.
        keypoints (np.ndarray): Joints, (N, J, 2).
        present (np.ndarray): Which are annotated, (N, J) bool.
        head_boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
        ignore_regions (list[np.ndarray]): Polygons, (P, 2) each, P >= 3.
    """
    image_id: int
    file_name: str
    video: str
    scored: bool
    keypoints: np.ndarray
    present: np.ndarray
    head_boxes: np.ndarray
    ignore_regions: List[np.ndarray]


def joint_columns(keypoint_names: Sequence[str], source: str) -> List[int]:
    """Where the scored joints are in a keypoint layout.

    Args:
        keypoint_names (Sequence[str]): The K names of the layout.
        source (str): Where the names come from, for the error.

    Returns:
        list[int]: J indices into the layout.

    Raises:
        ValueError: If the layout lacks a scored joint.
    """
    names = [_JOINT_ALIASES.get(name, name) for name in keypoint_names]
    missing = [name for name in POSEVAL_JOINTS if name not in names]
    if missing:
        raise ValueError(
            f'{source}: the keypoint layout {list(keypoint_names)} lacks '
            f'{missing}, which PoseTrack\'s AP scores ("neck" is named '
            '"head_bottom" in PoseTrack18)')
    return [names.index(name) for name in POSEVAL_JOINTS]


def load_posetrack_annotations(
        path: Union[str, Path]) -> Dict[int, AnnotatedFrame]:
    """Read a PoseTrack18-format annotation file.

    Args:
        path (str | Path): Merged or per-video json with ``images``,
            ``annotations`` (each with ``keypoints`` and ``bbox_head``) and
            ``categories`` (with the keypoint names).

    Returns:
        dict[int, AnnotatedFrame]: One record per image by its id, videos in
        alphabetical order and a video's images in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing or malformed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'annotation file {path} does not exist')
    with path.open(encoding='utf-8') as file:
        content = json.load(file)
    for key in ('images', 'annotations', 'categories'):
        if key not in content:
            raise ValueError(f'{path}: has no "{key}"; expected a '
                             'PoseTrack18-format annotation file')
    columns = _file_columns(content['categories'], path)
    persons: Dict[int, list] = {}
    for annotation in content['annotations']:
        persons.setdefault(annotation['image_id'], []).append(annotation)
    images = content['images']
    unknown = set(persons) - {image['id'] for image in images}
    if unknown:
        raise ValueError(
            f'{path}: annotations of images that the file does not list, '
            f'image_id {sorted(unknown)[:5]}')
    frames = [
        _read_frame(image, persons.get(image['id'], []), columns, path)
        for image in images
    ]
    frames.sort(key=lambda frame: frame.video)
    return {frame.image_id: frame for frame in frames}


def _file_columns(categories: Sequence[dict], path: Path) -> List[int]:
    names = [c['keypoints'] for c in categories if c.get('keypoints')]
    if len(names) != 1:
        raise ValueError(
            f'{path}: expected exactly one category with "keypoints" (their '
            f'names), found {len(names)}')
    return joint_columns(names[0], str(path))


def _read_frame(image: Dict[str, Any], annotations: Sequence[dict],
                columns: Sequence[int], path: Path) -> AnnotatedFrame:
    num_joints = len(POSEVAL_JOINTS)
    keypoints = np.zeros((len(annotations), num_joints, 2))
    present = np.zeros((len(annotations), num_joints), dtype=bool)
    head_boxes = np.zeros((len(annotations), 4))
    is_labeled = bool(image.get('is_labeled', True))
    # persons of a frame that is not scored may have boxes only
    for i, annotation in enumerate(annotations if is_labeled else ()):
        where = f'{path}: annotation {annotation.get("id")}'
        for key in ('keypoints', 'bbox_head'):
            if key not in annotation:
                raise ValueError(f'{where} has no "{key}"')
        values = np.asarray(annotation['keypoints'], dtype=np.float64)
        if values.size % 3 or values.size <= 3 * max(columns):
            raise ValueError(f'{where}: "keypoints" has {values.size} '
                             'numbers, expected x, y, v of every joint')
        values = values.reshape(-1, 3)[list(columns)]
        keypoints[i] = values[:, :2]
        present[i] = (values != 0).any(axis=1)
        head_boxes[i] = _head_box(annotation['bbox_head'], where)
    return AnnotatedFrame(
        image_id=image['id'],
        file_name=image['file_name'],
        video=Path(image['file_name']).parent.name,
        scored=is_labeled and len(annotations) > 0,
        keypoints=keypoints,
        present=present,
        head_boxes=head_boxes,
        ignore_regions=_ignore_regions(image, path))


def _head_box(bbox_head: Sequence[float], where: str) -> np.ndarray:
    box = np.asarray(bbox_head, dtype=np.float64)
    if box.shape != (4, ) or not np.isfinite(box).all():
        raise ValueError(
            f'{where}: "bbox_head" is {bbox_head}, expected x, y, w, h')
    box[2:] += box[:2]
    return box


def _ignore_regions(image: Dict[str, Any], path: Path) -> List[np.ndarray]:
    regions = []
    where = f'{path}: image {image["id"]} ({image["file_name"]})'
    xs = image.get('ignore_regions_x') or []
    ys = image.get('ignore_regions_y') or []
    if len(xs) != len(ys):
        raise ValueError(f'{where}: {len(xs)} ignore_regions_x but '
                         f'{len(ys)} ignore_regions_y')
    for x, y in zip(xs, ys):
        if np.shape(x) != np.shape(y) or np.ndim(x) != 1:
            raise ValueError(f'{where}: an ignore region has x = {x} but '
                             f'y = {y}; expected two lists of equal length')
        if len(x) < 3:
            warnings.warn(f'{where}: an ignore region of {len(x)} point(s) '
                          'is no polygon; it is left out')
            continue
        regions.append(np.stack([x, y], axis=1).astype(np.float64))
    return regions
