"""PoseTrack21's annotation format: PoseTrack18's with more persons.

Images also say ``has_labeled_person``, annotations ``person_id``, a person's
number across videos. Frames that are not ``is_labeled`` may have persons that
are annotated by a box only, and so may labelled ones: such a person stays,
with all keypoints 0.

Shape shorthand: none.
"""
from pathlib import Path
from typing import List, Optional

from .conversion import (Conversion, ConvertedVideo, DatasetFormat,
                         VideoSource, convert_split)
from .layouts import person_category
from .posetrack_json import find_json_videos, read_posetrack_json
from .reading import PathLike


def read_posetrack21_video(source: VideoSource) -> ConvertedVideo:
    """Read one video; see :func:`.posetrack_json.read_posetrack_json`."""
    return read_posetrack_json(source, person_ids=True)


def _find_videos(root: Path, split: str) -> List[VideoSource]:
    return find_json_videos(root, f'posetrack_data/{split}', split)


POSETRACK21 = DatasetFormat(
    name='posetrack21',
    splits=('train', 'val'),
    category=person_category(),
    annotation_folder='posetrack_data/{split}',
    find_videos=_find_videos,
    read_video=read_posetrack21_video)


def convert_posetrack21(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack21's official folder.

    The folder holds ``posetrack_data/<split>/<video>.json`` and
    ``images/<split>/<video>/%06d.jpg``.

    Args:
        data_root (str | Path): The folder.
        split (str): 'train' or 'val'. Defaults to 'val'.
        out (str | Path, optional): Folder of the result,
            ``posetrack21_<split>.json``. Defaults to None, ``annotations`` in
            the data root.
        workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
        progress (bool): Show a progress bar. Defaults to False.

    Returns:
        Conversion: Path and counts.

    Raises:
        FileNotFoundError: If a file or folder that is needed is missing.
        ValueError: On a mistake in an official file; the message names file,
            place, value and what was expected.
    """
    return convert_split(POSETRACK21, data_root, split, out, workers, progress)
