"""PoseTrack18's annotation format: its facts, a writer and the merger.

The official release has one json per video, without image sizes;
:func:`merge_annotations` joins them into the one COCO-style json that
datasets read. Ids are decimal fields: an image is
``T * 10**10 + sequence * 10**4 + frame`` (T is a digit naming the collection
that the sequence comes from, 1 for MPII), an annotation
``image_id * 100 + number``.

Shape shorthand: V = 17 keypoints; a person's ``keypoints`` are 3 V numbers
(x, y, v) in pixels of the whole image, and a joint is unlabelled exactly if
x = y = v = 0.
"""
import copy
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmpose_tdmi.utils.files import write_json

#: The V keypoints in the order of the files. The ears are never annotated.
KEYPOINT_NAMES = ('nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
                  'left_shoulder', 'right_shoulder', 'left_elbow',
                  'right_elbow', 'left_wrist', 'right_wrist', 'left_hip',
                  'right_hip', 'left_knee', 'right_knee', 'left_ankle',
                  'right_ankle')
NUM_KEYPOINTS = len(KEYPOINT_NAMES)

#: Limbs as the official files give them: pairs of 1-based keypoint numbers.
SKELETON = ((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12),
            (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2),
            (1, 3), (2, 4), (3, 5), (4, 6), (5, 7))

#: A person's box is its labelled joints' extent, widened on each side by
#: this share of the extent.
BOX_MARGIN = 0.15

_MAX_FRAMES, _MAX_SEQUENCES = 10**4, 10**6
_IMAGE_FIELDS = {
    'id': int,
    'file_name': str,
    'vid_id': str,
    'nframes': int,
    'is_labeled': bool
}

PathLike = Union[str, Path]


def person_category() -> Dict[str, Any]:
    """dict: The one category, keypoint names and limbs included."""
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(KEYPOINT_NAMES),
        skeleton=[list(limb) for limb in SKELETON])


def make_image_id(collection: int, sequence: int, frame: int) -> int:
    """The id of a frame.

    Args:
        collection (int): T, 1 to 9.
        sequence (int): Number of the sequence, 0 to 999999.
        frame (int): Number of the frame, 0 to 9999.

    Returns:
        int: ``T * 10**10 + sequence * 10**4 + frame``.

    Raises:
        ValueError: If a part is out of its range.
    """
    for name, value, low, high in (('collection', collection, 1, 10),
                                   ('sequence', sequence, 0, _MAX_SEQUENCES),
                                   ('frame', frame, 0, _MAX_FRAMES)):
        if not low <= value < high:
            raise ValueError(f'{name} must be in [{low}, {high}), got {value}')
    return (collection * _MAX_SEQUENCES + sequence) * _MAX_FRAMES + frame


def split_image_id(image_id: int) -> Tuple[int, int, int]:
    """The inverse of :func:`make_image_id`: collection, sequence, frame."""
    rest, frame = divmod(image_id, _MAX_FRAMES)
    return (*divmod(rest, _MAX_SEQUENCES), frame)


def make_annotation_id(image_id: int, number: int) -> int:
    """The id of the ``number``-th (0 to 99) person of an image."""
    if not 0 <= number < 100:
        raise ValueError(f'number must be in [0, 100), got {number}')
    return image_id * 100 + number


def format_video_id(sequence: int) -> str:
    """str: ``vid_id``, the sequence number with six digits."""
    return f'{sequence:06d}'


def box_from_keypoints(keypoints: Sequence[float]) -> List[float]:
    """A person's box by PoseTrack18's rule.

    Args:
        keypoints (Sequence[float]): 3 V numbers, image pixels.

    Returns:
        list[float]: x, y, width, height in image pixels, not clipped to the
        image.

    Raises:
        ValueError: If no joint is labelled.
    """
    joints = np.asarray(keypoints, dtype=float).reshape(-1, 3)
    xy = joints[np.any(joints != 0, axis=1), :2]
    if not len(xy):
        raise ValueError('a person without labelled joints has no box')
    extent = np.ptp(xy, axis=0)
    corner = xy.min(axis=0) - BOX_MARGIN * extent
    return [*corner.tolist(), *((1 + 2 * BOX_MARGIN) * extent).tolist()]


def write_video_annotation(path: PathLike, images: Sequence[Dict[str, Any]],
                           annotations: Sequence[Dict[str, Any]]) -> None:
    """Write one video's official json, whole or not at all.

    Args:
        path (str | Path): The json file.
        images (Sequence[dict]): One per frame, unlabelled ones included.
        annotations (Sequence[dict]): One per labelled person and frame.
    """
    write_json(
        path,
        dict(
            categories=[person_category()],
            images=list(images),
            annotations=list(annotations)))


