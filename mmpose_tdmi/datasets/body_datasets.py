"""PoseTrack17 as clips.

PoseTrack18 as clips.

PoseTrack21 as clips.

HiEve as clips.
"""

from typing import Optional, Tuple

from mmpose.registry import DATASETS

from .frames import bare_number
from .metainfo import keypoint_definition
from .sequence_dataset import BaseSequenceDataset


@DATASETS.register_module()
class PoseTrack17SequenceDataset(BaseSequenceDataset):
    """PoseTrack17, a person and the frames around it per sample.

    "PoseTrack: A Benchmark for Human Pose Estimation and Tracking", CVPR
    2018, in its first release. Annotations are in the converted COCO-style
    form, one file per split, in the 17-keypoint layout of PoseTrack18; the
    release has no person boxes, they are derived from the joints. The
    original names of frames are irregular: their numbers come from the
    file's ``videos``. Without that table, as for renamed images listed by
    another tool, the last digits of a name are its number.

    See :class:`~mmpose_tdmi.datasets.BaseSequenceDataset` for the arguments.
    """

    METAINFO: dict = keypoint_definition('posetrack17')


@DATASETS.register_module()
class PoseTrack18SequenceDataset(BaseSequenceDataset):
    """PoseTrack18, a person and the frames around it per sample.

    "PoseTrack: A Benchmark for Human Pose Estimation and Tracking", CVPR
    2018. Annotations are in the merged COCO-style form, one file per split,
    with or without image sizes; the keypoints are the 17 of
    :class:`mmpose.datasets.PoseTrack18Dataset`. Frames are
    ``images/<split>/<video>/%06d.jpg``, 0-based.

    See :class:`~mmpose_tdmi.datasets.BaseSequenceDataset` for the arguments.
    """

    METAINFO: dict = keypoint_definition('posetrack18')

    def parse_frame_path(self, path: str) -> Tuple[str, int]:
        """Which frame of which video a file is.

        Asked where the annotation file has no ``videos``.

        Args:
            path (str): A frame's path, ``<video's folder>/<number>.jpg``.

        Returns:
            tuple[str, int]: The path with ``*`` for the number, which
            identifies the video, and the frame's number.

        Raises:
            ValueError: If the name is not a number.
        """
        return bare_number(path)


@DATASETS.register_module()
class PoseTrack21SequenceDataset(PoseTrack18SequenceDataset):
    """PoseTrack21, a person and the frames around it per sample.

    "PoseTrack21: A Dataset for Person Search, Multi-Object Tracking and
    Multi-Person Pose Tracking", CVPR 2022. Images, their names and the
    keypoints are PoseTrack18's; many small people are annotated in addition.

    Frames in which persons have boxes and nobody joints
    (``has_labeled_person`` without ``is_labeled``), and persons that have
    only a box, give no sample from ground truth.

    See :class:`~mmpose_tdmi.datasets.BaseSequenceDataset` for the other
    arguments.

    Args:
        min_person_size (float): Leave out persons whose ground-truth box
            within the image has no side of at least this, in pixels of the
            image: an input of 384x288 shows little more of them than noise.
            For training only. Defaults to 0, nobody, as in the paper.

    Raises:
        ValueError: If ``min_person_size`` is negative, or not 0 with
            ``test_mode``.
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
        """Why a ground-truth sample is of no use; see the base class."""
        reason = super().reason_to_leave_out(sample)
        if reason is None and self.min_person_size:
            x1, y1, x2, y2 = sample['bbox'][0]
            if max(x2 - x1, y2 - y1) < self.min_person_size:
                reason = f'smaller than {self.min_person_size} pixels'
        return reason


@DATASETS.register_module()
class HiEveSequenceDataset(BaseSequenceDataset):
    """HiEve, a person and the frames around it per sample.

    "HiEve: A Large-Scale Benchmark for Human-Centric Video Analysis in
    Complex Events". Annotations are in the converted COCO-style form with
    HiEve's 14 keypoints; frames are ``images/<split>/<video>/%06d.jpg``,
    0-based. The labels of the test videos are not public: their file lists
    the frames, and samples come from the boxes in ``bbox_file``.

    See :class:`~mmpose_tdmi.datasets.BaseSequenceDataset` for the arguments.
    """

    METAINFO: dict = keypoint_definition('hieve')
