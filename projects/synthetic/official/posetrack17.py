"""Generated videos as PoseTrack17's official folder.

Naming of the frames: ``'irregular'``, as the raw data has it. Every other
video (the first included) starts somewhere and has ``_crop`` behind most
numbers; the rest have eight digits from 1 on, of which one is left out.
``'renamed'``: the frames lie in ``images_renamed``, numbered from 1, while
the annotation goes by the irregular names.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Any, Dict, List

from mmpose_tdmi.datasets.converters.common import (KEYPOINT_NAMES,
                                                    POSETRACK17_POINTS)
from mmpose_tdmi.utils.files import write_json
from ..generator import FIRST_SEQUENCE
from .drawing import DrawnFrame, VideoTask, draw

NAMINGS = ('irregular', 'renamed')
_SET = 'bonn_5sec'


def label_path(task: VideoTask) -> Path:
    """Path: The annotation of a video, which is written last."""
    ending = 'trainsub' if task.split == 'train' else 'testsub'
    name = f'{_sequence(task):06d}_mpii_relpath_5sec_{ending}.json'
    return task.root / 'annotations' / task.split / name


def write_video(task: VideoTask) -> Path:
    """Write one video and its ``annolist`` json.

    Args:
        task (VideoTask): The video; ``option`` is one of :data:`NAMINGS`.

    Returns:
        Path: The annotation.
    """
    folder = f'{_SET}/{_sequence(task):06d}_mpii'
    frames = []
    for drawn in draw(task):
        name = raw_name(task.number, drawn.index)
        if task.option == 'renamed':
            path = f'images_renamed/{folder}/{drawn.index + 1:08d}.jpg'
        else:
            path = f'images/{folder}/{name}'
        drawn.write_jpeg(task.root / path)
        frames.append(_frame(drawn, f'images/{folder}/{name}'))
    path = label_path(task)
    write_json(path, dict(annolist=frames))
    return path


def raw_name(video: int, index: int) -> str:
    """str: The irregular name of a frame of a video."""
    if video % 2 == 0:
        return (f'{57 + index:08d}.jpg' if index %
                4 == 3 else f'{57 + index:04d}_crop.jpg')
    return f'{1 + index + (index > 2):08d}.jpg'


def _sequence(task: VideoTask) -> int:
    return FIRST_SEQUENCE[task.split] + task.number


def _frame(drawn: DrawnFrame, name: str) -> Dict[str, Any]:
    return dict(
        image=[dict(name=name)],
        imgnum=[drawn.index + 1],
        is_labeled=[int(drawn.labelled)],
        ignore_regions=[
            dict(point=[dict(x=[x], y=[y]) for x, y in zip(*region)])
            for region in zip(*drawn.ignore)
        ],
        annorect=[_person(person) for person in drawn.persons])


def _person(person: Dict[str, Any]) -> Dict[str, Any]:
    x, y, width, height = person['bbox_head']
    points: List[Dict[str, Any]] = []
    for number, name in enumerate(POSETRACK17_POINTS):
        place = KEYPOINT_NAMES.index(name)
        joint = person['keypoints'][3 * place:3 * place + 3]
        if any(joint):  # absent ones are left out
            points.append(
                dict(
                    id=[number],
                    x=[joint[0]],
                    y=[joint[1]],
                    is_visible=[1 - person['occluded'][place]]))
    return dict(
        x1=[x],
        y1=[y],
        x2=[round(x + width, 3)],
        y2=[round(y + height, 3)],
        track_id=[person['track_id']],
        annopoints=[dict(point=points)])
