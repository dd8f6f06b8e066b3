"""Speeds of joints."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import POSEVAL_JOINTS
from mmpose_tdmi.evaluation.pose_errors import joint_speeds

NOSE = POSEVAL_JOINTS.index('nose')


def speeds(scene, numbers, **kwargs):
    return joint_speeds(scene.sequences()[0], np.array(numbers), **kwargs)


def test_head_sizes_per_frame(make_scene):
    scene = make_scene(3)
    # 30 pixels are a head; 4 frames between, then 2
    for frame, x in enumerate((0, 60, 120)):
        scene.person(frame, (x, 0), track=5)
    found = speeds(scene, [0, 4, 6])
    np.testing.assert_allclose(found[0], 0.5)
    np.testing.assert_allclose(found[1], (0.5 + 1) / 2)
    np.testing.assert_allclose(found[2], 1)


def test_a_head_that_grows_counts_with_its_mean(make_scene):
    scene = make_scene(2)
    scene.person(0, (0, 0), track=5, head=1)
    scene.person(1, (60, 0), track=5, head=3)
    np.testing.assert_allclose(speeds(scene, [0, 1]), 1)


def test_what_is_not_known(make_scene):
    scene = make_scene(4)
    scene.person(0, track=1)
    scene.person(0, track=2)
    scene.person(1, track=-1)
    scene.person(1, (30, 0), track=1, absent=['nose'])
    scene.person(2, (60, 0), track=1)
    scene.person(3, (60, 0), track=1)
    found = speeds(scene, [0, 1, 2, 30])
    # alone, without a track, too far apart
    assert np.isnan(found[[1, 2, 5]]).all()
    np.testing.assert_allclose(found[0, :NOSE], 1)
    assert np.isnan(found[[0, 3, 4], NOSE]).all()
    # a track twice in a frame
    scene = make_scene(1)
    scene.person(0, track=1)
    scene.person(0, (30, 0), track=1)
    assert np.isnan(speeds(scene, [0])).all()


def test_the_largest_gap_is_an_option(make_scene):
    scene = make_scene(2)
    scene.person(0, track=1)
    scene.person(1, (600, 0), track=1)
    np.testing.assert_allclose(speeds(scene, [0, 10]), 2)
    assert np.isnan(speeds(scene, [0, 11])).all()
    np.testing.assert_allclose(speeds(scene, [0, 20], max_gap=20), 1)


def test_speed_does_not_depend_on_scale_or_order_of_tracks(make_scene):
    rng = np.random.default_rng(0)
    shifts = rng.uniform(0, 40, (4, 2, 2))
    tables = []
    for tracks in ([0, 1], [9, 3]):
        scene = make_scene(4)
        for frame in range(4):
            for track, shift in zip(tracks, shifts[frame]):
                scene.person(frame, shift, track=track)
        tables.append(speeds(scene, [0, 2, 3, 7]))
    np.testing.assert_allclose(tables[0], tables[1])
    annotated = scene.sequences()[0]
    doubled = annotated.replace(
        keypoints=2 * annotated.keypoints, head_boxes=2 * annotated.head_boxes)
    np.testing.assert_allclose(
        joint_speeds(doubled, np.array([0, 2, 3, 7])), tables[1])
    assert tables[0].min() > 0


def test_no_persons(make_scene):
    assert speeds(make_scene(2), [0, 1]).shape == (0, 15)


@pytest.mark.parametrize('seed', range(3))
def test_it_is_the_mean_of_the_steps(make_scene, seed):
    rng = np.random.default_rng(seed)
    scene, numbers = make_scene(5), np.cumsum(rng.integers(1, 4, 5))
    places = rng.uniform(0, 90, (5, 2))
    for frame in range(5):
        scene.person(frame, places[frame], track=0)
    steps = np.linalg.norm(
        np.diff(places, axis=0), axis=1) / (
            np.diff(numbers) * scene.HEAD)
    expected = [steps[0], *(steps[1:] + steps[:-1]) / 2, steps[-1]]
    np.testing.assert_allclose(
        speeds(scene, numbers),
        np.repeat(expected, 15).reshape(5, 15))
