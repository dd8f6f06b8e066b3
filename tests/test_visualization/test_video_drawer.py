"""Skeletons, ids, trails and maps along a video."""
import dataclasses

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.video import Crop, FramePoses, PersonPose, TrackedBox
from mmpose_tdmi.visualization import PoseDrawer, VideoDrawer
from mmpose_tdmi.visualization.drawers import (ID_COLOURS, heatmap_strength,
                                               motion_strength)


@pytest.fixture(scope='module')
def meta():
    return parse_pose_metainfo(PoseTrack18SequenceDataset.METAINFO)


@pytest.fixture
def image():
    return np.full((200, 300, 3), 20, np.uint8)


def person(x, track=1, **maps):
    rng = np.random.default_rng(0)
    return PersonPose(
        TrackedBox(track, (x, 60., x + 40, 140.), .9),
        rng.uniform([x, 60], [x + 40, 140], (17, 2)), np.ones(17),
        Crop((x + 20, 100.), (60., 80.)), **maps)


def trail_pixels(drawn, track):
    colour = ID_COLOURS[track][::-1]
    # ends of old, thin parts are softened
    return (np.abs(drawn.astype(int) - colour).max(axis=2) < 80)[100]


def test_without_trails_it_is_the_pose_drawer(meta, image):
    pose = person(100.)
    expected = PoseDrawer(meta).draw(image, pose.keypoints[None],
                                     pose.scores[None],
                                     np.array([pose.box.bbox]), [1])
    before = image.copy()
    drawn = VideoDrawer(
        meta, trail=0).draw(FramePoses(0, persons=[pose]), image)
    np.testing.assert_array_equal(drawn, expected)
    np.testing.assert_array_equal(image, before)


def test_trails_follow_and_end(meta, image):
    drawer = VideoDrawer(meta, kpt_thr=2., trail=4)
    for index, x in enumerate((20., 60., 100., 140.)):
        drawn = drawer.draw(FramePoses(index, persons=[person(x)]), image)
    # from box centre to box centre
    assert trail_pixels(drawn, 1)[45:115].all()
    assert not trail_pixels(drawn, 1)[:35].any()
    # of somebody who is gone the trail stays for a while
    drawn = drawer.draw(FramePoses(6), image)
    assert trail_pixels(drawn, 1)[125:155].all()
    assert not trail_pixels(drawn, 1)[:110].any()
    drawn = drawer.draw(FramePoses(9), image)
    np.testing.assert_array_equal(drawn, image)


def test_remembered_frames_count(meta, image):
    drawer, fresh = (VideoDrawer(meta, kpt_thr=2.) for _ in range(2))
    drawer.draw(FramePoses(0, [person(20.)]), image)
    fresh.remember(0, [1], [person(20.).box.bbox])
    np.testing.assert_array_equal(
        drawer.draw(FramePoses(1, [person(90.)]), image),
        fresh.draw(FramePoses(1, [person(90.)]), image))


def test_far_boxes_do_no_harm(meta, image):
    drawer = VideoDrawer(meta, kpt_thr=2.)
    far = dataclasses.replace(
        person(20.), box=TrackedBox(1, (1e9, 1e9, 2e9, 2e9), .9))
    drawer.draw(FramePoses(0, [person(20.)]), image)
    drawer.draw(FramePoses(1, [far]), image)


@pytest.mark.parametrize('name', ['heatmap', 'motion'])
def test_maps_lie_where_the_crop_is(meta, image, name):
    maps = np.zeros((5, 8, 6), np.float32)
    maps[2, 2, 3] = .01  # the peak's height does not matter
    field = 'heatmaps' if name == 'heatmap' else 'motion'
    # the crop: 60 x 80 around (120, 100), so cells of 10 pixels
    pose = person(100., **{field: maps})
    drawer = VideoDrawer(meta, kpt_thr=2., trail=0, **{name: True})
    plain = VideoDrawer(meta, kpt_thr=2., trail=0)
    changed = drawer.draw(FramePoses(0, persons=[pose]), image).astype(int) - \
        plain.draw(FramePoses(0, persons=[pose]), image)
    weight = np.abs(changed).sum(axis=2)
    ys, xs = np.nonzero(weight)
    assert 110 <= xs.min() and xs.max() <= 140
    assert 70 <= ys.min() and ys.max() <= 100
    centre = (weight * np.arange(300)).sum() / weight.sum()
    middle = (weight * np.arange(200)[:, None]).sum() / weight.sum()
    assert abs(centre - 124.5) < 1 and abs(middle - 84.5) < 1


def test_a_keypoint_that_may_be_anywhere_is_not_seen():
    """As one that a model with a softmax over space was not trained on."""
    sure, anywhere = np.zeros((2, 8, 6), np.float32)
    sure[2, 4] = .8
    anywhere[:] = .8 / 48
    strength = heatmap_strength(np.stack([sure, anywhere]))
    assert strength[2, 4] == 1
    assert np.delete(strength, 2 * 6 + 4).max() < .03


def test_motion_is_what_differs_from_standing_still():
    """Not the feature that every cell has, nor what padding makes of it."""
    motion = np.full((4, 10, 8), 3., np.float32)
    motion[:, :2] = motion[:, -2:] = 9.
    motion[..., :2] = motion[..., -2:] = 9.
    motion[1, 4, 3], motion[2, 5, 4] = 2., 5.
    strength = motion_strength(motion)
    assert strength[4, 3] == .5 and strength[5, 4] == 1
    assert np.count_nonzero(strength) == 2
    # a crop that is all border
    assert not motion_strength(motion[:, :4]).any()


@pytest.mark.parametrize('center', [(0., 0.), (300., 200.), (-500., 100.)])
def test_maps_reach_beyond_the_frame(meta, image, center):
    pose = dataclasses.replace(
        person(100., heatmaps=np.ones((17, 8, 6), np.float32)),
        crop=Crop(center, (60., 80.)))
    drawer = VideoDrawer(meta, trail=0, heatmap=True)
    assert drawer.draw(FramePoses(0, persons=[pose]),
                       image).shape == image.shape


def test_a_map_without_signal_is_not_seen(meta, image):
    pose = person(
        100.,
        heatmaps=np.zeros((17, 8, 6), np.float32),
        motion=np.ones((3, 8, 6), np.float32))
    drawn = VideoDrawer(
        meta, trail=0, heatmap=True,
        motion=True).draw(FramePoses(0, persons=[pose]), image)
    plain = VideoDrawer(
        meta, trail=0).draw(FramePoses(0, persons=[pose]), image)
    np.testing.assert_array_equal(drawn, plain)


@pytest.mark.parametrize('name', ['heatmap', 'motion'])
def test_maps_must_be_there(meta, image, name):
    drawer = VideoDrawer(meta, **{name: True})
    with pytest.raises(ValueError, match=rf'frame 3: .*output_{name}'):
        drawer.draw(FramePoses(3, persons=[person(20.)]), image)


def test_trail_is_a_length(meta):
    with pytest.raises(ValueError, match='trail must be'):
        VideoDrawer(meta, trail=-1)
