"""Files for HiEve's server: written and packed.

What the benchmark's site documents: a zip with one file for each test video
in its root, ``20.json`` to ``32.json``, in the form of the labels. The labels
are ``annolist`` json like PoseTrack17's: for each frame its image's name
(``000000.jpg``) and the persons, each with the corners of its **person** box,
a score, a track id and points of id, x, y and score, all numbers wrapped in
lists. Nothing says whether all of a video's frames must be listed: here they
are. Without tracking, the track id is a running number in the frame.

Shape shorthand: M persons of a frame, K = 14 joints.
"""
import zipfile
from pathlib import Path, PurePosixPath
from typing import Iterable, Mapping, Sequence, Union

import numpy as np

from mmpose_tdmi.utils.files import atomic_path, write_json
from mmpose_tdmi.utils.inner_paths import check_file_name

#: The test videos.
HIEVE_TEST_VIDEOS = tuple(str(number) for number in range(20, 33))

#: The fields of a person's box.
BOX_CORNERS = ('x1', 'y1', 'x2', 'y2')


def frame_record(name: str, keypoints: np.ndarray, scores: np.ndarray,
                 boxes: np.ndarray, box_scores: np.ndarray,
                 track_ids: Iterable[int]) -> dict:
    """One frame of a submission.

    Args:
        name (str): The image's path or name; its last part is written.
        keypoints (np.ndarray): Joints in pixels of the image, (M, K, 2).
        scores (np.ndarray): Their scores, (M, K).
        boxes (np.ndarray): Persons' boxes, x1, y1, x2, y2, (M, 4).
        box_scores (np.ndarray): Persons' scores, (M, ).
        track_ids (Iterable[int]): Persons' track ids, M, all different.

    Returns:
        dict: An entry of ``annolist``.
    """
    persons = []
    for joints, joint_scores, box, score, track_id in zip(
            keypoints.tolist(), scores.tolist(), boxes.tolist(),
            box_scores.tolist(), track_ids):
        points = [
            dict(id=[joint], x=[x], y=[y], score=[joint_score])
            for joint, ((x, y),
                        joint_score) in enumerate(zip(joints, joint_scores))
        ]
        persons.append(
            dict({
                corner: [value]
                for corner, value in zip(BOX_CORNERS, box)
            },
                 score=[score],
                 track_id=[int(track_id)],
                 annopoints=[dict(point=points)]))
    return dict(
        image=[dict(name=PurePosixPath(name).name)],
        ignore_regions=[],
        annorect=persons)


def write_submission(folder: Union[str, Path],
                     videos: Mapping[str, Sequence[dict]]) -> None:
    """Write the files of a submission.

    Args:
        folder (str | Path): Where to.
        videos (dict[str, Sequence[dict]]): By video its frames, as
            :func:`frame_record` makes them.
    """
    for video, frames in videos.items():
        check_file_name(str(video), 'the video name')
        write_json(Path(folder) / f'{video}.json', dict(annolist=list(frames)))


def pack_submission(folder: Union[str, Path],
                    out: Union[str, Path],
                    videos: Sequence[str] = HIEVE_TEST_VIDEOS) -> None:
    """Put the files of a submission into a zip, in its root.

    Args:
        folder (str | Path): A valid submission.
        out (str | Path): The zip.
        videos (Sequence[str]): The videos. Defaults to the test split's.
    """
    with atomic_path(out) as temporary:
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive:
            for video in videos:
                archive.write(Path(folder) / f'{video}.json', f'{video}.json')
