"""What is kept of a test: enough to compute and resample every figure.

The truth about the validation set is the same for all runs and kept once;
of a run there remains, for every joint of every person, whether it was hit,
and the rank of its score among those of the same joint. AP, which depends on
nothing else, is exact, and so are its bootstrap replicates.

Shape shorthand: R persons in the scored frames of all videos, in the order of
videos, frames and annotation ids; J = 15 scored joints.
"""
import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np

from mmpose_tdmi.datasets.converters.common import KEYPOINT_NAMES
from mmpose_tdmi.evaluation.functional import (AnnotatedSequence,
                                               PredictedSequence, head_sizes,
                                               joint_columns, load_annotations,
                                               match_persons, pair_frames,
                                               read_predictions, scored_frames)
from mmpose_tdmi.evaluation.functional.ap import HIT_THRESHOLD

_HIT, _OWN_HIT, _SCORED = 1, 2, 4


@dataclass(frozen=True)
class Truth:
    """What is known of the persons of a validation set.

    Args:
        videos (list[str]): Names of the videos.
        difficulties (list[str]): The difficulty of each video.
        video (np.ndarray): The video of each person, (R, ).
        slices (np.ndarray): The bits of each joint (see
            :data:`.slices.SLICES`), (R, J); 0 for joints that are not there
            or lie in an ignore region.
    """
    videos: List[str]
    difficulties: List[str]
    video: np.ndarray
    slices: np.ndarray

    def to_json(self) -> dict:
        """dict: For a json file; :meth:`from_json` is the inverse."""
        return dict(
            videos=self.videos,
            difficulties=self.difficulties,
            video=pack(self.video, np.uint16),
            slices=pack(self.slices, np.uint8))

    @classmethod
    def from_json(cls, content: dict) -> 'Truth':
        """The inverse of :meth:`to_json`."""
        return cls(content['videos'], content['difficulties'],
                   unpack(content['video'], np.uint16).astype(np.int64),
                   unpack(content['slices'], np.uint8))


@dataclass(frozen=True)
class RunRecords:
    """What a model made of these persons.

    Args:
        hits (np.ndarray): Joints hit under PoseTrack's matching of persons,
            (R, J) bool.
        own_hits (np.ndarray): Joints within 0.5 head sizes of those of the
            person whose box they were predicted in, (R, J) bool.
        scored (np.ndarray): Predictions that count for AP, all but those in
            ignore regions, (R, J) bool.
        ranks (np.ndarray): Ranks of the scores among all of a joint, from 0,
            the lowest, (R, J).
    """
    hits: np.ndarray
    own_hits: np.ndarray
    scored: np.ndarray
    ranks: np.ndarray

    def to_json(self) -> dict:
        """dict: For a json file; :meth:`from_json` is the inverse."""
        flags = (
            self.hits * _HIT + self.own_hits * _OWN_HIT +
            self.scored * _SCORED)
        return dict(
            flags=pack(flags, np.uint8), ranks=pack(self.ranks, np.uint16))

    @classmethod
    def from_json(cls, content: dict) -> 'RunRecords':
        """The inverse of :meth:`to_json`."""
        flags = unpack(content['flags'], np.uint8)
        return cls((flags & _HIT) > 0, (flags & _OWN_HIT) > 0,
                   (flags & _SCORED) > 0,
                   unpack(content['ranks'], np.uint16).astype(np.int64))


def pack(array: np.ndarray, dtype: type) -> dict:
    """An array of small non-negative integers as shape and text.

    Raises:
        ValueError: If a value does not fit the type.
    """
    small = array.astype(dtype)
    if not np.array_equal(small, array):
        raise ValueError(f'values up to {array.max()} do not fit '
                         f'{np.dtype(dtype)}')
    data = zlib.compress(
        np.ascontiguousarray(small.astype(small.dtype.newbyteorder('<'))), 9)
    return dict(shape=list(array.shape), data=base64.b64encode(data).decode())


def unpack(content: dict, dtype: type) -> np.ndarray:
    """The inverse of :func:`pack`."""
    data = zlib.decompress(base64.b64decode(content['data']))
    little = np.dtype(dtype).newbyteorder('<')
    return np.frombuffer(data, little).reshape(content['shape']).astype(dtype)


