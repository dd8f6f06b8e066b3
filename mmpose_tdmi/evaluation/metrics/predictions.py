"""Results of a test run kept in a file instead of in memory.

What the metrics keep of a model's outputs.

Shape shorthand: M predicted persons of a data sample (1 for a top-down
model), K joints.

Results of a top-down model put together per video.

Shape shorthand: F frames of a video, M predicted persons in them, K keypoints
of the dataset's layout.

Predictions as official per-video json files, ready for the servers.

Both formats are read by poseval and by ``read_predictions``. Besides what the
formats ask for, a file says in ``info`` how it came about, e.g. whose person
boxes were used; poseval does not read it.

Shape shorthand: F frames, M predicted persons of a video, K keypoints of the
layout.
"""
import pickle
import tempfile
import warnings
from pathlib import Path
from typing import (IO, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple,
                    Union)

import numpy as np
from torch import Tensor

from mmpose_tdmi.utils.files import check_file_name, write_json
from ..functional import (NO_TRACK, AnnotatedSequence, PredictedSequence,
                          joint_columns)


class ResultSpool:
    """A list that grows in a temporary file.

    The file has no name, so that it is gone with the process however that
    ends.
    """

    def __init__(self) -> None:
        self._file: Optional[IO[bytes]] = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, result: Any) -> None:
        """Add a result at the end.

        Args:
            result: Anything that can be pickled.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix='mmpose-tdmi-')
        pickle.dump(result, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self._length += 1

    def take(self) -> List[Any]:
        """Empty the spool.

        Returns:
            list: The results in the order in which they were added.
        """
        file, length = self._file, self._length
        self._file, self._length = None, 0
        if file is None:
            return []
        with file:
            file.seek(0)
            return [pickle.load(file) for _ in range(length)]


#: What a joint's score is: its heatmap maximum times the box's score, or the
#: maximum alone.
SCORE_MODES = ('keypoint_bbox', 'keypoint')


def read_prediction(sample: dict,
                    score_mode: str,
                    with_boxes: bool = False) -> dict:
    """Take from a sample what is scored of it.

    Args:
        sample (dict): An output of the model.
        score_mode (str): One of :data:`SCORE_MODES`.
        with_boxes (bool): Whether the persons' boxes are kept, too. Defaults
            to False.

    Returns:
        dict: ``id``, ``img_id``, ``keypoints`` (M, K, 2) in pixels of the
        image, ``scores`` (M, K), ``box_scores`` (M, ), with boxes ``boxes``
        (M, 4), float32, and ``track_ids`` (M, ) int64, NO_TRACK where the
        sample has none. Nothing of it shares memory with the sample.

    Raises:
        ValueError: If a field is missing, of the wrong shape or not finite.
    """
    where = f'image id {sample["img_id"]}'
    predicted = sample['pred_instances']
    keypoints = _to_numpy(predicted['keypoints'])
    scores = _to_numpy(predicted['keypoint_scores'])
    if keypoints.shape[:2] != scores.shape or keypoints.shape[2] < 2:
        raise ValueError(
            f'{where}: keypoints {keypoints.shape} and their scores '
            f'{scores.shape} do not fit, expected (M, K, 2), (M, K)')
    count = len(keypoints)
    box_scores = _required(sample, 'bbox_scores', (count, ), where)
    if score_mode == 'keypoint_bbox':
        scores = scores * box_scores[:, None]
    values = dict(
        keypoints=keypoints[..., :2], scores=scores, box_scores=box_scores)
    if with_boxes:
        values['boxes'] = _required(sample, 'bboxes', (count, 4), where)
    for name, value in values.items():
        values[name] = value.astype(np.float32)
        if not np.isfinite(values[name]).all():
            raise ValueError(f'{where}: {name} are not finite; the model has '
                             'diverged')
    return dict(
        values,
        track_ids=_track_ids(sample, count, where),
        id=int(sample['id']),
        img_id=int(sample['img_id']))


def _required(sample: dict, key: str, shape: Tuple[int, ...],
              where: str) -> np.ndarray:
    value = _instance_field(sample, key, shape, where)
    if value is None:
        raise ValueError(f'{where}: the sample has no {key}, neither in '
                         'pred_instances nor in gt_instances')
    return value


def _instance_field(sample: dict, key: str, shape: Tuple[int, ...],
                    where: str) -> Optional[np.ndarray]:
    for instances in ('pred_instances', 'gt_instances'):
        if key in sample.get(instances, {}):
            value = _to_numpy(sample[instances][key])
            if value.shape != shape:
                raise ValueError(f'{where}: {instances}.{key} has shape '
                                 f'{value.shape}, expected {shape}')
            return value
    return None


def _track_ids(sample: dict, count: int, where: str) -> np.ndarray:
    tracks = _instance_field(sample, 'track_ids', (count, ), where)
    if tracks is None:
        track_id = sample.get('track_id')
        tracks = np.full(count, NO_TRACK if track_id is None else track_id)
    return tracks.astype(np.int64)


def _to_numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


class VideoPredictions(NamedTuple):
    """What was predicted for a video.

    Args:
        poses (PredictedSequence): The persons with all K keypoints.
        box_scores (np.ndarray): The scores of their boxes, (M, ).
    """
    poses: PredictedSequence
    box_scores: np.ndarray

    def joints(self, columns: Sequence[int]) -> PredictedSequence:
        """The poses with some of the keypoints.

        Args:
            columns (Sequence[int]): Which, in order.
        """
        return self.poses.replace(
            keypoints=self.poses.keypoints[:, columns],
            present=self.poses.present[:, columns],
            scores=self.poses.scores[:, columns])

    def with_dummies(self, joint: int, score: float) -> 'VideoPredictions':
        """Give each frame without persons one with a single joint at (0, 0).

        Args:
            joint (int): Which keypoint.
            score (float): Its score, and that of the box.
        """
        poses = self.poses
        counts = np.bincount(poses.frame_index, minlength=poses.num_frames)
        empty = np.flatnonzero(counts == 0)
        frame_index = np.concatenate([poses.frame_index, empty])
        order = np.argsort(frame_index, kind='stable')

        def extend(values: np.ndarray, fill: Any) -> np.ndarray:
            rows = np.full((len(empty), *values.shape[1:]), fill)
            return np.concatenate([values, rows.astype(values.dtype)])[order]

        only = np.arange(poses.present.shape[1]) == joint
        tracked = (poses.track_ids != NO_TRACK).all()
        return VideoPredictions(
            poses.replace(
                frame_index=frame_index[order],
                keypoints=extend(poses.keypoints, 0.),
                present=extend(poses.present, only),
                track_ids=extend(poses.track_ids, 0 if tracked else NO_TRACK),
                scores=extend(poses.scores, score)),
            extend(self.box_scores, score))


def group_by_video(results: Sequence[dict], videos: Dict[str,
                                                         AnnotatedSequence],
                   box_source: str) -> Dict[str, VideoPredictions]:
    """Put results where they belong.

    Args:
        results (Sequence[dict]): One per sample, at least one: its ``id`` and
            ``img_id``, ``keypoints`` (m, K, 2), ``scores`` (m, K),
            ``box_scores`` (m, ) and ``track_ids`` (m, ). Samples that come
            twice, because several processes were to have equally many, count
            once.
        videos (dict[str, AnnotatedSequence]): The videos by name.
        box_source (str): Where the boxes come from.

    Returns:
        dict[str, VideoPredictions]: Of every video, ordered by frame and
        sample id.

    Raises:
        ValueError: If a result is of no image of the videos.
    """
    place = {
        image_id: (name, frame)
        for name, video in videos.items()
        for frame, image_id in enumerate(video.frame_ids.tolist())
    }
    unknown = {result['img_id'] for result in results} - set(place)
    if unknown:
        raise ValueError(
            f'{len(unknown)} image ids of the predictions are not in the '
            f'annotation file: {sorted(unknown)[:5]}; it lists ids like '
            f'{list(place)[:3]}. Is it that of the evaluated dataset?')
    unique = {(r['img_id'], r['id']): r for r in reversed(results)}
    grouped: Dict[str, List[Tuple[int, int, dict]]] = {
        name: []
        for name in videos
    }
    for (image_id, sample_id), result in unique.items():
        name, frame = place[image_id]
        grouped[name].append((frame, sample_id, result))
    num_keypoints = results[0]['keypoints'].shape[1]
    return {
        name:
        _join(videos[name], sorted(found, key=lambda item: item[:2]),
              num_keypoints, box_source)
        for name, found in grouped.items()
    }


def _join(video: AnnotatedSequence, found: Sequence[Tuple[int, int, dict]],
          num_keypoints: int, box_source: str) -> VideoPredictions:

    def join(key: str, *shape: int) -> np.ndarray:
        return np.concatenate([np.zeros((0, *shape))] +
                              [result[key] for _, _, result in found])

    keypoints = join('keypoints', num_keypoints, 2)
    frames = [np.full(len(r['scores']), frame) for frame, _, r in found]
    poses = PredictedSequence(
        name=video.name,
        frame_names=video.frame_names,
        frame_ids=video.frame_ids,
        frame_index=np.concatenate([np.zeros(0, dtype=np.int64)] + frames),
        keypoints=keypoints,
        present=np.ones(keypoints.shape[:2], dtype=bool),
        track_ids=join('track_ids').astype(np.int64),
        scores=join('scores', num_keypoints),
        box_source=box_source)
    return VideoPredictions(poses, join('box_scores'))


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
