"""IDF1: known answers, and what it has to be by its definition."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import (POSEVAL_JOINTS,
                                               AnnotatedSequence,
                                               PredictedSequence)
from projects.performance.idf1 import Idf1Counter

JOINTS = len(POSEVAL_JOINTS)


def place(x: float) -> np.ndarray:
    """A person's joints, (J, 2), all within a few pixels."""
    return np.stack([x + np.arange(JOINTS), np.full(JOINTS, 50.)], axis=1)


def common(tracks) -> dict:
    """Fields of a sequence; ``tracks``: (frame, track id, x) by frame."""
    num_frames = max(frame for frame, _, _ in tracks) + 1
    persons = len(tracks)
    return dict(
        name='video',
        frame_names=[f'{i}.jpg' for i in range(num_frames)],
        frame_ids=np.arange(num_frames),
        frame_index=np.array([t[0] for t in tracks]),
        keypoints=np.array([place(t[2]) for t in tracks]),
        present=np.ones((persons, JOINTS), dtype=bool),
        track_ids=np.array([t[1] for t in tracks]))


def annotated(tracks) -> AnnotatedSequence:
    """Heads of 20 pixels: 10 pixels are too far."""
    fields = common(tracks)
    persons, frames = len(tracks), len(fields['frame_names'])
    side = 20 / 0.6 / 2**0.5
    return AnnotatedSequence(
        **fields,
        head_boxes=np.tile([0, 0, side, side], (persons, 1)),
        boxes=np.full((persons, 4), np.nan),
        visibility=np.ones((persons, JOINTS)),
        labelled=np.ones(frames, dtype=bool),
        annotated=np.ones(frames, dtype=bool),
        ignore_regions=[[] for _ in range(frames)])


def predicted(tracks) -> PredictedSequence:
    return PredictedSequence(
        **common(tracks), scores=np.ones((len(tracks), JOINTS)))


def score(truth, found):
    counter = Idf1Counter()
    counter.add(annotated(truth), predicted(found))
    return counter.result()


TRUTH = [(f, t, 100 + 200 * t) for f in range(10) for t in range(2)]


def test_perfect_tracks_whatever_they_are_called():
    found = [(f, 7 - 4 * t, x + 3) for f, t, x in TRUTH]
    assert score(TRUTH, found).idf1 == pytest.approx(np.full(JOINTS, 100))


def test_a_change_in_the_middle_costs_by_its_length():
    # person 0 is called 0 for seven frames, then 5
    found = [(f, 5 if t == 0 and f >= 7 else t, x) for f, t, x in TRUTH]
    result = score(TRUTH, found)
    # 17 of 20 agree on either side
    assert result.idf1 == pytest.approx(np.full(JOINTS, 85))
    assert result.by_joint()['precision']['total'] == pytest.approx(85)


def test_swapped_identities_and_misses():
    # they swap after six frames, and person 1 is missed in the last two
    found = [(f, t if f < 6 else 1 - t, x) for f, t, x in TRUTH
             if not (t == 1 and f >= 8)]
    # best: 6 + 6 agree, of 20 annotated and 18 predicted
    result = score(TRUTH, found)
    assert result.idf1 == pytest.approx(np.full(JOINTS, 100 * 24 / 38))
    assert result.recall == pytest.approx(np.full(JOINTS, 60))
    assert result.precision == pytest.approx(np.full(JOINTS, 100 * 12 / 18))


def test_points_out_of_reach_do_not_agree():
    found = [(f, t, x + 10.1) for f, t, x in TRUTH]
    assert score(TRUTH, found).idf1 == pytest.approx(np.zeros(JOINTS))
    found = [(f, t, x + 9.9) for f, t, x in TRUTH]
    assert score(TRUTH, found).idf1 == pytest.approx(np.full(JOINTS, 100))


def test_the_assignment_is_over_the_whole_video():
    # greedily by time, 0 would go to track 0 for its first frames
    truth = [(f, 0, 100) for f in range(10)]
    found = [(f, 0 if f < 4 else 1, 100) for f in range(10)]
    assert score(truth,
                 found).num_agreeing == pytest.approx(np.full(JOINTS, 6))


def test_videos_are_pooled_by_counts():
    counter = Idf1Counter()
    counter.add(annotated(TRUTH), predicted(TRUTH))
    short = TRUTH[:2]
    counter.add(annotated(short), predicted([(0, 0, 900.)]))
    assert counter.result().idf1 == pytest.approx(
        np.full(JOINTS, 100 * 40 / 43))


def test_nothing_predicted_and_nothing_at_all():
    counter = Idf1Counter()
    assert np.isnan(counter.result().idf1).all()
    nobody = predicted(TRUTH).select_persons(np.zeros(len(TRUTH), bool))
    counter.add(annotated(TRUTH), nobody)
    assert counter.result().idf1 == pytest.approx(np.zeros(JOINTS))
