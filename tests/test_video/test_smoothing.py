"""Smoothing of poses: what all smoothers keep to, and known answers."""
import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import savgol_filter

from mmpose_tdmi.video import Crop, FramePoses, PersonPose, TrackedBox
from mmpose_tdmi.video.smoothing import (SMOOTHERS, NoSmoother,
                                         OneEuroSmoother,
                                         SavitzkyGolaySmoother, build_smoother)

IMAGE = np.zeros((90, 120, 3), np.uint8)
ACTIVE = [name for name in SMOOTHERS if name != 'none']
NUM_JOINTS = 4


def person(keypoints, track_id=0, scores=None, size=100.):
    scores = np.ones(len(keypoints)) if scores is None else scores
    return PersonPose(
        TrackedBox(track_id, (0., 0., size, size), 1.),
        np.asarray(keypoints, np.float32),
        np.asarray(scores, np.float32),
        Crop((0, 0), (size, size)),
        heatmaps=np.zeros((1, 2, 2)))


def video(tracks, scores=None, fps=25.):
    """Frames of ``tracks``: ``track id -> (frame -> keypoints or None)``."""
    length = max(len(track) for track in tracks.values())
    for index in range(length):
        persons = []
        for track_id, track in tracks.items():
            if index < len(track) and track[index] is not None:
                score = None if scores is None else scores[index]
                persons.append(person(track[index], track_id, score))
        yield FramePoses(index, index / fps, IMAGE, persons)


def run(smoother, tracks, scores=None):
    """Keypoints by track, as far as it is there."""
    found = {track_id: [] for track_id in tracks}
    for poses in build_smoother(smoother).iterate(video(tracks, scores)):
        for pose in poses.persons:
            found[pose.box.track_id].append(pose.keypoints)
    return {track_id: np.array(x) for track_id, x in found.items()}


def walk(length=40, noise=3., seed=0):
    """A joint that moves, and its noisy observation, (length, K, 2)."""
    t = np.arange(length)[:, None, None]
    rng = np.random.default_rng(seed)
    true = np.concatenate([20 + 2. * t, 50 + 10 * np.sin(t / 8)], axis=2)
    true = np.repeat(true, NUM_JOINTS, axis=1)
    return true, true + noise * rng.standard_normal(true.shape)


def acceleration(x):
    return np.linalg.norm(np.diff(x, 2, axis=0), axis=-1).mean()


@pytest.mark.parametrize('name', SMOOTHERS)
def test_frames_come_out_as_they_went_in(name):
    _, x = walk(12)
    tracks = {0: list(x), 1: [None] * 4 + list(x[:3]), 2: [x[0]]}
    given = list(video(tracks))
    before = [[p.keypoints.copy() for p in poses.persons] for poses in given]
    found = list(build_smoother(name).iterate(iter(given)))
    assert len(found) == len(given)
    for poses, old, kept in zip(found, given, before):
        assert (poses.index, poses.timestamp) == (old.index, old.timestamp)
        assert poses.image is old.image
        for new, pose, keypoints in zip(poses.persons, old.persons, kept):
            assert new.box is pose.box and new.heatmaps is pose.heatmaps
            assert new.scores is pose.scores
            assert new.keypoints.dtype == pose.keypoints.dtype
            np.testing.assert_array_equal(pose.keypoints, keypoints)
        assert len(poses.persons) == len(old.persons)


@pytest.mark.parametrize('name', SMOOTHERS)
def test_no_more_frames_are_held_back_than_said(name):
    taken = []
    _, x = walk(15)

    def frames():
        for frame in video({0: list(x)}):
            taken.append(frame.index)
            yield frame

    smoother = build_smoother(name)
    for poses in smoother.iterate(frames()):
        assert taken[-1] == min(poses.index + smoother.lookahead, 14)


@pytest.mark.parametrize('name', ACTIVE)
def test_noise_is_reduced(name):
    true, noisy = walk()
    smooth = run(name, {0: list(noisy)})[0]
    assert acceleration(smooth - true) < 0.7 * acceleration(noisy - true)
    error = np.abs(smooth - true)[5:-5].mean()
    assert error < np.abs(noisy - true)[5:-5].mean()


@pytest.mark.parametrize('name', ACTIVE)
def test_what_rests_stays(name):
    x = np.random.default_rng(0).uniform(0, 100, (1, NUM_JOINTS, 2))
    x = np.repeat(x, 10, axis=0).astype(np.float32)
    np.testing.assert_allclose(run(name, {0: list(x)})[0], x, rtol=1e-5)


