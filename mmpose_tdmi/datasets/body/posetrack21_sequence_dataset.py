"""PoseTrack21 as clips.

Shape shorthand: none.
"""
from typing import Optional

from mmpose.registry import DATASETS

from .metainfo import keypoint_definition
from .posetrack18_sequence_dataset import PoseTrack18SequenceDataset


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
