"""The base of all datasets whose samples are clips of a video.

A sample is a person in a key frame, with the frames around it. The base adds
to MMPose's COCO-style dataset what every video dataset needs: the window and
which frames exist around a key frame, checks of annotations and box files,
and hooks for what differs between datasets: how a frame's file name tells its
video and number (:meth:`BaseSequenceDataset.parse_frame_path`) and how an
annotation becomes a sample (:meth:`BaseSequenceDataset.parse_data_info`).

Shape shorthand: T frames of a clip, K keypoints.
"""
import logging
import os.path as osp
import re
from typing import Dict, List, Optional, Sequence, Tuple

import mmcv
import numpy as np
from mmengine import fileio
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from xtcocotools.coco import COCO

from mmpose_tdmi.structures import FrameWindow

from .annotation_checks import (check_keypoint_names, check_random_range,
                                check_unique_ids)
from .clip_frames import VideoFrames, padding_policy
from .frame_catalogue import FrameCatalogue
from .person_boxes import load_person_boxes


class BaseSequenceDataset(BaseCocoStyleDataset):
    """Base class of datasets of clips.

    Neighbours of a key frame are the frames that exist in its video, looked
    up when a sample is drawn; see :mod:`mmpose_tdmi.datasets.clip_frames` for
    gaps and ends. An annotation's ``nframes`` decides nothing and may be
    absent; where it names more frames than are found, that is logged.

    Unlabelled frames (``is_labeled`` false) give no samples from ground
    truth, but serve as neighbours. Images without ``width`` and ``height``,
    as in PoseTrack18's original files, get those of the first image of the
    same video, which is read for it.

    Ground-truth persons whose box has no area within the image are left out,
    and their number is logged. For boxes from ``bbox_file`` see
    :func:`~mmpose_tdmi.datasets.person_boxes.load_person_boxes`.

    Args:
        ann_file (str): Annotation file, COCO style. Defaults to ''.
        delta (int, optional): The window is ``-delta ... delta``, T = 2 *
            delta + 1 frames. Either this or ``offsets`` must be given.
        offsets (Sequence[int], optional): The window's frame offsets,
            ascending, with the key frame's 0.
        padding (str): What replaces a frame that does not exist: ``'clamp'``,
            ``'key_frame'`` or ``'released'``. Defaults to ``'clamp'``.
        random_range (tuple[int, int], optional): Draw the supporting frames
            anew each time a sample is taken, without repetition: those
            before the key frame from offsets ``random_range[0] ... -1``,
            those after it from ``1 ... random_range[1]``, as many of each as
            the window has. For training only. Defaults to None, the window's
            own offsets.
        frame_source (str): Which frames of a video exist: ``'disk'``, the
            files in the key frame's folder (each folder is listed once), or
            ``'annotation'``, the images of the annotation file. Defaults to
            ``'disk'``.
        bbox_score_thr (float, optional): Leave out boxes of ``bbox_file``
            with a lower score. Without ``bbox_file`` it has no effect.
            Defaults to None, all are kept.
        backend_args (dict, optional): The file backend with which folders are
            listed and image sizes read. Defaults to None.
        **kwargs: Those of MMPose's ``BaseCocoStyleDataset``: ``bbox_file``,
            ``data_root``, ``data_prefix``, ``test_mode``, ``pipeline`` ...

    Raises:
        ValueError: On invalid arguments; if keypoints are others than the
            dataset's, a box or keypoint is not finite, or ids repeat or are
            unknown; if there is no sample.
        FileNotFoundError: When a sample is drawn whose folder or key frame
            does not exist.
    """

    def __init__(self,
                 ann_file: str = '',
                 *,
                 delta: Optional[int] = None,
                 offsets: Optional[Sequence[int]] = None,
                 padding: str = 'clamp',
                 random_range: Optional[Tuple[int, int]] = None,
                 frame_source: str = 'disk',
                 bbox_score_thr: Optional[float] = None,
                 backend_args: Optional[dict] = None,
                 **kwargs) -> None:
        self.window = FrameWindow.from_config(delta, offsets)
        self.padding = padding_policy(padding)
        if random_range is not None:
            check_random_range(random_range, self.window,
                               kwargs.get('test_mode', False))
        self.random_range = random_range
        if frame_source not in ('disk', 'annotation'):
            raise ValueError("frame_source must be 'disk' or 'annotation', "
                             f'got {frame_source!r}')
        self.frame_source = frame_source
        self.bbox_score_thr = bbox_score_thr
        self.backend_args = backend_args
        self.catalogue = FrameCatalogue(
            self.parse_frame_path, backend_args=backend_args)
        self._video_sizes: Dict[str, Tuple[int, int]] = {}
        self._promised_frames: Dict[str, int] = {}
        super().__init__(ann_file, **kwargs)

    # Hooks for datasets

    def parse_frame_path(self, path: str) -> Tuple[str, int]:
        """Which frame of which video a file is.

        Here the last run of digits in the file's stem is the frame's number.

        Args:
            path (str): A frame's path.

        Returns:
            tuple[str, int]: What identifies the video, here the path with
            ``*`` for the number, and the frame's number in the video.

        Raises:
            ValueError: If the name tells no number.
        """
        folder, name = osp.split(path)
        match = re.fullmatch(r'(.*?)(\d+)(\D*)', osp.splitext(name)[0])
        if match is None:
            raise ValueError('expected a frame number in the file name of '
                             f'{path!r}, such as 000012.jpg')
        head, number, tail = match.groups()
        suffix = osp.splitext(name)[1]
        return osp.join(folder, f'{head}*{tail}{suffix}'), int(number)

    def parse_data_info(self, raw_data_info: dict) -> Optional[dict]:
        """Turn an annotation into a sample.

        Args:
            raw_data_info (dict): ``raw_ann_info``, the annotation, and
                ``raw_img_info``, the record of its image.

        Returns:
            dict | None: The sample, or None for an annotation that gives
            none: without box or keypoints, or of an unlabelled image.
        """
        ann = raw_data_info['raw_ann_info']
        img = raw_data_info['raw_img_info']
        if not img.get('is_labeled', True):
            return None
        if 'bbox' not in ann or 'keypoints' not in ann:
            return None
        where = f'{self.ann_file}: annotation {ann["id"]}'
        num_keypoints = self.metainfo['num_keypoints']
        if len(ann['keypoints']) != 3 * num_keypoints:
            raise ValueError(
                f'{where} has {len(ann["keypoints"])} keypoint values; the '
                f'{num_keypoints} keypoints of '
                f'{self.metainfo["dataset_name"]} need {3 * num_keypoints}')
        for field in ('bbox', 'keypoints'):
            if not np.isfinite(np.asarray(ann[field], dtype=float)).all():
                raise ValueError(f'{where}: {field} must be finite, got '
                                 f'{ann[field]}')
        img['width'], img['height'] = self.image_size(img)
        return super().parse_data_info(raw_data_info)

    # A sample's clip

    def get_data_info(self, idx: int) -> dict:
        """Get a sample, with the frames of its clip.

        Args:
            idx (int): The sample.

        Returns:
            dict: The host's keys and the clip's,
            :data:`mmpose_tdmi.structures.CLIP_META_KEYS`.
        """
        data_info = super().get_data_info(idx)
        data_info.update(self.clip_info(data_info['img_path']))
        return data_info

    def clip_info(self, img_path: str) -> dict:
        """Resolve the clip around a key frame.

        Args:
            img_path (str): The key frame.

        Returns:
            dict: The keys :data:`mmpose_tdmi.structures.CLIP_META_KEYS`.

        Raises:
            FileNotFoundError: If the key frame does not exist.
        """
        frames = self.video_frames(img_path)
        number = self.parse_frame_path(img_path)[1]
        window = self._draw_window()
        places, padded = frames.clip(number, window, self.padding)
        return dict(
            frame_paths=[frames.paths[place] for place in places],
            frame_indices=[int(frames.numbers[place]) for place in places],
            frame_offsets=window.offsets,
            frame_padded=padded,
            key_frame=window.key)

    def video_frames(self, img_path: str) -> VideoFrames:
        """The frames that exist of the video that a frame belongs to.

        Args:
            img_path (str): The path of one of its frames.

        Returns:
            VideoFrames: The frames.

        Raises:
            FileNotFoundError: If that frame does not exist.
        """
        frames = self.catalogue(img_path)
        promised = self._promised_frames.pop(frames.video, 0)
        if len(frames) < promised:
            print_log(
                f'{frames.video}: the annotation names {promised} frames '
                f'(nframes), {len(frames)} were found: clips are padded. '
                'Other videos of this kind are not reported.',
                logger='current',
                level=logging.WARNING)
            self._promised_frames.clear()
        return frames

    def _draw_window(self) -> FrameWindow:
        """The window of the next sample."""
        if self.random_range is None:
            return self.window
        low, high = self.random_range
        num_past = self.window.key
        num_future = self.window.num_frames - num_past - 1
        past = np.random.choice(range(low, 0), num_past, replace=False)
        future = np.random.choice(
            range(1, high + 1), num_future, replace=False)
        return FrameWindow(
            (*sorted(past.tolist()), 0, *sorted(future.tolist())))

    # Loading

    def load_data_list(self) -> List[dict]:
        """Load the samples, without their clips.

        Returns:
            list[dict]: The samples.

        Raises:
            ValueError: If there is none.
        """
        data_list = super().load_data_list()
        if not data_list:
            raise ValueError(
                f'{self.bbox_file or self.ann_file} gives no sample: no '
                'person with a box'
                f'{"" if self.bbox_file else " and keypoints"} is left')
        return data_list

    def image_size(self, img: dict) -> Tuple[int, int]:
        """The size of an image.

        Args:
            img (dict): The annotation's record of the image.

        Returns:
            tuple[int, int]: Width and height in pixels, by the record, else
            of the first image of its video that was asked for.

        Raises:
            ValueError: If the record does not tell and the image cannot be
                read.
        """
        if 'width' in img and 'height' in img:
            return img['width'], img['height']
        path = osp.join(self.data_prefix['img'], img['file_name'])
        video = self.parse_frame_path(path)[0]
        if video not in self._video_sizes:
            if not fileio.exists(path, backend_args=self.backend_args):
                raise ValueError(
                    f'{self.ann_file}: image {img["id"]} has no width and '
                    f'height, and its file {path} does not exist')
            image = mmcv.imfrombytes(
                fileio.get(path, backend_args=self.backend_args))
            if image is None:
                raise ValueError(
                    f'{self.ann_file}: image {img["id"]} has no width and '
                    f'height, and its file {path} cannot be decoded')
            self._video_sizes[video] = image.shape[1], image.shape[0]
        return self._video_sizes[video]

    def _load_annotations(self) -> Tuple[List[dict], List[dict]]:
        instances, images = super()._load_annotations()
        self._check_annotations()
        return instances, images

    def _get_topdown_data_infos(self, instance_list: List[dict]) -> List[dict]:
        without_area = sum((info['bbox'][0, 2:] <= info['bbox'][0, :2]).any()
                           for info in instance_list)
        if without_area:
            print_log(
                f'{self.ann_file}: {without_area} of {len(instance_list)} '
                'persons are left out: their box has no area within the image',
                logger='current',
                level=logging.WARNING)
        return super()._get_topdown_data_infos(instance_list)

    def _load_detection_results(self) -> List[dict]:
        """Samples of the boxes in ``bbox_file``, with dummy keypoints."""
        with fileio.get_local_path(self.ann_file) as local_path:
            self.coco = COCO(local_path)
        self._metainfo['CLASSES'] = self.coco.loadCats(self.coco.getCatIds())
        self._check_annotations()
        num_keypoints = self.metainfo['num_keypoints']
        data_list = []
        for box in load_person_boxes(self.bbox_file, self.coco.imgs,
                                     self.image_size, self.bbox_score_thr):
            img = self.coco.imgs[box['image_id']]
            x, y, width, height = box['bbox'][:4]
            data_list.append(
                dict(
                    img_id=box['image_id'],
                    img_path=osp.join(self.data_prefix['img'],
                                      img['file_name']),
                    img_shape=self.image_size(img)[::-1],
                    bbox=np.array([[x, y, x + width, y + height]],
                                  dtype=np.float32),
                    bbox_score=np.array([box['score']], dtype=np.float32),
                    keypoints=np.zeros((1, num_keypoints, 2),
                                       dtype=np.float32),
                    keypoints_visible=np.ones((1, num_keypoints),
                                              dtype=np.float32),
                    id=box['entry']))
        return data_list

    def _check_annotations(self) -> None:
        """Check what the host takes for granted, and note the images."""
        content = self.coco.dataset
        check_unique_ids(content, self.ann_file)
        check_keypoint_names(content, self.metainfo, self.ann_file)
        paths = []
        for img in content['images']:
            paths.append(osp.join(self.data_prefix['img'], img['file_name']))
            if 'nframes' in img:
                video = self.parse_frame_path(paths[-1])[0]
                self._promised_frames[video] = int(img['nframes'])
        if self.frame_source == 'annotation':
            self.catalogue = FrameCatalogue(self.parse_frame_path, paths)
