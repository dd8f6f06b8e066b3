"""Results of a top-down model put together per video.

Shape shorthand: F frames of a video, M predicted persons in them, K keypoints
of the dataset's layout.
"""
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..functional import NO_TRACK, AnnotatedSequence, PredictedSequence


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
