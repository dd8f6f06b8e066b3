"""Slices of joints on hand-made annotations."""
import numpy as np

from mmpose_tdmi.datasets.converters.posetrack import make_image_id
from projects.known_truth.slices import (SLICES, add_slices, in_boxes,
                                         joint_motion)

# head size 0.6 * hypot(30, 40) = 30 pixels
HEAD = [0, 0, 30, 40]


def person(frame, joints, occluded, track_id=0, bbox=(0, 0, 300, 300)):
    """A person of three joints; None for a joint that is not labelled."""
    keypoints = []
    for joint in joints:
        keypoints += [0, 0, 0] if joint is None else [*joint, 1]
    return dict(
        image_id=make_image_id(9, 5, frame),
        track_id=track_id,
        keypoints=keypoints,
        occluded=list(occluded),
        bbox=list(bbox),
        bbox_head=HEAD)


def flags(annotation, name):
    return [bits >> SLICES.index(name) & 1 for bits in annotation['slices']]


def test_hidden_joints_are_told_apart_by_their_neighbours():
    still = [(10, 10), (50, 50), (90, 90)]
    clip = [
        person(1, still, (0, 1, 0)),
        person(2, still, (1, 1, 0)),
        person(3, still, (1, 1, 0)),
        person(4, still, (1, 1, 0)),
        person(5, still, (1, 1, 0)),
    ]
    add_slices(clip, lambda image_id: 0.5)
    key = clip[2]
    # the first joint is seen two frames earlier, the second never
    assert flags(key, 'visible') == [0, 0, 1]
    assert flags(key, 'hidden_seen') == [1, 0, 0]
    assert flags(key, 'hidden_unseen') == [0, 1, 0]
    # three frames away is too far
    assert flags(clip[3], 'hidden_seen') == [0, 0, 0]
    assert flags(clip[3], 'hidden_unseen') == [1, 1, 0]


def test_every_labelled_joint_is_in_one_slice_of_visibility():
    clip = [person(f, [(1, 1), None, (3, 3)], (f % 2, 0, 1)) for f in range(5)]
    add_slices(clip, lambda image_id: 0.5)
    for annotation in clip:
        total = np.sum([
            flags(annotation, n)
            for n in ('visible', 'hidden_seen', 'hidden_unseen')
        ],
                       axis=0)
        assert total.tolist() == [1, 0, 1]
        assert annotation['slices'][1] == 0


def test_motion_is_in_head_sizes_per_frame():
    before = person(0, [(0, 0), (5, 5), None], (0, 0, 0))
    now = person(1, [(10, 0), (5, 5), (1, 1)], (0, 0, 0))
    after = person(2, [(18, 24), (5, 5), (7, 9)], (0, 0, 0))
    motion = joint_motion(before, now, after)
    assert np.allclose(motion, [15 / 30, 0, 10 / 30])
    assert np.allclose(joint_motion(before, now, None), [10 / 30, 0, 0])
    assert not joint_motion(None, now, None).any()


def test_blur_is_motion_while_the_shutter_is_open():
    clip = [person(f, [(9. * f, 0.5)], (0, )) for f in range(5)]
    add_slices(clip, lambda image_id: 0.9)  # 0.3 head sizes a frame
    assert flags(clip[2], 'blurred') == [1]
    clip = [person(f, [(9. * f, 0.5)], (0, )) for f in range(5)]
    add_slices(clip, lambda image_id: 0.5)
    assert flags(clip[2], 'blurred') == [0]
    assert flags(clip[2], 'fast') == [0]
    clip = [person(f, [(9.1 * f, 0.5)], (0, )) for f in range(5)]
    add_slices(clip, lambda image_id: 0.5)
    assert flags(clip[2], 'fast') == [1]


def test_crowded_joints_lie_in_the_box_of_someone_else():
    first = person(2, [(10, 10), (200, 10)], (0, 0), 0, (0, 0, 250, 50))
    other = person(2, [(205, 12), (240, 20)], (0, 0), 1, (190, 0, 60, 60))
    add_slices([first, other], lambda image_id: 0.5)
    assert flags(first, 'crowded') == [0, 1]
    assert flags(other, 'crowded') == [1, 1]


def test_in_boxes_counts_borders_in():
    points = np.array([[0., 0.], [2., 1.], [2.1, 1.]])
    assert in_boxes(points, [(0, 0, 2, 1)]).tolist() == [True, True, False]
    assert not in_boxes(points, []).any()