def read_truth(ann_file: Path, difficulty: Callable[[int], str]) -> Truth:
    """The truth in a validation annotation with ``slices``.

    Args:
        ann_file (Path): The merged annotation.
        difficulty (Callable[[int], str]): Of an image id.

    Returns:
        Truth: Of all its persons.
    """
    by_image: Dict[int, List[list]] = {}
    content = json.loads(Path(ann_file).read_text(encoding='utf-8'))
    for annotation in content['annotations']:
        by_image.setdefault(annotation['image_id'],
                            []).append(annotation['slices'])
    columns = joint_columns(KEYPOINT_NAMES, str(ann_file))
    slices, videos, difficulties, video = [], [], [], []
    for name, annotated in load_annotations(ann_file).items():
        if not annotated.num_persons:
            continue
        # the persons of a frame are in the order of the file
        bits = np.concatenate([
            np.array(by_image[image]).reshape(-1, len(KEYPOINT_NAMES))
            for image in annotated.frame_ids.tolist() if image in by_image
        ])[:, columns]
        scored = _numbered(annotated, annotated)[0]
        counts = np.zeros(bits.shape, dtype=bool)
        counts[scored.track_ids] = scored.present
        slices.append(np.where(counts, bits, 0))
        video += [len(videos)] * annotated.num_persons
        videos.append(name)
        difficulties.append(difficulty(int(annotated.frame_ids[0])))
    return Truth(videos, difficulties, np.array(video), np.concatenate(slices))


def read_run(ann_file: Path, predictions: Path) -> RunRecords:
    """What a model made of a validation set with ground-truth boxes.

    Args:
        ann_file (Path): The merged annotation.
        predictions (Path): Folder with the metric's prediction files, one a
            video.

    Returns:
        RunRecords: Of all persons.

    Raises:
        FileNotFoundError: If a video's file is missing.
        ValueError: If the predictions are not one for each annotated person.
    """
    parts: Dict[str, list] = dict(hits=[], own_hits=[], scored=[], scores=[])
    for name, annotated in load_annotations(ann_file).items():
        predicted = pair_frames(
            annotated, read_predictions(Path(predictions) / f'{name}.json'))
        if not np.array_equal(annotated.frame_index, predicted.frame_index):
            raise ValueError(
                f'{predictions}: expected one prediction for each of the '
                f'{annotated.num_persons} annotated persons of {name}, found '
                f'{predicted.num_persons}, or in other frames; was the model '
                'tested on ground-truth boxes?')
        for key, value in _video_records(annotated, predicted).items():
            parts[key].append(value)
    joined = {key: np.concatenate(value) for key, value in parts.items()}
    # where poseval ranks equal scores, the last comes first
    order = np.argsort(joined.pop('scores'), axis=0, kind='stable')
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(order))[:, None], axis=0)
    return RunRecords(ranks=ranks, **joined)


def _numbered(annotated: AnnotatedSequence,
              predicted: PredictedSequence) -> tuple:
    """What is scored of both, the persons' rows as their track ids."""
    rows = np.arange(annotated.num_persons)
    return scored_frames(
        annotated.replace(track_ids=rows), predicted.replace(track_ids=rows))


def _video_records(annotated: AnnotatedSequence,
                   predicted: PredictedSequence) -> Dict[str, np.ndarray]:
    shape = predicted.present.shape
    hits = np.zeros(shape, dtype=bool)
    counted = np.zeros(shape, dtype=bool)
    scored_truth, scored = _numbered(annotated, predicted)
    hits[scored.track_ids] = match_persons(scored_truth, scored).hits
    counted[scored.track_ids] = scored.present
    own = np.linalg.norm(predicted.keypoints - annotated.keypoints, axis=-1)
    reach = HIT_THRESHOLD * head_sizes(annotated.head_boxes)[:, None]
    return dict(
        hits=hits & counted,
        own_hits=(own <= reach) & annotated.present,
        scored=counted,
        scores=predicted.scores)
