"""HiEve as clips.

Shape shorthand: none.
"""
from mmpose.registry import DATASETS

from ..base_sequence_dataset import BaseSequenceDataset
from .metainfo import keypoint_definition


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
