"""MOTA and HOTA of joints: known answers and the toolkits' corner cases."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation import POSEVAL_JOINTS, HotaCounter, MotCounter

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


@pytest.fixture
def hota(scored):
    """``hota(frames)``: the result of one video with these frames."""

    def compute(frames, **kwargs):
        counter = HotaCounter(**kwargs)
        counter.add(*scored(frames))
        return counter.result()

    return compute


def totals(result):
    return {
        name: values['total']
        for name, values in result.by_joint().items()
    }


def test_perfect_tracks_are_100_in_hota(hota, frame, person):
    both = [person(), person(y=500)]
    result = hota([frame(both, both)] * 3)
    assert totals(result) == pytest.approx(
        dict(hota=100, det_a=100, ass_a=100, loc_a=100))
    assert list(result.by_joint()['hota']) == [*POSEVAL_JOINTS, 'total']
    np.testing.assert_array_equal(result.tp[:, :J], 6)
    np.testing.assert_array_equal(result.tp[:, J], 6 * J)


def test_a_split_track_halves_the_association(hota, frame, person):
    frames = [
        frame([person()], [person()], pred_tracks=[track])
        for track in (0, 0, 1, 1)
    ]
    # each of the two tracks: 2 together, 2 of the annotated one elsewhere
    assert totals(hota(frames)) == pytest.approx(
        dict(hota=100 * .5**.5, det_a=100, ass_a=50, loc_a=100))


def test_distance_counts_by_threshold(hota, frame, person):
    result = hota([frame([person()], [person(6)])] * 2)
    similarity = 1 - 0.2 / 0.5001
    found = np.arange(1, 20) * 0.05 <= similarity
    np.testing.assert_array_equal(result.tp[:, 0], 2 * found)
    np.testing.assert_array_equal(result.fn[:, 0], 2 * ~found)
    np.testing.assert_array_equal(result.fp[:, 0], 2 * ~found)
    assert totals(result)['det_a'] == pytest.approx(100 * found.mean())
    np.testing.assert_allclose(result.loc_a[found, 0], similarity)
    np.testing.assert_array_equal(result.loc_a[~found, 0], 1)


def test_pairs_have_the_largest_total_similarity(hota, frame, person):
    # greedily, 0 would go with 1 and leave 14 with what is out of reach
    result = hota([frame([person(), person(14)], [person(6), person(-8)])])
    np.testing.assert_array_equal(result.tp[0], [2] * J + [2 * J])
    np.testing.assert_allclose(result.loc_a[0, 0], 1 - 8 / 30 / 0.5001)


def test_total_pools_counts_over_joints(hota, frame, person):
    present = np.ones((1, J), dtype=bool)
    present[0, 1:] = False
    result = hota([
        frame([person()], [person()], pred_present=present),
        frame([person()], [person()], pred_present=present)
    ])
    figures = result.by_joint()
    assert figures['det_a']['right_ankle'] == 100
    assert figures['det_a']['right_knee'] == 0
    assert figures['det_a']['total'] == pytest.approx(100 / J)
    # AssA of a video is the mean over joints, weighted by the video's TP
    assert figures['ass_a']['total'] == pytest.approx(100 / J)


def test_frame_without_predictions(hota, frame, person):
    frames = [frame([person()], [person()])] * 3 + [frame([person()])]
    own = hota(frames, as_released=False)
    np.testing.assert_array_equal(own.fn[:, 0], 1)
    # the released evaluator adds the four joints of the video
    released = hota(frames)
    np.testing.assert_array_equal(released.fn[:, 0], 4)
    np.testing.assert_array_equal(released.tp, own.tp)
    assert released.lone_frames == own.lone_frames == 1


@pytest.mark.parametrize('as_released', [True, False])
def test_video_without_predictions(hota, frame, person, as_released):
    result = hota([frame([person()])] * 3, as_released=as_released)
    np.testing.assert_array_equal(result.fn[:, 0], 3)
    assert totals(result) == dict(hota=0, det_a=0, ass_a=0, loc_a=100)
    assert result.lone_frames == 0


def test_videos_are_weighted_by_what_is_found(scored, frame, person):
    counter = HotaCounter()
    counter.add(*scored([frame([person()], [person()])] * 3))
    split = [
        frame([person()], [person()], pred_tracks=[track]) for track in (0, 1)
    ]
    counter.add(*scored(split))
    figures = totals(counter.result())
    assert figures['ass_a'] == pytest.approx(100 * (3 * 1 + 2 * .5) / 5)
    assert figures['det_a'] == pytest.approx(100)


def test_track_ids_are_needed(hota, frame, person):
    with pytest.raises(ValueError, match='has no track_id'):
        hota([frame([person()], [person()], pred_tracks=[-1])])