@pytest.mark.parametrize('name', ACTIVE)
def test_moving_everything_moves_the_result(name):
    _, x = walk()
    moved = run(name, {0: list(x + [300, -20])})[0]
    np.testing.assert_allclose(
        moved, run(name, {0: list(x)})[0] + [300, -20], atol=1e-3)


@pytest.mark.parametrize('name', ACTIVE)
def test_tracks_do_not_touch_each_other(name):
    first, second = walk(seed=1)[1], walk(seed=2)[1] + 100
    alone = run(name, {0: list(first)})[0]
    both = run(name, {5: list(second), 0: list(first)})
    np.testing.assert_array_equal(both[0], alone)


@pytest.mark.parametrize('name', ACTIVE)
def test_a_gap_starts_the_filter_again(name):
    _, x = walk(20)
    # far away after one frame without the person
    with_gap = list(x[:10]) + [None] + list(x[11:] + 500)
    found = run(name, {0: with_gap, 1: list(x)})[0]
    np.testing.assert_array_equal(found[:10], run(name, {0: list(x[:10])})[0])
    np.testing.assert_array_equal(found[10:],
                                  run(name, {0: list(x[11:] + 500)})[0])


@pytest.mark.parametrize('name', ACTIVE)
@pytest.mark.parametrize('change', ['frame left out', 'size'])
def test_so_do_a_frame_that_is_missing_and_another_image_size(name, change):
    _, x = walk(12)
    frames = list(video({0: list(x)}))
    if change == 'size':
        frames[6:] = [replace(f, image=IMAGE[:50]) for f in frames[6:]]
    else:
        del frames[6]
        x = np.delete(x, 6, axis=0)
    found = np.array([
        poses.persons[0].keypoints
        for poses in build_smoother(name).iterate(iter(frames))
    ])
    parts = [run(name, {0: list(part)})[0] for part in (x[:6], x[6:])]
    np.testing.assert_allclose(found, np.concatenate(parts), atol=1e-4)


@pytest.mark.parametrize('name', ACTIVE)
def test_an_unreliable_joint_does_not_pull(name):
    true, _ = walk(20, noise=0)
    x, scores = true.copy(), np.ones((20, NUM_JOINTS))
    x[10, 2] += 60
    scores[10, 2] = 0.01
    found = run(name, {0: list(x)}, scores)[0]
    heedless = run(dict(type=name, score_thr=0.), {0: list(x)}, scores)[0]
    reference = run(name, {0: list(true)})[0]
    assert np.abs(found - reference)[:, 2].max() < 5
    assert np.abs(heedless - reference)[:, 2].max() > 10
    np.testing.assert_array_equal(found[:, :2], reference[:, :2])


@pytest.mark.parametrize('name', ACTIVE)
def test_joints_that_are_never_reliable_stay(name):
    _, x = walk(12)
    scores = np.zeros((12, NUM_JOINTS))
    found = run(name, {0: list(x)}, scores)[0]
    if name == 'savgol':  # there is nothing better than the joints themselves
        scores[:] = 1
        x = run(name, {0: list(x)}, scores)[0]
    np.testing.assert_allclose(found, x, atol=1e-4)


@pytest.mark.parametrize('name', ACTIVE)
def test_one_frame_and_no_frames(name):
    _, x = walk(1)
    np.testing.assert_allclose(run(name, {0: list(x)})[0], x, rtol=1e-6)
    assert list(build_smoother(name).iterate(iter(()))) == []


@pytest.mark.parametrize('name', ACTIVE)
def test_frames_must_ascend(name):
    frame = next(video({0: list(walk(1)[1])}))
    with pytest.raises(ValueError, match='frame 0 after 0'):
        list(build_smoother(name).iterate([frame, frame]))


def test_savgol_is_scipys_where_the_window_is_whole():
    _, x = walk()
    found = run(dict(type='savgol', window=9, polyorder=3), {0: list(x)})[0]
    expected = savgol_filter(x, 9, 3, axis=0)
    np.testing.assert_allclose(found[4:-4], expected[4:-4], atol=1e-4)


def test_savgol_keeps_polynomials_to_the_ends():
    t = np.arange(15.)[:, None, None]
    x = np.repeat(3 + 2 * t - 0.3 * t**2, NUM_JOINTS, axis=1)
    x = np.concatenate([x, -x], axis=2)
    found = run(dict(type='savgol', window=7, polyorder=2), {0: list(x)})[0]
    np.testing.assert_allclose(found, x, atol=1e-4)


