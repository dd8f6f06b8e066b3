"""The base of all datasets whose samples are clips of a video.

A sample is a person in a key frame, with the frames around it. The base adds
to MMPose's COCO-style dataset what every video dataset needs: the window and
which frames exist around a key frame, checks of annotations and box files,
and hooks for what differs between datasets. Samples have the host's keys and
values; its own code for them, which copies annotations deeply, takes twice as
long.

T frames of a clip, K keypoints.
"""
import logging
import math
import os.path as osp
from array import array
from collections import Counter
from typing import (Any, Dict, Iterator, List, Mapping, Optional, Sequence,
                    Tuple)

import mmcv
import numpy as np
from mmengine import fileio
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.files import check_inner_path
from .coco_json import AnnotationFile, is_integer, load_annotation_file
from .frames import (DEFAULT_PADDING, FRAME_SOURCES, FrameLookup, frame_lookup,
                     last_number, padding_policy, warn_of_padding)
from .person_boxes import load_person_boxes

_LARGEST = float(np.finfo(np.float32).max)


def name_sample(info: Mapping[str, Any]) -> str:
    """Name a sample, or its metainfo, by the key frame's path, and the clip's
    frames, annotation and track if told."""
    parts = [str(info.get('img_path'))]
    if info.get('frame_indices') is not None:
        parts.append(f'frames {" ".join(map(str, info["frame_indices"]))}')
    for key, title in (('id', 'annotation'), ('track_id', 'track')):
        if info.get(key) is not None:
            parts.append(f'{title} {info[key]}')
    return ', '.join(parts)


class WindowDraw:
    """Gives each sample's window: ``window``, or one drawn by numpy's global
    generator from a ``random_range``, see :class:`BaseSequenceDataset`."""

    def __init__(self,
                 window: FrameWindow,
                 random_range: Optional[Tuple[int, int]] = None,
                 test_mode: bool = False) -> None:
        self.window = window
        self.random_range = random_range
        self._num_past = window.key
        self._num_future = window.num_frames - window.key - 1
        if random_range is None:
            return
        if test_mode:
            raise ValueError('random_range is for training, but test_mode is '
                             'set: results would change from run to run')
        low, high = random_range
        if -low < self._num_past or high < self._num_future:
            raise ValueError(
                f'random_range {tuple(random_range)} is too narrow to draw '
                f'{self._num_past} frames before and {self._num_future} '
                'after the key frame without repetition')

    def __call__(self) -> FrameWindow:
        if self.random_range is None:
            return self.window
        low, high = self.random_range
        past = np.random.choice(range(low, 0), self._num_past, replace=False)
        future = np.random.choice(
            range(1, high + 1), self._num_future, replace=False)
        return FrameWindow(
            (*sorted(past.tolist()), 0, *sorted(future.tolist())))


