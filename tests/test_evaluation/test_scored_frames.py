"""Which frames, persons and joints are scored."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation import (POSEVAL_JOINTS, pair_frames, poseval_ap,
                                    scored_frames)

J = len(POSEVAL_JOINTS)


def test_presence_rules_choose_frames(video, frame, person):
    frames = [
        frame([person()], [person()]),
        frame([], [person()]),
        frame([], [person()], annotated=True),
        frame([person()], [person()], labelled=False),
        frame([], [person()], labelled=False)
    ]

    def kept(**rules):
        annotated, predicted = scored_frames(*video(frames), **rules)
        assert annotated.frame_names == predicted.frame_names
        return [int(name[-5]) for name in annotated.frame_names]

    assert kept() == [0, 2]
    # poseval scores whatever has persons, PoseTrack21 whatever is labelled
    assert kept(unlabelled='score') == [0, 2, 3]
    assert kept(presence='posetrack21') == [0, 1, 2]


def test_box_only_frame_halves_the_ap_if_it_is_scored(video, frame, person):
    boxes = frame([person()], [person()], [1.],
                  np.zeros((1, J)),
                  labelled=False)
    good = frame([person()], [person()], [.5])
    pair = video([boxes, good])
    assert poseval_ap([scored_frames(*pair)]).mean == 100
    assert poseval_ap([scored_frames(*pair, unlabelled='score')]).mean == 50


def test_presence_rules_choose_joints(video, frame, person):
    moved = person()
    moved[0] = [-3., 7.]
    moved[1] = [0., 9.]
    frames = [frame([moved], [moved])]
    for presence, expected in (('poseval', J), ('posetrack21', J - 2)):
        annotated, predicted = scored_frames(*video(frames), presence=presence)
        assert annotated.present.sum() == predicted.present.sum() == expected


def test_rules_that_do_not_exist(video, frame, person):
    pair = video([frame([person()], [person()])])
    with pytest.raises(ValueError, match="presence .* got 'coco'"):
        scored_frames(*pair, presence='coco')
    with pytest.raises(ValueError, match="unlabelled .* got 'drop'"):
        scored_frames(*pair, unlabelled='drop')
    with pytest.raises(ValueError, match='contradicts'):
        scored_frames(*pair, presence='posetrack21', unlabelled='score')


def test_scored_persons_need_a_head_box(video, frame, person):
    headless = frame([person()], [person()],
                     labelled=False,
                     head=np.full(4, np.nan))
    pair = video([frame([person()]), headless])
    scored_frames(*pair)
    with pytest.raises(ValueError, match='000001.jpg has no head box'):
        scored_frames(*pair, unlabelled='score')


def test_ignore_region_removes_joints_on_both_sides(scored, frame, person):
    # the box holds the joints 0 and 1; joint 2 is on its border: scored
    region = [(-50, 900), (200, 900), (200, 1100), (-50, 1100)]
    wrong = person()
    wrong[:2, 1] += 50
    result = poseval_ap(
        [scored([frame([person()], [wrong], regions=[region])])])
    np.testing.assert_array_equal(result.num_gt[:3], [0, 0, 1])
    np.testing.assert_array_equal(result.num_pred[:3], [0, 0, 1])
    np.testing.assert_array_equal(result.ap, [0, 0] + 13 * [100])


def test_ignore_region_removes_persons_left_empty(scored, frame, person):
    region = [(-100, -100), (9000, -100), (9000, 1100), (-100, 1100)]
    inside, outside = person(), person(y=500)
    annotated, predicted = scored(
        [frame([inside, outside], [outside, inside], regions=[region])])
    assert annotated.keypoints.tolist() == [outside.tolist()]
    assert predicted.keypoints.tolist() == [outside.tolist()]
    # the frame stays, without any person: its predictions are all false
    lonely = frame([inside], [outside], [1.], regions=[region])
    good = frame([outside], [outside], [.5])
    assert poseval_ap([scored([lonely, good])]).mean == 50


def test_persons_without_joints_go_only_where_there_are_regions(
        scored, frame, person):
    nothing = np.zeros((1, J))
    region = [(0, 0), (1, 0), (0, 1)]
    annotated, predicted = scored([
        frame([person()], [person()], None, nothing, nothing),
        frame([person()], [person()], None, nothing, nothing, [region])
    ])
    assert annotated.frame_index.tolist() == [0]
    assert predicted.frame_index.tolist() == [0]
    assert annotated.num_frames == 2


def test_regions_are_those_of_their_own_frame(scored, frame, person):
    everything = [(-100, -100), (9000, -100), (9000, 9000), (-100, 9000)]
    annotated, predicted = scored([
        frame([person()], [person()]),
        frame([person()], [person()], regions=[everything]),
        frame([person()], [person()], regions=[[(0, 0), (1, 0), (0, 1)]])
    ])
    assert annotated.frame_index.tolist() == [0, 2]
    assert predicted.frame_index.tolist() == [0, 2]
    assert annotated.present.all() and predicted.present.all()


def test_ignore_region_may_cross_itself(scored, frame, person):
    # a bow tie: the crossing splits it into two triangles, both inside
    bow_tie = [(0, 0), (100, 100), (100, 0), (0, 100)]
    points = person()
    points[:4] = [(10, 50), (90, 50), (50, 10), (50, 90)]
    annotated, _ = scored([frame([points], regions=[bow_tie])])
    np.testing.assert_array_equal(annotated.present[0, :4],
                                  [False, False, True, True])


def test_frames_are_paired_by_number_not_by_position(video, frame, person):
    annotated, predicted = video([
        frame([person()], [person(), person(1)]),
        frame([person()], []),
        frame([person()], [person(2)])
    ])
    names = [predicted.frame_names[i] for i in (2, 0, 1)]
    shuffled = predicted.replace(
        frame_names=[name.replace('video', 'elsewhere') for name in names],
        frame_index=np.array([0, 1, 1]),
        keypoints=predicted.keypoints[[2, 0, 1]])
    paired = pair_frames(annotated, shuffled)
    assert paired.frame_index.tolist() == [0, 0, 2]
    np.testing.assert_array_equal(paired.keypoints, predicted.keypoints)
    assert paired.frame_names == annotated.frame_names


@pytest.mark.parametrize('keep, what', [(slice(2), 'lack frames'),
                                        (slice(4), 'list frames')])
def test_unpaired_frames_are_named(video, frame, keep, what):
    annotated, _ = video([frame()] * 3)
    _, predicted = video([frame()] * 4)
    predicted = predicted.slice_frames(keep.start or 0, keep.stop, 'v')
    with pytest.raises(ValueError, match=f'{what}.* 1 of them: .*video/00000'):
        pair_frames(annotated, predicted)
