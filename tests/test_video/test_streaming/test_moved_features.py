"""Crops that are renewed by moving features instead of computing them again.
"""
import weakref
from itertools import islice

import numpy as np
import pytest

from mmpose_tdmi.video import CropPolicy, StreamingPoseEstimator, TrackedFrame
from .conftest import make_video
from .test_engine import assert_equal_to_uncached, one_person, run, still

#: Every box has a crop of its own.
OWN = CropPolicy(max_shift=0, max_scale=1, lookahead=0, renewal='warp')
#: Some frames share a crop.
SOME = CropPolicy(max_shift=0.1, max_scale=1.2, lookahead=3, renewal='warp')


def moving(i):
    return 10 + 2 * i, 20, 45 + 3 * i, 80 + i


@pytest.mark.parametrize('policy', [OWN, SOME])
def test_one_pass_per_person_and_frame(models, policy):
    _, estimator = run(
        models(), make_video(12, one_person(moving)), crop_policy=policy)
    stats = estimator.stats
    assert stats.crops > 2
    assert stats.passes_per_person_frame == 1 and stats.recomputed == 0


def test_each_frame_has_the_crop_of_its_own_box(models):
    frames = make_video(12, one_person(moving))
    poses, estimator = run(models(), frames, crop_policy=OWN)
    for frame, found in zip(frames, poses):
        box, = frame.persons
        assert found.persons[0].crop == estimator.settings.crop(box.bbox)


@pytest.mark.parametrize('policy', [OWN, SOME])
def test_key_frames_are_never_moved(models, policy):
    """A model that looks at the key frame only is as without a cache."""
    frames = make_video()
    poses, estimator = run(models('single'), frames, crop_policy=policy)
    assert_equal_to_uncached(estimator, frames, poses)


def test_within_a_run_it_is_equal_to_the_uncached_model(models):
    frames = make_video(12, one_person(still))
    poses, estimator = run(models(), frames, crop_policy=OWN)
    assert estimator.stats.crops == 1
    assert_equal_to_uncached(estimator, frames, poses)


@pytest.mark.parametrize('batch_size', [2, 7])
def test_batches_decide_nothing(models, batch_size):
    frames = make_video()
    expected, reference = run(models(), frames, batch_size=1, crop_policy=SOME)
    found, estimator = run(
        models(), frames, batch_size=batch_size, crop_policy=SOME)
    assert estimator.stats == reference.stats
    for a, b in zip(expected, found):
        for p, q in zip(a.persons, b.persons):
            assert p.crop == q.crop
            np.testing.assert_allclose(
                p.heatmaps, q.heatmaps, atol=1e-5, rtol=1e-4)


def test_frames_without_a_box_are_seen_once(models):
    """Before, after and between those of a track."""
    frames = make_video(
        14,
        one_person(lambda i: moving(i) if i in (3, 4, 5, 8, 9, 10) else None))
    poses, estimator = run(models(), frames, crop_policy=OWN)
    assert [len(p.persons) for p in poses
            ] == [int(i in (3, 4, 5, 8, 9, 10)) for i in range(14)]
    # frames 1 ... 12
    assert estimator.stats.backbone_passes == 12


def test_online_sees_each_frame_once_through_its_own_crop(models):
    asked = []

    def frames():
        for frame in make_video(12, one_person(moving)):
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(
        models(offsets=(-2, -1, 0)), 'online', crop_policy=OWN)
    for poses, _ in estimator.iterate_poses(frames()):
        assert asked[-1] == poses.index
    assert estimator.lookahead == 0
    assert estimator.stats.passes_per_person_frame == 1


def test_frames_are_read_as_far_ahead_as_said(models):
    asked = 0

    def frames():
        nonlocal asked
        for frame in make_video(12, one_person(moving)):
            asked += 1
            yield frame

    estimator = StreamingPoseEstimator(
        models(), batch_size=1, crop_policy=SOME)
    assert estimator.crop_lookahead == 3 and estimator.lookahead == 5
    next(estimator.iterate_poses(frames()))
    assert asked == estimator.lookahead + 1


def test_memory_does_not_grow(models):
    estimator = StreamingPoseEstimator(
        models(), batch_size=4, crop_policy=SOME)
    features, most, images, most_images = 0, 0, [], 0
    encode = estimator.window_model.encode_frames

    class Image(np.ndarray):
        """An array that can be weakly referenced."""

    def gone():
        nonlocal features
        features -= 1

    def watched(crops):
        nonlocal features
        found = encode(crops)
        features += len(found)
        for item in found:
            weakref.finalize(item.maps[0], gone)
        return found

    def frames():
        for number, frame in enumerate(islice(make_video(7) * 5, 35)):
            image = frame.image.copy().view(Image)
            images.append(weakref.ref(image))
            yield TrackedFrame(number, None, image, frame.persons)

    estimator.window_model.encode_frames = watched
    for poses, _ in estimator.iterate_poses(frames()):
        del poses, _
        most = max(most, features)
        most_images = max(most_images, sum(x() is not None for x in images))
    assert most <= 2 * (5 + 4 + 2)
    # span, lookahead, batch, those in hand
    assert most_images <= 5 + estimator.lookahead + 4 + 2
