"""The joints of all videos in flat arrays, with what they are sliced by.

Shape shorthand: F frames, N annotated and M predicted persons of a video, J =
15 joints; n annotated and m predicted joints of all videos.
"""
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Union

import numpy as np

from ..functional import (AnnotatedSequence, PredictedSequence, crowd_index,
                          head_sizes, load_annotations, match_persons,
                          pair_frames, read_predictions, scored_frames)
from ..functional.json_fields import field_column, get_records, read_json
from .outcomes import ABSENT, NEAR_LIMIT, joint_outcomes
from .speeds import joint_speeds

PathLike = Union[str, Path]


@dataclass
class JointErrors:
    """Joints with their outcomes.

    Args:
        joint (np.ndarray): Which of the J joints an annotated one is, (n, ).
        outcome (np.ndarray): Its place in ``OUTCOMES``, (n, ).
        visibility (np.ndarray): What the file says of it, v, (n, ); NaN where
            it says nothing.
        head_size (np.ndarray): The person's head size in pixels, (n, ).
        speed (np.ndarray): In head sizes per frame, (n, ); NaN if unknown.
        crowd (np.ndarray): Crowd index of the frame, (n, ).
        pred_joint (np.ndarray): Which joint a predicted one is, (m, ).
        pred_outcome (np.ndarray): Its place in ``PREDICTIONS``, (m, ).
        pred_score (np.ndarray): Its score, (m, ).
        pred_gt (np.ndarray): The annotated joint, of n, that it was meant
            for, (m, ); -1 for none.
        pred_crowd (np.ndarray): Crowd index of the frame, (m, ).
        videos (list[str]): The videos.
        num_frames (int): Scored frames.
    """
    joint: np.ndarray
    outcome: np.ndarray
    visibility: np.ndarray
    head_size: np.ndarray
    speed: np.ndarray
    crowd: np.ndarray
    pred_joint: np.ndarray
    pred_outcome: np.ndarray
    pred_score: np.ndarray
    pred_gt: np.ndarray
    pred_crowd: np.ndarray
    videos: List[str]
    num_frames: int

    @classmethod
    def join(cls, parts: Sequence['JointErrors']) -> 'JointErrors':
        """The joints of several videos as one.

        Args:
            parts (Sequence[JointErrors]): At least one.

        Returns:
            JointErrors: All of them, in this order.
        """
        starts = np.cumsum([0] + [len(part.joint) for part in parts])
        values = {
            field.name: [getattr(part, field.name) for part in parts]
            for field in fields(cls)
        }
        values['pred_gt'] = [
            np.where(part.pred_gt < 0, -1, part.pred_gt + start)
            for part, start in zip(parts, starts)
        ]
        joined = {
            name: np.concatenate(value)
            for name, value in values.items()
            if name not in ('videos', 'num_frames')
        }
        return cls(
            **joined,
            videos=[name for part in parts for name in part.videos],
            num_frames=sum(values['num_frames']))


def video_errors(annotated: AnnotatedSequence,
                 predicted: PredictedSequence,
                 frame_numbers: Optional[np.ndarray] = None,
                 near_limit: float = NEAR_LIMIT) -> JointErrors:
    """The joints of a video.

    Args:
        annotated (AnnotatedSequence): The scored frames of a video.
        predicted (PredictedSequence): Predictions in the same frames.
        frame_numbers (np.ndarray, optional): The frames' numbers, (F, ).
            Defaults to None: no speed is known.
        near_limit (float): Up to how many head sizes a miss is near.

    Returns:
        JointErrors: Its joints.
    """
    matching = match_persons(annotated, predicted)
    outcome, pred_outcome = joint_outcomes(annotated, predicted, matching,
                                           near_limit)
    person, joint = np.nonzero(outcome != ABSENT)
    number = np.full(outcome.shape, -1)
    number[person, joint] = np.arange(len(person))
    pred_person, pred_joint = np.nonzero(pred_outcome != ABSENT)
    partner = matching.pred_to_gt[pred_person]

    speed = np.full(outcome.shape, np.nan)
    if frame_numbers is not None:
        speed = joint_speeds(annotated, frame_numbers)
    crowd = _crowd_indices(annotated)
    return JointErrors(
        joint=joint,
        outcome=outcome[person, joint],
        visibility=annotated.visibility[person, joint],
        head_size=head_sizes(annotated.head_boxes)[person],
        speed=speed[person, joint],
        crowd=crowd[annotated.frame_index[person]],
        pred_joint=pred_joint,
        pred_outcome=pred_outcome[pred_person, pred_joint],
        pred_score=predicted.scores[pred_person, pred_joint],
        pred_gt=(np.where(partner < 0, -1, number[partner, pred_joint])
                 if len(number) else np.full(len(partner), -1)),
        pred_crowd=crowd[predicted.frame_index[pred_person]],
        videos=[annotated.name],
        num_frames=annotated.num_frames)


