"""The four data sets as clips; :class:`BaseSequenceDataset` has the arguments.

MMPose's inferencer goes by this module's name, ``datasets.body``, to find its
default person detector.
"""
import os.path as osp
from typing import Optional, Tuple

from mmpose.registry import DATASETS

from .frames import last_number
from .metainfo import keypoint_definition
from .sequence_dataset import BaseSequenceDataset


@DATASETS.register_module()
class PoseTrack17SequenceDataset(BaseSequenceDataset):
    """PoseTrack17, the first release of PoseTrack18's benchmark.

    Annotations are in the converted COCO-style form, one file per split, in
    the 17-keypoint layout of PoseTrack18; the release has no person boxes,
    they are derived from the joints. Names of frames are irregular: their
    numbers come from the file's ``videos``, or else from a name's last digits.
    """

    METAINFO: dict = keypoint_definition('posetrack17')


@DATASETS.register_module()
class PoseTrack18SequenceDataset(BaseSequenceDataset):
    """PoseTrack18: "PoseTrack: A Benchmark for Human Pose Estimation and
    Tracking", CVPR 2018.

    Annotations are in the merged COCO-style form, one file per split, with or
    without image sizes; the 17 keypoints are those of
    :class:`mmpose.datasets.PoseTrack18Dataset`. Frames are
    ``images/<split>/<video>/%06d.jpg``, 0-based.
    """

    METAINFO: dict = keypoint_definition('posetrack18')

    def parse_frame_path(self, path: str) -> Tuple[str, int]:
        """See the base class; the name must be a number and no more."""
        stem = osp.splitext(osp.basename(path))[0]
        if not (stem.isascii() and stem.isdigit()):
            raise ValueError('expected a frame that is named by its number, '
                             f'such as 000012.jpg, got {path!r}')
        return last_number(path)


@DATASETS.register_module()
class PoseTrack21SequenceDataset(PoseTrack18SequenceDataset):
    """PoseTrack21: "PoseTrack21: A Dataset for Person Search, Multi-Object
    Tracking and Multi-Person Pose Tracking", CVPR 2022.

    Images, their names and the keypoints are PoseTrack18's; many small people
    are annotated in addition. Persons that have only a box, as all do in some
    frames (``has_labeled_person`` without ``is_labeled``), give no sample from
    ground truth.

    Args:
        min_person_size: Leave out persons whose ground-truth box within the
            image has no side of at least this, in pixels of the image: an
            input of 384x288 shows little more of them than noise. For training
            only; the paper leaves out nobody.
    """

    METAINFO: dict = keypoint_definition('posetrack21')

    def __init__(self, *args, min_person_size: float = 0, **kwargs) -> None:
        if not min_person_size >= 0:
            raise ValueError('min_person_size must be at least 0 pixels, got '
                             f'{min_person_size!r}')
        if min_person_size and kwargs.get('test_mode', False):
            raise ValueError('min_person_size is for training, but test_mode '
                             'is set: small people would not be tested')
        self.min_person_size = min_person_size
        super().__init__(*args, **kwargs)

    def reason_to_leave_out(self, sample: dict) -> Optional[str]:
        reason = super().reason_to_leave_out(sample)
        if reason is None and self.min_person_size:
            x1, y1, x2, y2 = sample['bbox'][0]
            if max(x2 - x1, y2 - y1) < self.min_person_size:
                reason = f'smaller than {self.min_person_size} pixels'
        return reason


@DATASETS.register_module()
class HiEveSequenceDataset(BaseSequenceDataset):
    """HiEve: "A Large-Scale Benchmark for Human-Centric Video Analysis in
    Complex Events".

    Annotations are in the converted COCO-style form with HiEve's 14
    keypoints; frames are ``images/<split>/<video>/%06d.jpg``, 0-based. The
    test videos' labels are not public: their file lists the frames, and
    samples come from the boxes in ``bbox_file``.
    """

    METAINFO: dict = keypoint_definition('hieve')
