"""Sizes of images whose annotation may not tell them.

The persons of an annotation file as samples, one after the other.

Both are generators: a file's persons never exist twice in memory, once as
annotations and once as samples.

Samples of persons, with the keys and values of the host's.

One is made of an annotation or of a detector's box. The host's own code for
it copies annotations deeply and clips single numbers with numpy; with it,
loading PoseTrack21's 177,000 persons takes twice as long
(``projects/performance/annotation_memory.py``).

Shape shorthand: K keypoints.
"""
import logging
import math
from array import array
from collections import Counter
from typing import (Any, Callable, Dict, Iterable, Iterator, List, Optional,
                    Tuple)

import mmcv
import numpy as np
from mmengine import fileio
from mmengine.logging import print_log

from .coco_json import AnnotationFile, is_integer


class ImageSizes:
    """Gives an image's width and height.

    They are the record's, where it tells them. PoseTrack18's original files
    do not: then they are those of the first image of the same video that is
    asked about, which is read for it.

    Args:
        ann_file (str): The annotation file, for messages.
        path_of (Callable): ``path_of(file_name)`` -> the image's path.
        video_of (Callable): ``video_of(path)`` -> the image's video.
        backend_args (dict, optional): The file backend. Defaults to None.
    """

    def __init__(self,
                 ann_file: str,
                 path_of: Callable[[str], str],
                 video_of: Callable[[str], str],
                 backend_args: Optional[dict] = None) -> None:
        self.ann_file = ann_file
        self._path_of = path_of
        self._video_of = video_of
        self._backend_args = backend_args
        self._by_video: Dict[str, Tuple[int, int]] = {}

    def __call__(self, image: dict) -> Tuple[int, int]:
        """The size of an image.

        Args:
            image (dict): The annotation's record of it.

        Returns:
            tuple[int, int]: Width and height in pixels.

        Raises:
            ValueError: If the record's is no size, or it does not tell and
                the image cannot be read.
        """
        if 'width' in image and 'height' in image:
            size = image['width'], image['height']
            if not all(is_integer(side) and side > 0 for side in size):
                raise ValueError(
                    f'{self.ann_file}: image {image["id"]}: width and height '
                    f'must be positive integers, got {size}')
            return size
        path = self._path_of(image['file_name'])
        video = self._video_of(path)
        if video not in self._by_video:
            self._by_video[video] = self._read(image['id'], path)
        return self._by_video[video]

    def _read(self, image_id: int, path: str) -> Tuple[int, int]:
        problem = (f'{self.ann_file}: image {image_id} has no width and '
                   f'height, and its file {path}')
        if not fileio.exists(path, backend_args=self._backend_args):
            raise ValueError(f'{problem} does not exist')
        image = mmcv.imfrombytes(
            fileio.get(path, backend_args=self._backend_args))
        if image is None:
            raise ValueError(f'{problem} cannot be decoded')
        return image.shape[1], image.shape[0]


def annotated_persons(
        content: AnnotationFile, images: Iterable[dict],
        parse: Callable[[dict], Optional[dict]]) -> Iterator[dict]:
    """Samples of all annotations that give one.

    Args:
        content (AnnotationFile): The file. Its annotations are taken out.
        images (Iterable[dict]): The records of the images to look at.
        parse (Callable): ``parse(dict(raw_ann_info, raw_img_info))`` -> the
            sample, or None.

    Yields:
        dict: A sample.
    """
    num_bare = 0
    for img in images:
        for ann in content.persons.pop(img['id'], ()):
            sample = parse(dict(raw_ann_info=ann, raw_img_info=img))
            if sample is not None:
                yield sample
            elif img.get('is_labeled', True):
                num_bare += 1
    if num_bare:
        print_log(
            f'{content.path}: {num_bare} persons in labelled images give no '
            'sample: they have no box or no keypoints',
            logger='current')


def usable_persons(
        ann_file: str, samples: Iterable[dict],
        reason_of: Callable[[dict], Optional[str]]) -> Iterator[dict]:
    """The samples that are of use, with their tracks; others are counted.

    Args:
        ann_file (str): The annotation file, for the log.
        samples (Iterable[dict]): Samples of annotations.
        reason_of (Callable): ``reason_of(sample)`` -> why to leave it out, or
            None.

    Yields:
        dict: A sample, with ``track_id`` if its annotation has one.
    """
    left_out: Counter = Counter()
    total = 0
    for sample in samples:
        total += 1
        reason = reason_of(sample)
        if reason is not None:
            left_out[reason] += 1
            continue
        if 'track_id' in sample['raw_ann_info']:
            sample['track_id'] = sample['raw_ann_info']['track_id']
        yield sample
    for reason, count in left_out.items():
        print_log(
            f'{ann_file}: {count} of {total} persons are left out: persons '
            f'{reason}',
            logger='current',
            level=logging.WARNING)


_NUMBER_TYPES = frozenset((int, float))
_LARGEST = float(np.finfo(np.float32).max)


