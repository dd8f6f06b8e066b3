"""What the metrics keep of a model's outputs, and files of it for the servers.

Official json by video, with ``info`` on e.g. whose person boxes were used,
which poseval does not read. M predicted persons of a data sample (1 for a
top-down model) or of a video, K keypoints of the dataset's layout.
"""
import warnings
from pathlib import Path
from typing import (Any, Callable, Collection, Dict, List, Optional, Sequence,
                    Tuple, Union)

import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub
from torch import Tensor

from mmpose_tdmi.utils.files import check_file_name, check_outputs, write_json
from .functional import NO_TRACK, PredictedSequence, joint_columns
from .functional.files import anno_rect


class PredictionMetric(BaseMetric):
    """Keeps predictions and puts them where they belong."""
    #: What a joint's score is: its heatmap maximum times the box's score, or
    #: the maximum alone.
    SCORE_MODES = ('keypoint_bbox', 'keypoint')
    #: What else is kept of a person, and its shape.
    FIELDS: Dict[str, Tuple[int, ...]] = dict(bbox_scores=(), track_ids=())
    #: Reads the annotation file.
    _load: Callable[[str], Any]

    def __init__(self, ann_file: Optional[str], score_mode: str,
                 box_source: Optional[str], out_dir: Optional[str],
                 format_only: bool, collect_device: str, prefix: Optional[str],
                 collect_dir: Optional[str]) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if score_mode not in self.SCORE_MODES:
            raise ValueError(f'score_mode must be one of {self.SCORE_MODES}, '
                             f'got {score_mode!r}')
        if format_only and out_dir is None:
            raise ValueError('format_only needs out_dir, the folder for the '
                             'prediction files')
        self.ann_file = ann_file
        self.score_mode = score_mode
        self.box_source = box_source
        self.out_dir = out_dir
        self.format_only = format_only
        self._loaded: Tuple[Optional[str], Any] = (None, None)
        self._may_write = out_dir is None or not is_main_process()

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is scored of a batch's predictions.

        Samples have ``id``, ``img_id``, ``pred_instances`` (``keypoints``
        (M, K, 2) in pixels of the image, ``keypoint_scores`` (M, K)) and,
        there or in ``gt_instances``, ``bbox_scores`` (M, ), for HiEve
        ``bboxes`` (M, 4), x1, y1, x2, y2, and optionally ``track_ids`` (M, ),
        or ``track_id`` in the sample itself.
        """
        if not self._may_write:
            path, annotations = self._annotations()
            check_outputs([
                Path(self.out_dir, f'{video}.json')
                for video in self._videos(annotations)
            ], [path])
            self._may_write = True
        self.results += map(self._read, data_samples)

    def _read(self, sample: dict) -> Dict[str, Any]:
        """What is kept of a sample; nothing of it shares its memory."""
        where = f'image id {sample["img_id"]}'
        predicted = sample['pred_instances']
        keypoints = _to_numpy(predicted['keypoints'])
        scores = _to_numpy(predicted['keypoint_scores'])
        if keypoints.shape[:2] != scores.shape or keypoints.shape[2] < 2:
            raise ValueError(
                f'{where}: keypoints {keypoints.shape} and their scores '
                f'{scores.shape} do not fit, expected (M, K, 2), (M, K)')
        fields = {}
        for key, shape in self.FIELDS.items():
            shape = (len(scores), *shape)
            holder = next((name for name in ('pred_instances', 'gt_instances')
                           if key in sample.get(name, {})), None)
            if holder is not None:
                fields[key] = _to_numpy(sample[holder][key])
                if fields[key].shape != shape:
                    raise ValueError(f'{where}: {holder}.{key} has shape '
                                     f'{fields[key].shape}, expected {shape}')
            elif key == 'track_ids':
                track_id = sample.get('track_id')
                fields[key] = np.full(
                    shape, NO_TRACK if track_id is None else track_id)
            else:
                raise ValueError(f'{where}: the sample has no {key}, neither '
                                 'in pred_instances nor in gt_instances')
        tracks = fields.pop('track_ids').astype(np.int64)
        if self.score_mode == 'keypoint_bbox':
            scores = scores * fields['bbox_scores'][:, None]
        fields.update(keypoints=keypoints[..., :2], scores=scores)
        for name, value in fields.items():
            fields[name] = value.astype(np.float32)
            if not np.isfinite(fields[name]).all():
                raise ValueError(f'{where}: {name} are not finite; the model '
                                 'has diverged')
        return dict(
            fields,
            track_ids=tracks,
            id=int(sample['id']),
            img_id=int(sample['img_id']))

    def _videos(self, annotations: Any) -> Collection[str]:
        return annotations

    def _annotations(self) -> Tuple[str, Any]:
        """The annotation file, and what it holds, read when first needed."""
        path = self.ann_file
        if path is None:
            name = self._meta('dataset_name')
            path = MessageHub.get_current_instance().get_info(
                f'{name}_ann_file', None)
            if path is None:
                raise ValueError(f'{type(self).__name__} was given no ann_file'
                                 f' and the dataset {name!r} did not name its '
                                 'own')
        if self._loaded[0] != path:
            self._loaded = (path, self._load(path))
        return path, self._loaded[1]

    @staticmethod
    def _by_image(results: Sequence[dict], image_ids: Collection[int],
                  path: str) -> Dict[int, List[dict]]:
        """Predictions per image, ordered by sample id, each id once: samples
        repeated to even out several processes share it."""
        if not results:
            raise ValueError('there are no predictions to score: the dataset '
                             f'gave no sample ({path})')
        unknown = {r['img_id'] for r in results}.difference(image_ids)
        if unknown:
            raise ValueError(
                f'{path}: {len(unknown)} image ids of the predictions are not '
                f'in {Path(path).name}: {sorted(unknown)[:5]}; it lists ids '
                f'like {list(image_ids)[:3]}. Is it that of the evaluated '
                'dataset?')
        found: Dict[int, Dict[int, dict]] = {}
        for result in sorted(results, key=lambda r: r['id']):
            found.setdefault(result['img_id'],
                             {}).setdefault(result['id'], result)
        return {image: list(found[image].values()) for image in found}

    def _stack(self, results: Sequence[dict],
               num_keypoints: int) -> Dict[str, np.ndarray]:
        """The persons of several results; without any, arrays of none."""
        shapes = dict(
            self.FIELDS,
            keypoints=(num_keypoints, 2),
            scores=(num_keypoints, ))
        persons = {
            key:
            np.concatenate([np.zeros((0, *shape)), *(r[key] for r in results)])
            for key, shape in shapes.items()
        }
        persons['track_ids'] = persons['track_ids'].astype(np.int64)
        return persons

    def _box_source(self) -> str:
        if self.box_source is not None:
            return self.box_source
        return str((self.dataset_meta or {}).get('box_source', 'not stated'))

    def _keypoint_names(self) -> List[str]:
        return [n for _, n in sorted(self._meta('keypoint_id2name').items())]

    def _meta(self, key: str) -> Any:
        if self.dataset_meta is None or key not in self.dataset_meta:
            raise ValueError(f'{type(self).__name__} needs {key!r} of the '
                             f'dataset\'s metainfo, got {self.dataset_meta}')
        return self.dataset_meta[key]


def _to_numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


#: The formats: PoseTrack18's (also PoseTrack21's) and PoseTrack17's annolist.
OUT_FORMATS = ('posetrack18', 'posetrack17')
#: poseval refuses track ids from here on.
MAX_TRACK_ID = 10_000


def write_predictions(folder: Union[str, Path], predicted: PredictedSequence,
                      person_scores: np.ndarray, keypoint_names: Sequence[str],
                      out_format: str, info: Dict[str, Any]) -> Path:
    """Write ``<folder>/<video>.json``, a video's predictions by frame.

    They are of all K keypoints, the persons' scores (M, ). If some person has
    no track, persons are numbered within their frame, because the toolkit
    demands ids that are unique there.
    """
    if out_format not in OUT_FORMATS:
        raise ValueError(f'out_format must be one of {OUT_FORMATS}, got '
                         f'{out_format!r}')
    check_file_name(predicted.name, 'the video name')
    numbers = np.arange(predicted.num_persons) - np.searchsorted(
        predicted.frame_index, predicted.frame_index)
    tracks = predicted.track_ids
    if (tracks == NO_TRACK).any():
        tracks = numbers
    elif tracks.max(initial=0) >= MAX_TRACK_ID:
        warnings.warn(f'{predicted.name}: there is a track_id {tracks.max()}, '
                      f'but poseval refuses ids of {MAX_TRACK_ID} and more')
    if out_format == 'posetrack17':
        content = _annolist(predicted, person_scores, keypoint_names, tracks)
    else:
        content = _coco(predicted, person_scores, keypoint_names, tracks,
                        numbers)
    path = Path(folder) / f'{predicted.name}.json'
    write_json(path, dict(content, info=info))
    return path


def _coco(predicted: PredictedSequence, person_scores: np.ndarray,
          keypoint_names: Sequence[str], tracks: np.ndarray,
          numbers: np.ndarray) -> Dict[str, Any]:
    image_ids = predicted.frame_ids[predicted.frame_index]
    # v is 1 for a joint that is there and 0 for one that is not
    keypoints = np.concatenate(
        [predicted.keypoints, predicted.present[..., None]], axis=-1)
    keypoints[~predicted.present] = 0
    named = zip(predicted.frame_ids, predicted.frame_names)
    images = [dict(id=i, file_name=name) for i, name in named]
    annotations = [
        dict(
            id=int(image_ids[i]) * 100 + int(numbers[i]),
            image_id=image_ids[i],
            category_id=1,
            track_id=tracks[i],
            keypoints=keypoints[i].ravel(),
            scores=predicted.scores[i],
            score=person_scores[i]) for i in range(predicted.num_persons)
    ]
    # the toolkit knows the neck by this name only
    names = ['head_bottom' if n == 'neck' else n for n in keypoint_names]
    person = dict(id=1, name='person', supercategory='person', keypoints=names)
    return dict(images=images, annotations=annotations, categories=[person])


def _annolist(predicted: PredictedSequence, person_scores: np.ndarray,
              keypoint_names: Sequence[str],
              tracks: np.ndarray) -> Dict[str, Any]:
    columns = joint_columns(keypoint_names, 'dataset metainfo')
    present = predicted.present[:, columns]
    frames: List[Dict[str, Any]] = [
        dict(image=[dict(name=name)], imgnum=[i + 1], annorect=[])
        for i, name in enumerate(predicted.frame_names)
    ]
    for i, frame in enumerate(predicted.frame_index):
        ids = np.flatnonzero(present[i])
        joints = predicted.keypoints[i, columns][ids]
        # the format's box is the head's; of predictions nobody reads it
        box = np.concatenate([joints.min(axis=0), joints.max(axis=0)])
        frames[frame]['annorect'].append(
            anno_rect(box, person_scores[i], tracks[i], joints,
                      predicted.scores[i, columns][ids], ids.tolist()))
    return dict(annolist=frames)