class BaseSequenceDataset(BaseCocoStyleDataset):
    """Base class of datasets of clips.

    Neighbours of a key frame are the frames that exist in its video, looked
    up when a sample is drawn. An annotation's ``nframes`` decides nothing and
    may be absent; where it names more frames than are found, that is logged.

    Unlabelled frames (``is_labeled`` false) give no samples from ground
    truth, but serve as neighbours. Images without ``width`` and ``height``,
    as in PoseTrack18's original files, get those of the first image of the
    same video, which is read for it.

    Ground-truth persons without labelled joints, or whose box has no area
    within the image, give no sample; how many that are is logged. Boxes of
    ``bbox_file`` are read by :func:`~mmpose_tdmi.datasets.load_person_boxes`.
    The metainfo's ``box_source`` tells the metrics which boxes are used. A
    ``track_id`` of an annotation or box is the sample's, too.

    Args:
        ann_file: Annotation file, COCO style.
        delta, offsets: The window, as ``-delta ... delta``, T = 2 * delta + 1,
            or as ascending frame offsets with the key frame's 0.
        padding: What replaces a frame that does not exist: ``'clamp'``,
            ``'key_frame'`` or ``'released'``.
        random_range: For training: draw the supporting frames anew each time
            a sample is taken, as many as the window has, without repetition:
            those before the key frame from offsets ``random_range[0] ... -1``,
            those after it from ``1 ... random_range[1]``.
        frame_source: Which frames of a video exist, and their numbers:
            ``'disk'``, the files in the key frame's folder, whose names tell
            their numbers; ``'annotation'``, the annotation file's ``videos``
            if it has that table, else its images; ``'auto'``, ``videos``,
            else ``'disk'``.
        bbox_score_thr: Leave out boxes of ``bbox_file`` with a lower score.
        bbox_nms_thr: Of those that overlap by more than this IoU keep the one
            with the highest score, image by image. The paper suppresses none.
        backend_args: The file backend for folders and image sizes.
        allow_outside_paths: Whether the annotation file may name frames
            outside of the folder of the images (``data_prefix``), by absolute
            paths or by ``..``.
        **kwargs: Those of MMPose's ``BaseCocoStyleDataset``.

    Raises:
        ValueError: On invalid arguments; if the annotation or box file is
            damaged, its keypoints are others than the dataset's, ids repeat or
            are unknown, or a key frame is not in ``videos``; if there is no
            sample.
        FileNotFoundError: If the annotation or box file does not exist; when
            a sample is drawn whose folder or key frame does not exist.
    """

    def __init__(self,
                 ann_file: str = '',
                 *,
                 delta: Optional[int] = None,
                 offsets: Optional[Sequence[int]] = None,
                 padding: str = DEFAULT_PADDING,
                 random_range: Optional[Tuple[int, int]] = None,
                 frame_source: str = 'auto',
                 bbox_score_thr: Optional[float] = None,
                 bbox_nms_thr: Optional[float] = None,
                 backend_args: Optional[dict] = None,
                 allow_outside_paths: bool = False,
                 **kwargs) -> None:
        self.allow_outside_paths = allow_outside_paths
        self.window = FrameWindow.from_config(delta, offsets)
        self.padding = padding_policy(padding)
        self.draw_window = WindowDraw(self.window, random_range,
                                      kwargs.get('test_mode', False))
        if frame_source not in FRAME_SOURCES:
            raise ValueError(f'frame_source must be one of {FRAME_SOURCES}, '
                             f'got {frame_source!r}')
        self.frame_source = frame_source
        self.bbox_score_thr = bbox_score_thr
        self.bbox_nms_thr = bbox_nms_thr
        self.backend_args = backend_args
        self.frames: FrameLookup
        self._video_sizes: Dict[str, Tuple[int, int]] = {}
        super().__init__(ann_file, **kwargs)
        source = self.bbox_file or 'gt'
        if self.bbox_file and bbox_score_thr is not None:
            source += f', score >= {bbox_score_thr}'
        if self.bbox_file and bbox_nms_thr is not None:
            source += f', NMS at IoU {bbox_nms_thr}'
        self._metainfo['box_source'] = source

    # Hooks for datasets

    def parse_frame_path(self, path: str) -> Tuple[str, int]:
        """What identifies a frame's video, and the frame's number in it, where
        only the file's name tells: here the path with ``*`` for the number,
        and the last run of digits in the stem; a ValueError without one."""
        return last_number(path)

    def parse_data_info(self, raw_data_info: dict) -> Optional[dict]:
        """Turn an annotation into a sample, which keeps it; None for one
        without box or keypoints, or of an unlabelled image.

        ``raw_ann_info`` is the annotation, ``raw_img_info`` its image's record
        with ``img_path``. The sample's ``bbox`` (1, 4), x1, y1, x2, y2 in
        image pixels, is clipped to the image; ``keypoints`` are (1, K, 2),
        ``keypoints_visible`` (1, K) in [0, 1].
        """
        ann, img = raw_data_info['raw_ann_info'], raw_data_info['raw_img_info']
        if not (img.get('is_labeled', True) and 'bbox' in ann
                and 'keypoints' in ann):
            return None
        # the host's box ends at the last pixel's centre, not at its edge
        right, bottom = (side - 1 for side in self.image_size(img))
        where = f'{self.ann_file}: annotation {ann["id"]}'
        x, y, width, height = _numbers(where, ann['bbox'], 'bbox', 4,
                                       'expected')
        box = (_clip(x, right), _clip(y, bottom), _clip(x + width, right),
               _clip(y + height, bottom))
        count = self._metainfo['num_keypoints']
        ann['keypoints'] = _numbers(
            where, ann['keypoints'], 'keypoints', 3 * count,
            f'the {count} keypoints of the dataset need')
        joints = np.array(ann['keypoints'], np.float32).reshape(1, count, 3)
        if 'category_id' not in ann:
            raise ValueError(f'{where} has no category_id')
        for field in ('category_id', 'track_id', 'num_keypoints'):
            value = ann.get(field, 0)
            if not (is_integer(value)
                    or value is None and field == 'num_keypoints'):
                raise ValueError(f'{where}: {field} must be an integer, got '
                                 f'{value!r}')
        num_labelled = ann.get('num_keypoints')
        if num_labelled is None:
            num_labelled = np.count_nonzero(joints[..., :2].max(axis=2))
        # the host's guess of a person's share of the box
        area = max((box[2] - box[0]) * (box[3] - box[1]) * 0.53, 1.0)
        if 'area' in ann:
            area, = _numbers(where, [ann['area']], 'area', 1, 'expected')
        sample = dict(
            img_id=ann['image_id'],
            img_path=img['img_path'],
            bbox=np.array([box], dtype=np.float32),
            bbox_score=np.ones(1, dtype=np.float32),
            num_keypoints=num_labelled,
            keypoints=joints[..., :2],
            keypoints_visible=np.minimum(1, joints[..., 2]),
            area=np.array(area, dtype=np.float32),
            iscrowd=ann.setdefault('iscrowd', False),
            segmentation=ann.get('segmentation', None),
            id=ann['id'],
            category_id=np.array(ann['category_id']),
            raw_ann_info=ann)
        if 'crowdIndex' in img:
            sample['crowd_index'] = img['crowdIndex']
        return sample

    def reason_to_leave_out(self, sample: dict) -> Optional[str]:
        """Why a ground-truth sample is of no use, as the log says it behind
        "persons", or None."""
        if self._is_valid_instance(sample):
            return None
        if sample['iscrowd']:
            return 'that are crowds'
        if sample['num_keypoints'] == 0 or not sample['keypoints'].any():
            return 'without labelled joints'
        x1, y1, x2, y2 = sample['bbox'][0]
        if x2 <= x1 or y2 <= y1:
            return 'whose box has no area within the image'
        return 'without a joint within the image'

    # A sample's clip

    def prepare_data(self, idx: int) -> Any:
        """As the host; errors tell which sample it is."""
        try:
            return super().prepare_data(idx)
        except Exception as error:
            # the host's record: what is wrong may be the clip's lookup
            sample = super().get_data_info(idx)
            note = (f'while preparing sample {idx} of {self.ann_file}: '
                    f'{name_sample(sample)}')
            if hasattr(error, 'add_note'):
                error.add_note(note)
            elif len(error.args) == 1 and isinstance(error.args[0], str):
                # Python before 3.11 knows no notes
                error.args = (f'{error.args[0]}\n{note}', )
            raise

    def get_data_info(self, idx: int) -> dict:
        """Get a sample with the keys of its clip, ``CLIP_META_KEYS``."""
        sample = super().get_data_info(idx)
        frames, number = self.frames.locate(sample['img_path'])
        window = self.draw_window()
        places, padded = frames.clip(number, window, self.padding)
        sample.update(
            frame_paths=[frames.paths[place] for place in places],
            frame_indices=[int(frames.numbers[place]) for place in places],
            frame_offsets=window.offsets,
            frame_padded=padded,
            key_frame=window.key)
        return sample

    # Loading

    def load_data_list(self) -> List[dict]:
        names = self._metainfo['keypoint_id2name']
        content = load_annotation_file(self.ann_file,
                                       [names[i] for i in range(len(names))])
        self._metainfo['CLASSES'] = content.categories
        self.frames = frame_lookup(self.frame_source, content,
                                   self._image_path, self.parse_frame_path,
                                   self.backend_args)
        persons = self._detected if self.bbox_file else self._annotated
        samples = list(persons(content))
        if self.data_mode != 'topdown':
            samples = self._get_bottomup_data_infos(samples,
                                                    self._images(content))
        warn_of_padding(self.ann_file, [s['img_path'] for s in samples],
                        self.frames, self.window)
        return samples

    def filter_data(self) -> List[dict]:
        """Filter by ``filter_cfg``; some sample must be left."""
        samples = super().filter_data()
        if not samples:
            raise ValueError(
                f'{self.bbox_file or self.ann_file} gives no sample: no '
                'person with a box'
                f'{"" if self.bbox_file else " and keypoints"} is left')
        return samples

    def _image_path(self, file_name: str) -> str:
        if not self.allow_outside_paths:
            check_inner_path(file_name, f'{self.ann_file}: the file name')
        return osp.join(self.data_prefix['img'], file_name.replace('\\', '/'))

    def image_size(self, img: dict) -> Tuple[int, int]:
        """Width and height of an image by its record, or by its file."""
        if 'width' in img and 'height' in img:
            size = img['width'], img['height']
            if not all(is_integer(side) and side > 0 for side in size):
                raise ValueError(
                    f'{self.ann_file}: image {img["id"]}: width and height '
                    f'must be positive integers, got {size}')
            return size
        path = self._image_path(img['file_name'])
        video = self.frames.video(path)
        if video not in self._video_sizes:
            problem = (f'{self.ann_file}: image {img["id"]} has no width and '
                       f'height, and its file {path}')
            if not fileio.exists(path, backend_args=self.backend_args):
                raise ValueError(f'{problem} does not exist')
            image = mmcv.imread(path, backend_args=self.backend_args)
            if image is None:
                raise ValueError(f'{problem} cannot be decoded')
            self._video_sizes[video] = image.shape[1], image.shape[0]
        return self._video_sizes[video]

    def _images(self, content: AnnotationFile) -> Iterator[dict]:
        """The images' records that ``sample_interval`` leaves."""
        for id_, img in content.images.items():
            if id_ % self.sample_interval == 0:
                img['img_id'] = id_
                img['img_path'] = self._image_path(img['file_name'])
                yield img

    def _annotated(self, content: AnnotationFile) -> Iterator[dict]:
        """Samples of ground truth; the file's annotations are taken out."""
        labelled = (self._image_path(img['file_name'])
                    for id_, img in content.images.items()
                    if id_ in content.persons and img.get('is_labeled', True))
        self.frames.check_listed(labelled, 'labelled images with persons')
        left_out: Counter = Counter()
        num_bare = total = 0
        for img in self._images(content):
            for ann in content.persons.pop(img['id'], ()):
                sample = self.parse_data_info(
                    dict(raw_ann_info=ann, raw_img_info=img))
                if sample is None:
                    num_bare += bool(img.get('is_labeled', True))
                    continue
                if self.data_mode == 'topdown':
                    total += 1
                    reason = self.reason_to_leave_out(sample)
                    if reason is not None:
                        left_out[reason] += 1
                        continue
                    if 'track_id' in ann:
                        sample['track_id'] = ann['track_id']
                yield sample
        if num_bare:
            print_log(
                f'{self.ann_file}: {num_bare} persons in labelled images give '
                'no sample: they have no box or no keypoints', 'current')
        for reason, count in left_out.items():
            print_log(
                f'{self.ann_file}: {count} of {total} persons are left out: '
                f'persons {reason}', 'current', logging.WARNING)

    def _detected(self, content: AnnotationFile) -> Iterator[dict]:
        """Samples of a detector's boxes, with dummy keypoints."""
        boxes = load_person_boxes(
            self.bbox_file,
            content.images,
            self.image_size,
            self.bbox_score_thr,
            nms_thr=self.bbox_nms_thr,
            annotations=[a for anns in content.persons.values() for a in anns],
            videos=content.videos or ())
        images = [content.images[box['image_id']] for box in boxes]
        paths = [self._image_path(image['file_name']) for image in images]
        self.frames.check_listed(paths,
                                 f'images with boxes in {self.bbox_file}')
        count = self._metainfo['num_keypoints']
        for box, image, path in zip(boxes, images, paths):
            x, y, width, height = box['bbox'][:4]
            size = self.image_size(image)
            sample = dict(
                img_id=box['image_id'],
                img_path=path,
                img_shape=size[::-1],
                bbox=np.array([[x, y, x + width, y + height]], np.float32),
                bbox_score=np.array([box['score']], np.float32),
                keypoints=np.zeros((1, count, 2), dtype=np.float32),
                keypoints_visible=np.ones((1, count), dtype=np.float32),
                id=box['entry'])
            if 'track_id' in box:
                sample['track_id'] = box['track_id']
            yield sample


def _clip(value: float, high: float) -> float:
    return min(max(value, 0), high)


def _numbers(where: str, values: Any, field: str, count: int,
             needed: str) -> List[float]:
    """A field of so many finite numbers, as a list."""
    if isinstance(values, array):
        values = values.tolist()
    size = len(values) if isinstance(values, list) else None
    if size != count:
        found = f'{size} values' if size is not None else repr(values)
        raise ValueError(f'{where}: {field} has {found}; {needed} {count}')
    # a person has some sixty numbers and a file a million persons: plain
    # Python is several times faster here than an array for each
    if not {int, float}.issuperset(map(type, values)):
        raise ValueError(f'{where}: {field} must be numbers, got {values}')
    # also in the samples' precision; only a sum tells of every NaN
    if not (-_LARGEST <= min(values) <= max(values) <= _LARGEST
            and math.isfinite(sum(values))):
        raise ValueError(f'{where}: {field} must be finite, got {values}')
    return values