def annotated_person(ann: dict, img: dict, size: Tuple[int, int],
                     num_keypoints: int, where: str) -> Optional[dict]:
    """The sample of an annotated person.

    Args:
        ann (dict): The annotation, kept in the sample as ``raw_ann_info``;
            ``keypoints`` may be a list or an ``array`` and become a list.
        img (dict): The record of its image, with ``img_path``.
        size (tuple[int, int]): The image's width and height, pixels.
        num_keypoints (int): K.
        where (str): What the annotation is called in messages.

    Returns:
        dict | None: The sample, None without box or keypoints. Its ``bbox``
        (1, 4), x1, y1, x2, y2 in image pixels, is clipped to the image;
        ``keypoints`` (1, K, 2), ``keypoints_visible`` (1, K) in [0, 1].

    Raises:
        ValueError: If a field has the wrong size or type or is not finite.
    """
    if 'bbox' not in ann or 'keypoints' not in ann:
        return None
    x, y, width, height = _numbers(where, ann, 'bbox', 4)
    values = _numbers(where, ann, 'keypoints', 3 * num_keypoints,
                      f'the {num_keypoints} keypoints of the dataset')
    ann['keypoints'] = values
    keypoints = np.array(values, dtype=np.float32).reshape(1, num_keypoints, 3)
    # the host's box ends at the last pixel's centre, not at its edge
    right, bottom = size[0] - 1, size[1] - 1
    box = (_clip(x, right), _clip(y, bottom), _clip(x + width, right),
           _clip(y + height, bottom))

    for field in ('category_id', 'track_id'):
        if not is_integer(ann.get(field, 0)):
            raise ValueError(f'{where}: {field} must be an integer, got '
                             f'{ann[field]!r}')
    if 'category_id' not in ann:
        raise ValueError(f'{where} has no category_id')
    num_labelled = ann.get('num_keypoints')
    if num_labelled is None:
        num_labelled = np.count_nonzero(keypoints[..., :2].max(axis=2))
    elif not is_integer(num_labelled):
        raise ValueError(f'{where}: num_keypoints must be an integer, got '
                         f'{num_labelled!r}')
    if 'area' in ann:
        area, = _numbers(where, dict(area=[ann['area']]), 'area', 1)
    else:
        # the host's guess of a person's share of the box
        area = max((box[2] - box[0]) * (box[3] - box[1]) * 0.53, 1.0)

    ann.setdefault('iscrowd', False)
    sample = dict(
        img_id=ann['image_id'],
        img_path=img['img_path'],
        bbox=np.array([box], dtype=np.float32),
        bbox_score=np.ones(1, dtype=np.float32),
        num_keypoints=num_labelled,
        keypoints=keypoints[..., :2],
        keypoints_visible=np.minimum(1, keypoints[..., 2]),
        area=np.array(area, dtype=np.float32),
        iscrowd=ann['iscrowd'],
        segmentation=ann.get('segmentation', None),
        id=ann['id'],
        category_id=np.array(ann['category_id']),
        raw_ann_info=ann)
    if 'crowdIndex' in img:
        sample['crowd_index'] = img['crowdIndex']
    return sample


def detected_person(box: dict, img_path: str, size: Tuple[int, int],
                    num_keypoints: int) -> Dict[str, Any]:
    """The sample of a detector's box, with dummy keypoints.

    Args:
        box (dict): As of
            :func:`~mmpose_tdmi.datasets.person_boxes.load_person_boxes`.
        img_path (str): The image.
        size (tuple[int, int]): Its width and height, pixels.
        num_keypoints (int): K.

    Returns:
        dict: The sample.
    """
    x, y, width, height = box['bbox'][:4]
    sample = dict(
        img_id=box['image_id'],
        img_path=img_path,
        img_shape=size[::-1],
        bbox=np.array([[x, y, x + width, y + height]], dtype=np.float32),
        bbox_score=np.array([box['score']], dtype=np.float32),
        keypoints=np.zeros((1, num_keypoints, 2), dtype=np.float32),
        keypoints_visible=np.ones((1, num_keypoints), dtype=np.float32),
        id=box['entry'])
    if 'track_id' in box:
        sample['track_id'] = box['track_id']
    return sample


def unusable(sample: dict) -> str:
    """Why a sample that the host finds invalid is invalid.

    Args:
        sample (dict): One of :func:`annotated_person`.

    Returns:
        str: The reason, to follow "persons".
    """
    if sample['iscrowd']:
        return 'that are crowds'
    if sample['num_keypoints'] == 0 or not sample['keypoints'].any():
        return 'without labelled joints'
    x1, y1, x2, y2 = sample['bbox'][0]
    if x2 <= x1 or y2 <= y1:
        return 'whose box has no area within the image'
    return 'without a joint within the image'


def _clip(value: float, high: float) -> float:
    return min(max(value, 0), high)


def _numbers(where: str,
             record: dict,
             field: str,
             count: int,
             of_what: str = '') -> List[float]:
    """A field of so many finite numbers."""
    values = record[field]
    if isinstance(values, array):
        values = values.tolist()
    size = len(values) if isinstance(values, list) else None
    if size != count:
        needed = f'{of_what} need {count}' if of_what else f'expected {count}'
        found = f'{size} values' if size is not None else repr(values)
        raise ValueError(f'{where}: {field} has {found}; {needed}')
    # a person has some sixty numbers and a file a million persons: plain
    # Python is several times faster here than an array for each
    if not _NUMBER_TYPES.issuperset(map(type, values)):
        raise ValueError(f'{where}: {field} must be numbers, got {values}')
    # what is finite must stay so in the samples' precision; only a sum tells
    # of every NaN
    if not (-_LARGEST <= min(values) <= max(values) <= _LARGEST
            and math.isfinite(sum(values))):
        raise ValueError(f'{where}: {field} must be finite, got {values}')
    return values
