"""MOTA of joints: known answers and the toolkit's corner cases."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation import POSEVAL_JOINTS, MotCounter

J = len(POSEVAL_JOINTS)


@pytest.fixture
def mot(scored):
    """``mot(frames)``: the result of one video with these frames."""

    def compute(frames):
        counter = MotCounter()
        counter.add(*scored(frames))
        return counter.result()

    return compute


def test_perfect_tracks(mot, frame, person):
    both = [person(), person(y=500)]
    result = mot([frame(both, both)] * 4)
    np.testing.assert_array_equal(result.mota, 100)
    np.testing.assert_array_equal(result.motp, 100)
    np.testing.assert_array_equal(result.precision, 100)
    np.testing.assert_array_equal(result.recall, 100)
    assert result.by_joint()['mota']['total'] == 100
    # the last frame of a video does not count
    assert result.num_frames == 3
    np.testing.assert_array_equal(result.num_objects, 6)


def test_misses_false_positives_and_switches(mot, frame, person):
    gt = [person(), person(y=500)]
    frames = [
        frame(gt, gt, pred_tracks=[7, 8]),
        frame(gt, gt[:1], pred_tracks=[7]),  # one missed
        frame(gt, [gt[0], person(y=900)], pred_tracks=[7, 9]),  # and one false
        frame(gt, gt, pred_tracks=[8, 7]),  # two switches
        frame(gt, [])
    ]
    result = mot(frames)
    np.testing.assert_array_equal(result.num_objects, 8)
    np.testing.assert_array_equal(result.num_misses, 2)
    np.testing.assert_array_equal(result.num_false_positives, 1)
    np.testing.assert_array_equal(result.num_switches, 2)
    np.testing.assert_allclose(result.mota, 100 * (1 - 5 / 8))
    np.testing.assert_allclose(result.precision, 100 * 6 / 7)
    np.testing.assert_allclose(result.recall, 100 * 6 / 8)


def test_a_track_in_reach_is_kept_though_another_is_nearer(mot, frame, person):
    frames = [
        frame([person()], [person()], pred_tracks=[1]),
        frame([person()], [person(), person(9)], pred_tracks=[2, 1]),
        frame([person()], [person(), person(16)], pred_tracks=[2, 1]),
        frame([person()])
    ]
    result = mot(frames)
    # out of reach at last: one switch
    np.testing.assert_array_equal(result.num_switches, 1)
    np.testing.assert_allclose(result.distance_sum, 0.3)
    np.testing.assert_allclose(result.motp, 90)


def test_pairs_are_as_many_as_possible_then_as_near(mot, frame, person):
    # the nearest pair alone (0 to 6) would leave the other two apart
    crossed = mot([
        frame([person(), person(14)], [person(6), person(-8)]),
        frame([person()])
    ])
    np.testing.assert_array_equal(crossed.num_detections, 2)
    np.testing.assert_allclose(crossed.distance_sum, (8 + 8) / 30)


def test_switch_is_remembered_over_misses(mot, frame, person):
    frames = [
        frame([person()], [person()], pred_tracks=[1]),
        frame([person()], [person(y=500)], pred_tracks=[1]),
        frame([person()], [person()], pred_tracks=[2]),
        frame([person()])
    ]
    np.testing.assert_array_equal(mot(frames).num_switches, 1)


def test_frame_without_persons_on_one_side_counts_one_of_each(
        mot, frame, person):
    gt = [person(), person(y=500), person(y=900)]
    result = mot([frame(gt, gt), frame(gt), frame(gt, gt)])
    np.testing.assert_array_equal(result.num_objects, 4)
    np.testing.assert_array_equal(result.num_misses, 1)
    np.testing.assert_array_equal(result.num_false_positives, 1)
    assert result.lone_frames == 1


def test_video_with_one_frame_adds_nothing(mot, frame, person):
    result = mot([frame([person()], [person()])])
    assert result.single_frame_videos == ['video']
    assert np.isnan(result.mota).all()
    np.testing.assert_array_equal(result.motp, 0)
    assert np.isnan(result.by_joint()['mota']['total'])


def test_joint_without_gt_is_left_out_of_the_total(mot, frame, person):
    present = np.ones((1, J), dtype=bool)
    present[0, 3] = False
    result = mot([frame([person()], [person()], gt_present=present)] * 2)
    assert np.isnan(result.mota[3])
    assert result.num_false_positives[3] == 1
    assert result.by_joint()['mota']['total'] == 100


def test_tracks_of_two_videos_have_nothing_to_do_with_each_other(
        scored, frame, person):
    counter = MotCounter()
    for track in (1, 2):
        counter.add(
            *scored([frame([person()], [person()], pred_tracks=[track])] * 2))
    np.testing.assert_array_equal(counter.result().num_switches, 0)


@pytest.mark.parametrize('side', ['annotated', 'predicted'])
def test_track_ids_must_be_there_and_unique(mot, frame, person, side):
    key = 'gt_tracks' if side == 'annotated' else 'pred_tracks'
    both = [person(), person(y=500)]
    with pytest.raises(
            ValueError, match=f'{side} in video/000001.jpg has no track_id'):
        mot([frame(both, both), frame(both, both, **{key: [0, -1]})])
    with pytest.raises(
            ValueError,
            match=f'two persons {side} in video/000001.jpg have '
            'the track_id 4'):
        mot([frame(both, both), frame(both, both, **{key: [4, 4]})])