def collect_errors(pred_dir: PathLike,
                   ann_file: PathLike,
                   presence: str = 'poseval',
                   near_limit: float = NEAR_LIMIT) -> JointErrors:
    """The joints of all videos of an annotation file.

    Args:
        pred_dir (str | Path): Predictions, one official json for each video,
            as ``PoseTrackMetric`` writes them with ``out_dir``.
        ann_file (str | Path): Converted or merged annotation file.
        presence (str): Which frames and joints count, see
            :func:`~mmpose_tdmi.evaluation.functional.scored_frames`.
        near_limit (float): Up to how many head sizes a miss is near.

    Returns:
        JointErrors: The joints, videos in alphabetical order.

    Raises:
        FileNotFoundError: If the folder or a file is missing.
        ValueError: If a file is malformed, there are predictions of other
            videos, frames do not agree, or nothing is to be scored.
    """
    pred_dir = Path(pred_dir)
    if not pred_dir.is_dir():
        raise FileNotFoundError(f'there is no folder {pred_dir}')
    videos = load_annotations(ann_file)
    numbers = _frame_numbers(ann_file)
    found = {path.stem for path in pred_dir.glob('*.json')}
    for what, names, error in (
        ('predictions are missing of', set(videos) - found, FileNotFoundError),
        ('there are predictions of videos that the annotation does not list,',
         found - set(videos), ValueError)):
        if names:
            raise error(f'{pred_dir}: {what} {len(names)} videos: '
                        f'{sorted(names)[:3]}; {ann_file} lists videos such '
                        f'as {sorted(videos)[:3]}')
    parts = []
    for name, annotated in videos.items():
        predicted = read_predictions(pred_dir / f'{name}.json')
        annotated, predicted = scored_frames(annotated,
                                             pair_frames(annotated, predicted),
                                             presence)
        of_frames = np.array(
            [numbers[i] for i in annotated.frame_ids.tolist()])
        parts.append(video_errors(annotated, predicted, of_frames, near_limit))
    errors = JointErrors.join(parts) if parts else None
    if errors is None or errors.num_frames == 0:
        raise ValueError(f'{ann_file}: no frame is labelled and has a person, '
                         'there is nothing to score')
    return errors


def _frame_numbers(ann_file: PathLike) -> Dict[int, int]:
    """The images' frame numbers by their ids."""
    images = get_records(read_json(ann_file), 'images', str(ann_file))

    def describe(index: int) -> str:
        return f'{ann_file}: images[{index}]'

    return dict(
        zip(
            field_column(images, 'id', (int, ), describe),
            field_column(images, 'frame_id', (int, ), describe)))


def _crowd_indices(annotated: AnnotatedSequence) -> np.ndarray:
    """The crowd index of every frame, (F, )."""
    starts = np.searchsorted(annotated.frame_index,
                             np.arange(annotated.num_frames + 1))
    return np.array([
        crowd_index(annotated.keypoints[a:b], annotated.present[a:b],
                    annotated.boxes[a:b])
        for a, b in zip(starts[:-1], starts[1:])
    ])
