"""PoseTrack18 as clips.

Shape shorthand: none.
"""
from typing import Tuple

from mmpose.registry import DATASETS

from ..base_sequence_dataset import BaseSequenceDataset
from ..frame_names import bare_number
from .metainfo import keypoint_definition


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
