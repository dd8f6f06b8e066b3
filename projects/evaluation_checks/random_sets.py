"""Random annotations and predictions in the official file formats.

For comparing metric implementations: the sets hold what decides numbers
(missing joints, persons without joints, ignore regions, people who swap
tracks, unlabelled frames, negative coordinates, joints that are annotated
nowhere), not what real people look like. The random stream is one that numpy
keeps stable over its versions, so that a seed names a set for good.

Shape shorthand: J = 15 joints, K = 17 keypoints of PoseTrack18's layout.
"""
from pathlib import Path
from typing import Any, Dict, List, Tuple, Union

import numpy as np

from mmpose_tdmi.datasets.coco_json import read_json
from mmpose_tdmi.datasets.converters import KEYPOINT_NAMES
from mmpose_tdmi.evaluation.functional import POSEVAL_JOINTS
from mmpose_tdmi.utils.files import write_json
from .random_scenes import RandomSetSettings, random_video

_J = len(POSEVAL_JOINTS)
# where the keypoints are among the joints, -1 for the ears
_COLUMNS = np.array([
    POSEVAL_JOINTS.index('neck' if name == 'head_bottom' else name)
    if 'ear' not in name else -1 for name in KEYPOINT_NAMES
])


def write_random_set(root: Union[str, Path], settings: RandomSetSettings,
                     seed: int) -> Tuple[Path, Path]:
    """Write a random set in official per-video files.

    Args:
        root (str | Path): The folder for it.
        settings (RandomSetSettings): What it is like.
        seed (int): Which one.

    Returns:
        tuple[Path, Path]: The folders of the ground truth and of the
        predictions in it, ``gt`` and ``pred``.
    """
    random = np.random.RandomState(seed)
    folders = Path(root) / 'gt', Path(root) / 'pred'
    for number in range(settings.videos):
        name = f'{number + 1:06d}_mpii_test'
        frames = random_video(settings, random, name)
        for folder, side, fmt in zip(
                folders, ('gt', 'pred'),
            (settings.gt_format, settings.pred_format)):
            content = (
                _annolist(frames, side) if fmt == 'posetrack17' else _coco(
                    frames, side, number + 1))
            write_json(folder / f'{name}.json', content)
    return folders


def write_jittered_predictions(gt_dir: Union[str, Path],
                               pred_dir: Union[str, Path], seed: int) -> None:
    """Predict annotated people badly.

    Everybody is predicted with all joints, each off by about as much as is
    still a hit, every third person twice.

    Args:
        gt_dir (str | Path): Folder of PoseTrack18-format ground truth.
        pred_dir (str | Path): Where files of the same names go.
        seed (int): Which jitter.
    """
    random = np.random.RandomState(seed)
    for path in sorted(Path(gt_dir).glob('*.json')):
        content = read_json(path)
        persons: List[dict] = []
        for annotation in content['annotations']:
            keypoints = np.array(annotation['keypoints'], dtype=np.float64)
            keypoints = keypoints.reshape(-1, 3)
            head = 0.6 * np.linalg.norm(annotation['bbox_head'][2:])
            for _ in range(2 if random.rand() < 1 / 3 else 1):
                offsets = random.normal(0, 0.35 * head, (len(keypoints), 2))
                persons.append(
                    dict(
                        id=annotation['image_id'] * 100 + len(persons),
                        image_id=annotation['image_id'],
                        category_id=1,
                        track_id=len(persons),
                        keypoints=np.append(
                            keypoints[:, :2] + offsets,
                            np.ones((len(keypoints), 1)),
                            axis=1).ravel(),
                        scores=random.uniform(0.05, 1, len(keypoints))))
        write_json(
            Path(pred_dir) / path.name,
            dict(
                images=content['images'],
                annotations=persons,
                categories=content['categories']))


def _coco(frames: List[Dict[str, Any]], side: str,
          sequence: int) -> Dict[str, Any]:
    images, annotations = [], []
    for frame in frames:
        image_id = 10**10 + sequence * 10**4 + frame['number']
        image = dict(
            id=image_id,
            frame_id=image_id,
            file_name=frame['name'],
            vid_id=f'{sequence:06d}',
            nframes=len(frames),
            is_labeled=frame['labelled'])
        if side == 'gt':
            image['ignore_regions_x'] = [r[:, 0] for r in frame['regions']]
            image['ignore_regions_y'] = [r[:, 1] for r in frame['regions']]
        images.append(image)
        for number, person in enumerate(frame[side]):
            annotations.append(
                dict(
                    id=image_id * 100 + number,
                    image_id=image_id,
                    category_id=1,
                    track_id=person['track'],
                    keypoints=_keypoints(person).ravel(),
                    **_side_fields(person, side)))
    category = dict(
        id=1,
        name='person',
        supercategory='person',
        keypoints=list(KEYPOINT_NAMES))
    return dict(images=images, annotations=annotations, categories=[category])


def _keypoints(person: Dict[str, Any]) -> np.ndarray:
    values = np.append(person['xy'], np.ones((_J, 1)), axis=1)
    values[~person['present']] = 0
    return np.where(_COLUMNS[:, None] < 0, 0., values[_COLUMNS])


def _side_fields(person: Dict[str, Any], side: str) -> Dict[str, Any]:
    if side == 'gt':
        return dict(bbox_head=person['head'])
    scores = person['scores'][_COLUMNS]
    return dict(scores=np.where(_COLUMNS < 0, 0., scores))


def _annolist(frames: List[Dict[str, Any]], side: str) -> Dict[str, Any]:
    annolist = []
    for frame in frames:
        record: Dict[str, Any] = dict(
            image=[dict(name=frame['name'])],
            imgnum=[frame['number'] + 1],
            is_labeled=[int(frame['labelled'])],
            annorect=[_rect(person, side) for person in frame[side]])
        if side == 'gt' and frame['regions']:
            record['ignore_regions'] = [
                dict(point=[dict(x=[x], y=[y]) for x, y in region.tolist()])
                for region in frame['regions']
            ]
        annolist.append(record)
    return dict(annolist=annolist)


def _rect(person: Dict[str, Any], side: str) -> Dict[str, Any]:
    points = [
        dict(id=[int(j)], x=[person['xy'][j, 0]], y=[person['xy'][j, 1]])
        for j in np.flatnonzero(person['present'])
    ]
    rect: Dict[str, Any] = dict(
        track_id=[person['track']],
        # PoseTrack17 leaves the list out where nothing is annotated
        annopoints=[dict(point=points)] if points else [])
    if side == 'gt':
        x, y, width, height = person['head'].tolist()
        rect.update(x1=[x], y1=[y], x2=[x + width], y2=[y + height])
    else:
        for point in points:
            point['score'] = [person['scores'][point['id'][0]]]
    return rect