def merge_annotations(video_jsons: Sequence[PathLike],
                      image_root: PathLike,
                      out: Optional[PathLike] = None,
                      progress: bool = False) -> Dict[str, Any]:
    """Join official per-video files into one COCO-style annotation.

    Images keep all their fields (``nframes``, ``is_labeled``, ignore regions
    ...) and gain ``width`` and ``height``, read from the image's header
    without decoding it. Unlabelled images stay listed. Annotations keep
    theirs (``track_id``, ``bbox_head`` ...) and gain their box's ``area``;
    one without a ``bbox`` gets it by PoseTrack18's rule, and one whose
    ``id`` is missing or taken gets a fresh one above all others.

    Args:
        video_jsons (Sequence[str | Path]): The per-video files, merged in
            the given order.
        image_root (str | Path): Folder that ``file_name`` is relative to.
        out (str | Path, optional): Where to write the result. Default: not
            written.
        progress (bool): Show a progress bar. Default: False.

    Returns:
        dict: The merged annotation.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If there are no files, a field is missing or wrong, the
            keypoints have another layout, an image id is taken, an
            annotation refers to an unknown image, or an image's header
            cannot be read. The message names file and field.
    """
    if not video_jsons:
        raise ValueError('no per-video json files to merge')
    paths = [Path(path) for path in video_jsons]
    if progress:
        from tqdm import tqdm
        paths = tqdm(paths, desc='merging', unit='video')
    image_root = Path(image_root)
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    sources: Dict[int, Path] = {}
    for path in paths:
        content = _load(path)
        for index, image in enumerate(content['images']):
            where = f'{path}: images[{index}]'
            _check_fields(where, image, _IMAGE_FIELDS)
            if image['id'] in sources:
                raise ValueError(f'{where}.id {image["id"]} is already used '
                                 f'in {sources[image["id"]]}')
            sources[image['id']] = path
            image = copy.deepcopy(image)
            image['width'], image['height'] = _image_size(
                image_root / image['file_name'], where)
            images.append(image)
        for index, annotation in enumerate(content['annotations']):
            where = f'{path}: annotations[{index}]'
            annotations.append(_checked_annotation(where, annotation))
            if sources.get(annotation['image_id']) != path:
                raise ValueError(
                    f'{where}.image_id {annotation["image_id"]} is not among '
                    'the images of that file')
    _make_ids_unique(annotations)
    merged = dict(
        categories=[person_category()], images=images, annotations=annotations)
    if out is not None:
        write_json(out, merged)
    return merged


def _load(path: Path) -> Dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path}: not valid json: {error}') from error
    _check_fields(str(path), content, {
        'images': list,
        'annotations': list,
        'categories': list
    })
    for index, category in enumerate(content['categories']):
        names = category.get('keypoints')
        if names is None or tuple(names) != KEYPOINT_NAMES:
            raise ValueError(
                f'{path}: categories[{index}].keypoints is {names}, expected '
                f'the PoseTrack18 names {list(KEYPOINT_NAMES)}')
    return content


def _check_fields(where: str, record: Any, fields: Dict[str, type]) -> None:
    if not isinstance(record, dict):
        raise ValueError(f'{where}: expected an object, got '
                         f'{type(record).__name__}')
    for field, kind in fields.items():
        if field not in record:
            raise ValueError(f'{where}.{field} is missing')
        value = record[field]
        if not isinstance(value, kind) or (kind is int
                                           and isinstance(value, bool)):
            raise ValueError(f'{where}.{field} is {value!r:.80}, expected '
                             f'{kind.__name__}')


def _checked_annotation(where: str, annotation: Any) -> Dict[str, Any]:
    _check_fields(where, annotation, {
        'image_id': int,
        'keypoints': list,
        'track_id': int
    })
    keypoints = annotation['keypoints']
    if len(keypoints) != 3 * NUM_KEYPOINTS:
        raise ValueError(f'{where}.keypoints has {len(keypoints)} numbers, '
                         f'expected {3 * NUM_KEYPOINTS}')
    annotation = copy.deepcopy(annotation)
    for field in ('bbox', 'bbox_head'):
        if field in annotation and len(annotation[field]) != 4:
            raise ValueError(f'{where}.{field} is {annotation[field]!r}, '
                             'expected x, y, width, height')
    if 'bbox' not in annotation and any(keypoints):
        annotation['bbox'] = box_from_keypoints(keypoints)
    if 'bbox' in annotation:
        # MMDetection's COCO-style datasets need it
        _, _, width, height = annotation['bbox']
        annotation.setdefault('area', width * height)
    return annotation


def _image_size(path: Path, where: str) -> Tuple[int, int]:
    if not path.is_file():
        raise FileNotFoundError(f'{where}.file_name: no image at {path}')
    try:
        with Image.open(path) as image:  # reads the header only
            return image.size
    except UnidentifiedImageError as error:
        raise ValueError(
            f'{where}.file_name: {path} is not a readable image') from error


def _make_ids_unique(annotations: Sequence[Dict[str, Any]]) -> None:
    given = [a['id'] for a in annotations if 'id' in a]
    fresh = max(given, default=0) + 1
    taken = set()
    for annotation in annotations:
        if annotation.get('id') is None or annotation['id'] in taken:
            annotation['id'] = fresh
            fresh += 1
        taken.add(annotation['id'])
