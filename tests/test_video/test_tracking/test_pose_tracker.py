"""Identities from poses and from motion features."""
import numpy as np
import pytest

from mmpose_tdmi.video import Crop, FramePoses, PersonPose, TrackedBox
from mmpose_tdmi.video.tracking import PoseTracker

BOX = (100., 100., 180., 300.)
#: Joints in a box, as shares of its sides.
UPRIGHT = np.random.default_rng(1).uniform(0, 1, (17, 2))
REACHING = np.random.default_rng(2).uniform(0, 1, (17, 2))


def person(provisional, bbox=BOX, shape=UPRIGHT, motion=None, scores=1.):
    low, high = np.array(bbox[:2]), np.array(bbox[2:])
    if motion is not None:
        motion = np.full((3, 8, 6), 1., np.float32) + motion
    return PersonPose(
        TrackedBox(provisional, bbox, 0.9),
        low + shape * (high - low),
        np.full(17, scores),
        Crop((140, 200), (80, 200)),
        motion=motion)


def ids(poses):
    return [p.box.track_id for p in poses.persons]


def direction(axis):
    motion = np.zeros((3, 8, 6), np.float32)
    motion[axis] = 5
    return motion


def moved(bbox, dx):
    return (bbox[0] + dx, bbox[1], bbox[2] + dx, bbox[3])


def test_poses_tell_people_in_the_same_place_apart():
    frames = [
        FramePoses(0, persons=[person(0),
                               person(1, moved(BOX, 4), REACHING)]),
        # they have changed places, to within the boxes' noise
        FramePoses(
            1, persons=[person(0, shape=REACHING),
                        person(1, moved(BOX, 4))]),
    ]
    tracker = PoseTracker()
    assert ids(tracker.observe(frames[0])) == [0, 1]
    assert ids(tracker.observe(frames[1])) == [1, 0]
    boxes_alone = PoseTracker(oks_weight=0)
    assert [ids(boxes_alone.observe(frame)) for frame in frames] == [[0, 1],
                                                                     [0, 1]]


def test_motion_decides_between_those_in_reach():
    frames = [
        FramePoses(
            0,
            persons=[
                person(0, motion=direction(0)),
                person(1, motion=direction(1))
            ]),
        FramePoses(
            1,
            persons=[
                person(0, motion=direction(1)),
                person(1, motion=direction(0))
            ])
    ]
    tracker = PoseTracker(motion_weight=0.3)
    assert tracker.needs_motion
    assert ids(tracker.observe(frames[0])) == [0, 1]
    assert ids(tracker.observe(frames[1])) == [1, 0]


def test_motion_brings_nobody_from_afar():
    tracker = PoseTracker(motion_weight=10.)
    tracker.observe(FramePoses(0, persons=[person(0, motion=direction(0))]))
    far = person(0, moved(BOX, 400), motion=direction(0))
    assert ids(tracker.observe(FramePoses(1, persons=[far]))) == [1]


def test_poses_without_motion_feature():
    tracker = PoseTracker(motion_weight=0.3)
    with pytest.raises(ValueError, match='frame 4.*output_motion=True'):
        tracker.observe(FramePoses(4, persons=[person(0)]))
    assert not PoseTracker().needs_motion


def test_nothing_but_the_identity_changes():
    tracker = PoseTracker()
    pose = person(7)
    given = FramePoses(0, persons=[pose], timestamp=0.5)
    found = tracker.observe(given)
    assert ids(given) == [7] and ids(found) == [0]
    assert found.timestamp == 0.5 and found.index == 0
    assert found.persons[0].keypoints is pose.keypoints
    assert found.persons[0].box.bbox == pose.box.bbox
    assert found.persons[0].box.source == pose.box.source


def test_boxes_get_provisional_identities_meanwhile():
    tracker = PoseTracker()
    boxes = np.array([BOX, moved(BOX, 300)])
    found = tracker.update(0, boxes, np.ones(2))
    assert [b.track_id for b in found] == [0, 1]
    # poses lag behind any number of frames
    for index in range(1, 10):
        carried = tracker.carry(index)
        assert [b.track_id for b in carried] == [0, 1]
    for index in range(10):
        poses = FramePoses(
            index, persons=[person(0), person(1, moved(BOX, 300))])
        assert ids(tracker.observe(poses)) == [0, 1]


def test_short_occlusion():
    tracker = PoseTracker(max_age=12)
    for i in range(8):
        poses = FramePoses(i, persons=[person(0, moved(BOX, 10 * i))])
        assert ids(tracker.observe(poses)) == [0]
    for i in range(8, 16):
        assert tracker.observe(FramePoses(i)).persons == []
    # the box tracker has taken the person for somebody new
    poses = FramePoses(16, persons=[person(3, moved(BOX, 160))])
    assert ids(tracker.observe(poses)) == [0]
    assert ids(tracker.observe(FramePoses(30, persons=[person(3)]))) == [1]


def test_unreliable_poses_leave_the_boxes_to_decide():
    tracker = PoseTracker()
    for i in range(3):
        poses = FramePoses(
            i,
            persons=[
                person(0, scores=0.),
                person(1, moved(BOX, 200), scores=0.)
            ])
        assert ids(tracker.observe(poses)) == [0, 1]


def test_reset_and_order():
    tracker = PoseTracker()
    tracker.update(4, np.array([BOX]), np.ones(1))
    tracker.observe(FramePoses(4, persons=[person(0)]))
    with pytest.raises(ValueError, match='frame 4 after 4'):
        tracker.observe(FramePoses(4, persons=[]))
    tracker.reset()
    far = moved(BOX, 300)
    assert tracker.update(0, np.array([far]), np.ones(1))[0].track_id == 0
    assert ids(tracker.observe(FramePoses(0, persons=[person(0, far)]))) == [0]


@pytest.mark.parametrize('options', [
    dict(oks_weight=1.1),
    dict(motion_weight=-1),
    dict(similarity_thr=0),
    dict(max_age=0)
])
def test_bad_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        PoseTracker(**options)
