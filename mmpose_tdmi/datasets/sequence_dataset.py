"""What samples are called in messages about them.

Which window a sample gets: a fixed one, or one drawn anew each time.

Shape shorthand: T frames of a clip.

Samples kept as one run of bytes, which worker processes share.

The host keeps samples so, too (``serialize_data``), but builds the run from a
list of all samples and joins it from single arrays, for which it needs three
times its memory. Here each sample is packed as it comes.

Shape shorthand: N samples.

The base of all datasets whose samples are clips of a video.

A sample is a person in a key frame, with the frames around it. The base adds
to MMPose's COCO-style dataset what every video dataset needs: the window and
which frames exist around a key frame, checks of annotations and box files,
and hooks for what differs between datasets: how a frame's file name tells its
video and number (:meth:`BaseSequenceDataset.parse_frame_path`), how an
annotation becomes a sample (:meth:`BaseSequenceDataset.parse_data_info`) and
which samples are of no use (:meth:`BaseSequenceDataset.reason_to_leave_out`).

Shape shorthand: T frames of a clip, K keypoints.
"""
import os.path as osp
import pickle
from array import array
from contextlib import contextmanager
from typing import (Any, Callable, Iterable, Iterator, List, Mapping, Optional,
                    Sequence, Tuple, Union)

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.files import check_inner_path
from .coco_json import AnnotationFile, load_annotation_file
from .frames import (FRAME_SOURCES, FrameLookup, check_listed, frame_lookup,
                     last_number, padding_policy)
from .person_boxes import box_source, load_person_boxes
from .person_samples import (ImageSizes, annotated_person, annotated_persons,
                             detected_person, unusable, usable_persons)


def name_sample(info: Mapping[str, Any]) -> str:
    """Name a sample such that its owner can find it.

    Args:
        info (Mapping): A sample, or its metainfo: ``img_path``, and of
            ``frame_indices``, ``id`` and ``track_id`` what is there.

    Returns:
        str: The key frame's file with folder, the clip's frames, annotation
        and track.
    """
    parts = [str(info.get('img_path'))]
    if info.get('frame_indices') is not None:
        numbers = ' '.join(str(n) for n in info['frame_indices'])
        parts.append(f'frames {numbers}')
    for key, title in (('id', 'annotation'), ('track_id', 'track')):
        if info.get(key) is not None:
            parts.append(f'{title} {info[key]}')
    return ', '.join(parts)


@contextmanager
def errors_name(describe: Callable[[], str]) -> Iterator[None]:
    """Add to any error what was being worked on.

    The error stays what it is; its traceback ends with the addition, also
    where a worker process hands it on.

    Args:
        describe (Callable): Gives the text, in case of an error.
    """
    try:
        yield
    except Exception as error:
        add_note(error, describe())
        raise


def add_note(error: BaseException, text: str) -> None:
    """Add a line to an error's message.

    Args:
        error (BaseException): The error.
        text (str): The line.
    """
    if hasattr(error, 'add_note'):
        error.add_note(text)
    elif len(error.args) == 1 and isinstance(error.args[0], str):
        # Python before 3.11 knows no notes
        error.args = (f'{error.args[0]}\n{text}', )


class WindowDraw:
    """Gives the window of each sample.

    Args:
        window (FrameWindow): The window, T offsets.
        random_range (tuple[int, int], optional): Draw the supporting frames,
            without repetition: those before the key frame from offsets
            ``random_range[0] ... -1``, those after it from
            ``1 ... random_range[1]``, as many of each as ``window`` has.
            Defaults to None, always ``window``.
        test_mode (bool): Whether results must not change from run to run.
            Defaults to False.

    Raises:
        ValueError: If the range is too narrow, or ``test_mode`` is set with
            one.
    """

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
        """The next sample's window, by numpy's global generator."""
        if self.random_range is None:
            return self.window
        low, high = self.random_range
        past = np.random.choice(range(low, 0), self._num_past, replace=False)
        future = np.random.choice(
            range(1, high + 1), self._num_future, replace=False)
        return FrameWindow(
            (*sorted(past.tolist()), 0, *sorted(future.tolist())))


