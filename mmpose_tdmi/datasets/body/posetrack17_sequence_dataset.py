"""PoseTrack17 as clips.

Shape shorthand: none.
"""
from mmpose.registry import DATASETS

from ..base_sequence_dataset import BaseSequenceDataset
from .metainfo import keypoint_definition


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
