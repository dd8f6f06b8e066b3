"""Generated videos as PoseTrack21's official folder.

Every third labelled frame of a video has boxes only: it is not
``is_labeled``, but has a labelled person, and its persons have no joints. So
has a person of whom little is seen, in any frame.

Shape shorthand: V = 17 keypoints.
"""
from pathlib import Path
from typing import Any, Dict

from mmpose_tdmi.datasets.converters.common import NUM_KEYPOINTS
from mmpose_tdmi.datasets.converters.posetrack import (format_video_id,
                                                       make_annotation_id,
                                                       make_image_id,
                                                       write_video_annotation)
from ..generator import FIRST_SEQUENCE
from .drawing import DrawnFrame, VideoTask, draw

#: A person with less of the body seen is annotated by a box only.
MIN_VISIBLE = 0.25
_COLLECTION = 1  # as all of the official files' videos called mpii


def label_path(task: VideoTask) -> Path:
    """Path: The annotation of a video, which is written last."""
    return (task.root / 'posetrack_data' / task.split /
            f'{video_name(task)}.json')


def video_name(task: VideoTask) -> str:
    """str: A video's name; those of the validation set end in ``_test``."""
    ending = 'train' if task.split == 'train' else 'test'
    return f'{format_video_id(_sequence(task))}_mpii_{ending}'


def write_video(task: VideoTask) -> Path:
    """Write one video and its json.

    Args:
        task (VideoTask): The video.

    Returns:
        Path: The annotation.
    """
    images, annotations = [], []
    labelled = 0
    for drawn in draw(task):
        image_id = make_image_id(_COLLECTION, _sequence(task), drawn.index)
        file_name = (f'images/{task.split}/{video_name(task)}/'
                     f'{drawn.index:06d}.jpg')
        drawn.write_jpeg(task.root / file_name)
        labelled += drawn.labelled
        boxes_only = drawn.labelled and labelled % 3 == 0
        images.append(
            dict(
                id=image_id,
                frame_id=image_id,
                vid_id=format_video_id(_sequence(task)),
                file_name=file_name,
                nframes=task.settings.frames,
                is_labeled=drawn.labelled and not boxes_only,
                has_labeled_person=bool(drawn.persons),
                ignore_regions_x=drawn.ignore[0],
                ignore_regions_y=drawn.ignore[1]))
        annotations += [
            _person(task, drawn, person, image_id, boxes_only)
            for person in drawn.persons
        ]
    path = label_path(task)
    write_video_annotation(path, images, annotations)
    return path


def _sequence(task: VideoTask) -> int:
    return FIRST_SEQUENCE[task.split] + task.number


def _person(task: VideoTask, drawn: DrawnFrame, person: Dict[str, Any],
            image_id: int, boxes_only: bool) -> Dict[str, Any]:
    keypoints = person['keypoints']
    if boxes_only or person['visible_fraction'] < MIN_VISIBLE:
        keypoints = [0] * (3 * NUM_KEYPOINTS)
    return dict(
        id=make_annotation_id(image_id, person['track_id']),
        image_id=image_id,
        category_id=1,
        track_id=person['track_id'],
        person_id=100 * _sequence(task) + person['track_id'],
        bbox=person['bbox'],
        bbox_head=person['bbox_head'],
        keypoints=keypoints)
