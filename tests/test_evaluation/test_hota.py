"""PoseTrack21's HOTA: known answers and the released evaluator's counts."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation import POSEVAL_JOINTS, HotaCounter

J = len(POSEVAL_JOINTS)


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


def test_perfect_tracks(hota, frame, person):
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
