"""What became of every annotated joint, and what every predicted one is.

Each annotated joint has exactly one of :data:`OUTCOMES`, each predicted joint
exactly one of :data:`PREDICTIONS`, so that the shares of a table add up.
Persons are matched as in PoseTrack's AP, a joint is hit within half a head
size as there; the hits are those that the AP counts.

Shape shorthand: N annotated and M predicted persons of a video, J = 15
joints.
"""
from typing import Tuple

import numpy as np

from ..functional import (HIT_THRESHOLD, POSEVAL_JOINTS, AnnotatedSequence,
                          PersonMatching, PredictedSequence, head_sizes)

#: Of an annotated joint. Those of a matched person that are not hit, in the
#: order in which they are tried: the person's prediction lacks the joint; it
#: is within reach of the joint of the person's other side; it is near; it is
#: within reach of another person's joint of the same name; none of these.
OUTCOMES = ('hit', 'person_missed', 'not_predicted', 'swap', 'near',
            'other_person', 'far')
#: Of a predicted joint. False positives: of a prediction that is matched to
#: nobody; of a joint that the matched person lacks; beside the joint.
PREDICTIONS = ('hit', 'no_person', 'not_annotated', 'misplaced')
#: Up to so many head sizes a miss is near.
NEAR_LIMIT = 1.
#: What stands for a joint that is absent.
ABSENT = -1


def _mirror() -> np.ndarray:
    """The joint of the other side; a joint without side is its own."""

    def other_side(name: str) -> str:
        side, _, rest = name.partition('_')
        return f'{dict(left="right", right="left").get(side, side)}_{rest}'

    names = [
        other_side(name) if name.startswith(('left_', 'right_')) else name
        for name in POSEVAL_JOINTS
    ]
    return np.array([POSEVAL_JOINTS.index(name) for name in names])


#: By joint the joint of the other side, (J, ).
MIRROR = _mirror()


def joint_outcomes(
        annotated: AnnotatedSequence,
        predicted: PredictedSequence,
        matching: PersonMatching,
        near_limit: float = NEAR_LIMIT) -> Tuple[np.ndarray, np.ndarray]:
    """Outcomes of all joints of a video.

    Args:
        annotated (AnnotatedSequence): The scored frames of a video.
        predicted (PredictedSequence): Predictions in the same frames.
        matching (PersonMatching): Who is matched to whom.
        near_limit (float): Up to how many head sizes a miss is near.

    Returns:
        tuple[np.ndarray, np.ndarray]: Places in :data:`OUTCOMES`, (N, J), and
        in :data:`PREDICTIONS`, (M, J), both int8 with :data:`ABSENT`.

    Raises:
        ValueError: If the limit is not above the threshold of a hit.
    """
    if not near_limit > HIT_THRESHOLD:
        raise ValueError('the limit of near misses must be above '
                         f'{HIT_THRESHOLD} head sizes, the threshold of a '
                         f'hit; got {near_limit!r}')
    return (_of_annotated(annotated, predicted, matching, near_limit),
            _of_predicted(annotated, predicted, matching))


def _of_annotated(annotated: AnnotatedSequence, predicted: PredictedSequence,
                  matching: PersonMatching, near_limit: float) -> np.ndarray:
    outcome = np.full(annotated.present.shape, ABSENT, dtype=np.int8)
    persons = np.flatnonzero(matching.gt_to_pred >= 0)
    outcome[annotated.present] = OUTCOMES.index('person_missed')
    partner = matching.gt_to_pred[persons]

    gt, gt_present = annotated.keypoints[persons], annotated.present[persons]
    pred = predicted.keypoints[partner]
    sizes = head_sizes(annotated.head_boxes)[persons, None]
    # a head box without extent makes the distance infinite or NaN: far
    with np.errstate(divide='ignore', invalid='ignore'):
        own = np.linalg.norm(pred - gt, axis=-1) / sizes
        mirrored = np.linalg.norm(pred - gt[:, MIRROR], axis=-1) / sizes
    has_side = MIRROR != np.arange(len(MIRROR))
    # the first condition that holds decides
    conditions = dict(
        hit=matching.hits[partner],
        not_predicted=~predicted.present[partner],
        swap=(mirrored <= HIT_THRESHOLD) & gt_present[:, MIRROR] & has_side,
        near=own <= near_limit,
        other_person=_hits_of_others(matching, predicted)[partner])
    found = np.select(
        list(conditions.values()),
        [OUTCOMES.index(name) for name in conditions], OUTCOMES.index('far'))
    outcome[persons] = np.where(gt_present, found, ABSENT)
    return outcome


def _of_predicted(annotated: AnnotatedSequence, predicted: PredictedSequence,
                  matching: PersonMatching) -> np.ndarray:
    matched = matching.pred_to_gt >= 0
    lacks = np.ones(predicted.present.shape, dtype=bool)
    lacks[matched] = ~annotated.present[matching.pred_to_gt[matched]]
    # the first condition that holds decides
    conditions = dict(
        no_person=~matched[:, None], not_annotated=lacks, hit=matching.hits)
    found = np.select(
        list(conditions.values()),
        [PREDICTIONS.index(name) for name in conditions],
        PREDICTIONS.index('misplaced'))
    return np.where(predicted.present, found, ABSENT).astype(np.int8)


def _hits_of_others(matching: PersonMatching,
                    predicted: PredictedSequence) -> np.ndarray:
    """Which predicted joints hit a person they are not matched to."""
    result = np.zeros(predicted.present.shape, dtype=bool)
    others = matching.pair_gt != matching.pred_to_gt[matching.pair_pred]
    np.logical_or.at(result, matching.pair_pred[others],
                     matching.distances[others] <= HIT_THRESHOLD)
    return result
