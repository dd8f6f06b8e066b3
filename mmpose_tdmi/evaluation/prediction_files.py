"""Predictions as official per-video json files, ready for the servers.

Both formats are read by poseval and by ``read_predictions``. Besides what the
formats ask for, a file says in ``info`` how it came about, e.g. whose person
boxes were used; poseval does not read it.

Shape shorthand: F frames, M predicted persons of a video, K keypoints of the
layout.
"""
import warnings
from pathlib import Path
from typing import Any, Dict, List, Sequence, Union

import numpy as np

from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.utils.inner_paths import check_file_name
from .functional import NO_TRACK, PredictedSequence, joint_columns

#: The formats: PoseTrack18's (also PoseTrack21's) and PoseTrack17's annolist.
OUT_FORMATS = ('posetrack18', 'posetrack17')

_MAX_TRACK_ID = 10_000


def write_predictions(folder: Union[str, Path], predicted: PredictedSequence,
                      person_scores: np.ndarray, keypoint_names: Sequence[str],
                      out_format: str, info: Dict[str, Any]) -> Path:
    """Write a video's predictions, all its frames listed.

    Args:
        folder (str | Path): Where ``<video>.json`` goes.
        predicted (PredictedSequence): The video, with all K keypoints of the
            layout, in pixels of its images. Persons without a track are
            numbered within their frame, because the toolkit demands ids that
            are unique in a frame.
        person_scores (np.ndarray): Scores of the persons, (M, ).
        keypoint_names (Sequence[str]): The K names of the layout.
        out_format (str): One of :data:`OUT_FORMATS`.
        info (dict): What to say about the predictions.

    Returns:
        Path: The file.

    Raises:
        ValueError: If the format is not one of those, or lacks a joint; if
            the video's name cannot be a file's.
    """
    if out_format not in OUT_FORMATS:
        raise ValueError(f'out_format must be one of {OUT_FORMATS}, got '
                         f'{out_format!r}')
    check_file_name(predicted.name, 'the video name')
    write = (
        _posetrack17_content
        if out_format == 'posetrack17' else _posetrack18_content)
    content = write(predicted, person_scores, keypoint_names)
    path = Path(folder) / f'{predicted.name}.json'
    write_json(path, dict(content, info=info))
    return path


def _posetrack18_content(predicted: PredictedSequence,
                         person_scores: np.ndarray,
                         keypoint_names: Sequence[str]) -> Dict[str, Any]:
    numbers = _numbers_in_frame(predicted)
    tracks = _tracks(predicted, numbers)
    image_ids = predicted.frame_ids[predicted.frame_index]
    # v is 1 for a joint that is there and 0 for one that is not
    keypoints = np.concatenate(
        [predicted.keypoints, predicted.present[..., None]], axis=-1)
    keypoints[~predicted.present] = 0
    return dict(
        images=[
            dict(id=image_id, file_name=name) for image_id, name in zip(
                predicted.frame_ids, predicted.frame_names)
        ],
        annotations=[
            dict(
                id=int(image_ids[i]) * 100 + int(numbers[i]),
                image_id=image_ids[i],
                category_id=1,
                track_id=tracks[i],
                keypoints=keypoints[i].ravel(),
                scores=predicted.scores[i],
                score=person_scores[i]) for i in range(predicted.num_persons)
        ],
        categories=[
            dict(
                id=1,
                name='person',
                supercategory='person',
                # the toolkit knows the neck by this name only
                keypoints=[
                    'head_bottom' if name == 'neck' else name
                    for name in keypoint_names
                ])
        ])


def _posetrack17_content(predicted: PredictedSequence,
                         person_scores: np.ndarray,
                         keypoint_names: Sequence[str]) -> Dict[str, Any]:
    columns = joint_columns(keypoint_names, 'dataset metainfo')
    tracks = _tracks(predicted, _numbers_in_frame(predicted))
    keypoints = predicted.keypoints[:, columns].tolist()
    present = predicted.present[:, columns].tolist()
    scores = predicted.scores[:, columns].tolist()
    frames: List[Dict[str, Any]] = [
        dict(image=[dict(name=name)], imgnum=[i + 1], annorect=[])
        for i, name in enumerate(predicted.frame_names)
    ]
    for i in range(predicted.num_persons):
        points = [
            dict(id=[j], x=[x], y=[y], score=[score])
            for j, (
                (x, y), there,
                score) in enumerate(zip(keypoints[i], present[i], scores[i]))
            if there
        ]
        # the format's box is the head's; of predictions nobody reads it
        xs, ys = ([p[key][0] for p in points] for key in 'xy')
        frames[predicted.frame_index[i]]['annorect'].append(
            dict(
                x1=[min(xs)],
                y1=[min(ys)],
                x2=[max(xs)],
                y2=[max(ys)],
                score=[float(person_scores[i])],
                track_id=[int(tracks[i])],
                annopoints=[dict(point=points)]))
    return dict(annolist=frames)


def _numbers_in_frame(predicted: PredictedSequence) -> np.ndarray:
    first = np.searchsorted(predicted.frame_index, predicted.frame_index)
    return np.arange(predicted.num_persons) - first


def _tracks(predicted: PredictedSequence, numbers: np.ndarray) -> np.ndarray:
    if (predicted.track_ids == NO_TRACK).any():
        return numbers
    largest = int(predicted.track_ids.max(initial=0))
    if largest >= _MAX_TRACK_ID:
        warnings.warn(f'{predicted.name}: there is a track_id {largest}, but '
                      f'poseval refuses ids of {_MAX_TRACK_ID} and more')
    return predicted.track_ids