class PackedSamples(Sequence):
    """A sequence of samples that grows at its end.

    Every access gives a new copy of the sample.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._bytes = bytearray()
        self._ends = array('q')

    def append(self, sample: dict) -> None:
        """Add a sample at the end."""
        self._bytes += pickle.dumps(sample, protocol=4)
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        start = self._ends[place - 1] if place else 0
        with memoryview(self._bytes) as run:
            return pickle.loads(run[start:self._ends[place]])

    @classmethod
    def of(cls, samples: Iterable[dict]) -> 'PackedSamples':
        """Pack samples, unless they are already packed.

        Args:
            samples (Iterable[dict]): The samples.

        Returns:
            PackedSamples: The same, which may be ``samples`` itself.
        """
        if isinstance(samples, cls):
            return samples
        packed = cls()
        for sample in samples:
            packed.append(sample)
        return packed

    def release(self) -> Tuple[np.ndarray, np.ndarray]:
        """Give away the run, and be empty.

        Returns:
            tuple[np.ndarray, np.ndarray]: The bytes, uint8, and where each
            sample ends, (N, ) int64, as the host's ``data_bytes`` and
            ``data_address``.
        """
        packed = np.frombuffer(self._bytes, dtype=np.uint8)
        ends = np.array(self._ends, dtype=np.int64)
        self._clear()
        return packed, ends


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

    Ground-truth persons without labelled joints, or whose box has no area
    within the image, give no sample; how many that are is logged. For boxes
    from ``bbox_file`` see
    :func:`~mmpose_tdmi.datasets.person_boxes.load_person_boxes`. Which boxes
    they are is stated in the metainfo under ``box_source``, where the metrics
    look for it: ``'gt'``, or the file and how its boxes were chosen. A person
    whose annotation or box has a ``track_id`` keeps it.

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
        frame_source (str): Which frames of a video exist, and their numbers:
            ``'auto'``, those of the annotation file's ``videos`` if it has
            that table, else ``'disk'``; ``'disk'``, the files in the key
            frame's folder (each folder is listed once), whose names tell
            their numbers; ``'annotation'``, ``videos`` if there, else the
            images of the annotation file. Defaults to ``'auto'``.
        bbox_score_thr (float, optional): Leave out boxes of ``bbox_file``
            with a lower score. Without ``bbox_file`` it has no effect.
            Defaults to None, all are kept.
        bbox_nms_thr (float, optional): Of the boxes of ``bbox_file`` that
            overlap by more than this IoU keep the one with the highest score,
            image by image. Defaults to None, no suppression, as in the paper.
        backend_args (dict, optional): The file backend with which folders are
            listed and image sizes read. Defaults to None.
        allow_outside_paths (bool): Whether the annotation file may name
            frames outside of the folder of the images (``data_prefix``), by
            absolute paths or by ``..``. Defaults to False.
        **kwargs: Those of MMPose's ``BaseCocoStyleDataset``: ``bbox_file``,
            ``data_root``, ``data_prefix``, ``test_mode``, ``pipeline`` ...

    Raises:
        ValueError: On invalid arguments; if the annotation or box file is
            damaged, the message naming file, record and field; if its
            keypoints are others than the dataset's, ids repeat or are
            unknown, or a key frame is not in ``videos``; if there is no
            sample.
        FileNotFoundError: If the annotation or box file does not exist; when
            a sample is drawn whose folder or key frame does not exist.
    """

    def __init__(self,
                 ann_file: str = '',
                 *,
                 delta: Optional[int] = None,
                 offsets: Optional[Sequence[int]] = None,
                 padding: str = 'clamp',
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
        self.image_size: ImageSizes
        super().__init__(ann_file, **kwargs)
        self._metainfo['box_source'] = box_source(self.bbox_file,
                                                  bbox_score_thr, bbox_nms_thr)

    # Hooks for datasets

    def parse_frame_path(self, path: str) -> Tuple[str, int]:
        """Which frame of which video a file is, where only its name tells.

        Here the last run of digits in the file's stem is the frame's number,
        see :func:`~mmpose_tdmi.datasets.frame_names.last_number`.

        Args:
            path (str): A frame's path.

        Returns:
            tuple[str, int]: What identifies the video, here the path with
            ``*`` for the number, and the frame's number in the video.

        Raises:
            ValueError: If the name tells no number.
        """
        return last_number(path)

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
        return annotated_person(ann, img, self.image_size(img),
                                self._metainfo['num_keypoints'],
                                f'{self.ann_file}: annotation {ann["id"]}')

    def reason_to_leave_out(self, sample: dict) -> Optional[str]:
        """Why a ground-truth sample is of no use.

        Args:
            sample (dict): What :meth:`parse_data_info` gave.

        Returns:
            str | None: The reason, to follow "persons" in the log; None for
            a sample that is kept.
        """
        return None if self._is_valid_instance(sample) else unusable(sample)

    # A sample's clip

    def prepare_data(self, idx: int) -> Any:
        """Get a sample and run the pipeline on it.

        Args:
            idx (int): The sample.

        Returns:
            Any: What the pipeline gives. An error that it raises tells the
            sample.
        """
        with errors_name(lambda: self._title(idx)):
            return super().prepare_data(idx)

    def _title(self, idx: int) -> str:
        # the host's record: what is wrong may be the clip's lookup
        sample = super().get_data_info(idx)
        return (f'while preparing sample {idx} of {self.ann_file}: '
                f'{name_sample(sample)}')

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
        frames, number = self.frames.locate(img_path)
        window = self.draw_window()
        places, padded = frames.clip(number, window, self.padding)
        return dict(
            frame_paths=[frames.paths[place] for place in places],
            frame_indices=[int(frames.numbers[place]) for place in places],
            frame_offsets=window.offsets,
            frame_padded=padded,
            key_frame=window.key)

    # Loading

    def load_data_list(self) -> Sequence[dict]:
        """Load the samples, without their clips.

        Returns:
            Sequence[dict]: The samples.

        Raises:
            ValueError: If there is none.
        """
        names = self._metainfo['keypoint_id2name']
        content = load_annotation_file(self.ann_file,
                                       [names[i] for i in range(len(names))])
        self._metainfo['CLASSES'] = content.categories
        self.frames = frame_lookup(self.frame_source, content,
                                   self._image_path, self.parse_frame_path,
                                   self.backend_args)
        self.image_size = ImageSizes(self.ann_file, self._image_path,
                                     self.frames.video, self.backend_args)
        data_list: Union[PackedSamples, List[dict]] = (
            PackedSamples() if self.serialize_data else [])
        for sample in self._samples(content):
            data_list.append(sample)
        if not data_list:
            raise ValueError(
                f'{self.bbox_file or self.ann_file} gives no sample: no '
                'person with a box'
                f'{"" if self.bbox_file else " and keypoints"} is left')
        return data_list

    def _image_path(self, file_name: str) -> str:
        if not self.allow_outside_paths:
            check_inner_path(file_name, f'{self.ann_file}: the file name')
        return osp.join(self.data_prefix['img'], file_name)

    def _images(self, content: AnnotationFile) -> Iterator[dict]:
        """The images' records that ``sample_interval`` leaves."""
        for id_, img in content.images.items():
            if id_ % self.sample_interval == 0:
                img['img_id'] = id_
                img['img_path'] = self._image_path(img['file_name'])
                yield img

    def _samples(self, content: AnnotationFile) -> Iterable[dict]:
        if self.bbox_file:
            return self._detected_persons(content)
        labelled = (self._image_path(img['file_name'])
                    for id_, img in content.images.items()
                    if id_ in content.persons and img.get('is_labeled', True))
        check_listed(self.ann_file, self.frames, labelled,
                     'labelled images with persons')
        persons = annotated_persons(content, self._images(content),
                                    self.parse_data_info)
        if self.data_mode == 'topdown':
            return usable_persons(self.ann_file, persons,
                                  self.reason_to_leave_out)
        return self._get_bottomup_data_infos(
            list(persons), list(self._images(content)))

    def _detected_persons(self, content: AnnotationFile) -> Iterator[dict]:
        boxes = load_person_boxes(
            self.bbox_file,
            content.images,
            self.image_size,
            self.bbox_score_thr,
            nms_thr=self.bbox_nms_thr,
            annotations=[a for anns in content.persons.values() for a in anns],
            videos=content.videos or ())
        check_listed(
            self.ann_file, self.frames,
            (self._image_path(content.images[box['image_id']]['file_name'])
             for box in boxes), f'images with boxes in {self.bbox_file}')
        for box in boxes:
            img = content.images[box['image_id']]
            yield detected_person(box, self._image_path(img['file_name']),
                                  self.image_size(img),
                                  self._metainfo['num_keypoints'])

    def _serialize_data(self) -> Tuple[np.ndarray, np.ndarray]:
        # filtered, or a subset, it is packed here only
        packed, self.data_list = PackedSamples.of(self.data_list), []
        return packed.release()