def test_one_euro_is_its_authors():
    library = pytest.importorskip(
        'OneEuroFilter', reason="compares with its authors' library")
    _, x = walk()
    x[..., 1] = 7  # their filter knows one coordinate
    smoother = OneEuroSmoother(
        min_cutoff=1.5, beta=3., d_cutoff=0.7, score_thr=0.)
    # a size of 100 pixels: their speed is in pixels; their time 0 is no time
    oracle = library.OneEuroFilter(25., 1.5, 3. / 100, 0.7)
    expected = [oracle(float(v), 1 + i / 25) for i, v in enumerate(x[:, 0, 0])]
    found = np.array([
        poses.persons[0].keypoints[0, 0]
        for poses in smoother.iterate(video({0: list(x)}))
    ])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_one_euro_follows_fast_motion_and_calms_rest():
    settings = dict(type='one_euro', min_cutoff=0.5, score_thr=0.)
    t = np.arange(30.)[:, None, None]
    line = np.repeat(np.concatenate([20 * t, 0 * t], 2), NUM_JOINTS, axis=1)
    lag = [(line - run(dict(settings, beta=beta), {0: list(line)})[0])[-1, 0,
                                                                       0]
           for beta in (0., 10.)]
    assert lag[1] < 0.3 * lag[0]
    resting = 50 + np.random.default_rng(0).standard_normal(
        (60, NUM_JOINTS, 2))
    calm = run(dict(settings, beta=0.5), {0: list(resting)})[0]
    assert acceleration(calm) < 0.2 * acceleration(resting)


def test_one_euro_does_not_depend_on_how_near_people_are():
    _, x = walk()
    smoother = OneEuroSmoother()

    def scaled(factor):
        frames = [
            FramePoses(i, i / 25, IMAGE,
                       [person(factor * k, size=100 * factor)])
            for i, k in enumerate(x)
        ]
        return np.array([
            poses.persons[0].keypoints / factor
            for poses in smoother.iterate(frames)
        ])

    np.testing.assert_allclose(scaled(3.), scaled(1.), rtol=1e-4)


def test_one_euro_and_time():
    _, x = walk(10)
    smoother = OneEuroSmoother(fps=25.)

    def keypoints(times):
        frames = [
            FramePoses(i, t, IMAGE, [person(k)])
            for (i, k), t in zip(enumerate(x), times)
        ]
        return np.array(
            [poses.persons[0].keypoints for poses in smoother.iterate(frames)])

    usual = keypoints(np.arange(10) / 25)
    np.testing.assert_allclose(keypoints([None] * 10), usual, rtol=1e-5)
    # a pause: what was before counts less
    late = keypoints([*np.arange(9) / 25, 10.])
    raw = x.astype(np.float32)
    assert (np.abs(late - raw)[-1] < np.abs(usual - raw)[-1]).all()
    # no time passes
    same = keypoints([*np.arange(9) / 25, 8 / 25])
    np.testing.assert_array_equal(same[-1], same[-2])
    with pytest.raises(ValueError, match='frame 9 is at 0.1 s'):
        keypoints([*np.arange(9) / 25, 0.1])


def test_off_by_default_and_options():
    assert isinstance(build_smoother(), NoSmoother)
    assert build_smoother('savgol').lookahead == 4
    assert build_smoother('one_euro').lookahead == 0
    assert isinstance(
        build_smoother(dict(type='savgol', window=5)), SavitzkyGolaySmoother)


@pytest.mark.parametrize('smoother, text', [
    ('kalman', "unknown smoother 'kalman', expected one of none, one_euro"),
    (dict(window=5), 'unknown smoother None'),
    (dict(type='savgol', sigma=5), "no option sigma, expected some of window"),
    (dict(type='none', sigma=5), 'expected some of none'),
    (dict(type='savgol', window=4), 'odd'),
    (dict(type='savgol', polyorder=9), 'polyorder'),
    (dict(type='savgol', score_thr=-1), 'score_thr'),
    (dict(type='one_euro', min_cutoff=0), 'min_cutoff'),
    (dict(type='one_euro', beta=-1), 'beta'),
])
def test_bad_settings(smoother, text):
    with pytest.raises(ValueError, match=text):
        build_smoother(smoother)


def test_memory_is_bounded():
    """No more frames are kept than the window has."""
    alive = weakref.WeakValueDictionary()

    class Image(np.ndarray):
        pass

    def frames():
        for index in range(200):
            image = np.zeros((4, 4, 3), np.uint8).view(Image)
            alive[index] = image
            yield FramePoses(index, None, image, [person(np.zeros((2, 2)))])
            del image

    most = 0
    for poses in build_smoother('savgol').iterate(frames()):
        del poses
        gc.collect(0)
        most = max(most, len(alive))
    assert most <= 2 * 4 + 2
