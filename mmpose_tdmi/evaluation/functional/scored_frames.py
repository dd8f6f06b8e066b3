"""What of a video is scored: frames, joints, persons.

Shape shorthand: F frames of a video.
"""
from typing import Tuple

import numpy as np

from .ignore_regions import drop_ignored
from .pose_sequences import AnnotatedSequence, PredictedSequence, Sequence_
from .posetrack_files import frame_keys

#: Which frames and joints count: as the poseval toolkit has it (PoseTrack17
#: and 18), or as PoseTrack21's own evaluator has it.
PRESENCE_RULES = ('poseval', 'posetrack21')
#: Whether frames that are not labelled are scored if they have persons.
UNLABELLED_RULES = ('skip', 'score')


def pair_frames(annotated: AnnotatedSequence,
                predicted: PredictedSequence) -> PredictedSequence:
    """Predictions in the frames of the ground truth.

    Frames are paired by their number in the image's name, never by position.

    Args:
        annotated (AnnotatedSequence): A video.
        predicted (PredictedSequence): Predictions for it.

    Returns:
        PredictedSequence: The same persons, in the F frames of ``annotated``.

    Raises:
        ValueError: If the two do not list the same frames, naming the first
            ones that only one of them has.
    """
    keys = frame_keys(annotated)
    found = {key: i for i, key in enumerate(frame_keys(predicted))}
    known = set(keys)
    for what, frames in (('lack frames that the ground truth lists', [
            n for n, k in zip(annotated.frame_names, keys) if k not in found
    ]), ('list frames that the ground truth does not', [
            predicted.frame_names[i] for k, i in found.items()
            if k not in known
    ])):
        if frames:
            raise ValueError(
                f'{predicted.name}: the predictions {what}, {len(frames)} of '
                f'them: {frames[:3]}. Every frame of the official file must '
                'be listed, also one without persons')
    order = np.array([found[key] for key in keys], dtype=np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    index = place[predicted.frame_index]
    rows = np.argsort(index, kind='stable')
    return predicted.replace(
        frame_names=annotated.frame_names,
        frame_ids=annotated.frame_ids,
        frame_index=index[rows],
        keypoints=predicted.keypoints[rows],
        present=predicted.present[rows],
        track_ids=predicted.track_ids[rows],
        scores=predicted.scores[rows])


def scored_frames(
        annotated: AnnotatedSequence,
        predicted: PredictedSequence,
        presence: str = 'poseval',
        unlabelled: str = 'skip'
) -> Tuple[AnnotatedSequence, PredictedSequence]:
    """Keep what is scored of a video.

    Args:
        annotated (AnnotatedSequence): The video.
        predicted (PredictedSequence): Predictions in the same frames (see
            :func:`pair_frames`).
        presence (str): ``'poseval'``: frames with at least one annotated
            person; a joint is there unless the format marks it absent
            (PoseTrack18: x = y = v = 0). ``'posetrack21'``: labelled frames;
            a joint is there if x > 0 and y > 0.
        unlabelled (str): What becomes of frames that are marked as not
            labelled: ``'skip'`` leaves them out, ``'score'`` scores those
            that list persons, as poseval does, which does not read the mark.
            PoseTrack21 has such frames, with boxes only.

    Returns:
        tuple[AnnotatedSequence, PredictedSequence]: Both with the scored
        frames only, without the joints inside ignore regions.

    Raises:
        ValueError: If an argument is not one of those described, or a person
            to be scored has no head box.
    """
    check_rules(presence, unlabelled)
    keep = np.ones(annotated.num_frames, dtype=bool)
    if unlabelled == 'skip':
        keep &= annotated.labelled
    if presence == 'poseval':
        keep &= annotated.annotated
    annotated = annotated.select_frames(keep)
    predicted = predicted.select_frames(keep)
    lacking = np.isnan(annotated.head_boxes).any(axis=1)
    if lacking.any():
        frame = annotated.frame_index[np.argmax(lacking)]
        raise ValueError(
            f'{annotated.name}: a person in {annotated.frame_names[frame]} '
            'has no head box, which the distances are measured by')
    if presence == 'posetrack21':
        annotated, predicted = _positive(annotated), _positive(predicted)
    return drop_ignored(annotated, predicted)


def check_rules(presence: str, unlabelled: str) -> None:
    """Refuse rules that do not exist or do not go together.

    Raises:
        ValueError: If that is so.
    """
    for name, value, allowed in (('presence', presence, PRESENCE_RULES),
                                 ('unlabelled', unlabelled, UNLABELLED_RULES)):
        if value not in allowed:
            raise ValueError(f'{name} must be one of {allowed}, got {value!r}')
    if presence == 'posetrack21' and unlabelled == 'score':
        raise ValueError('presence "posetrack21" scores labelled frames, '
                         'which unlabelled "score" contradicts')


def _positive(sequence: Sequence_) -> Sequence_:
    positive = (sequence.keypoints > 0).all(axis=-1)
    return sequence.replace(present=sequence.present & positive)
