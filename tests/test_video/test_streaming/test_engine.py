"""Equality with the uncached model, order, modes and bounds."""
import weakref
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmpose_tdmi.video import (CropPolicy, StreamingPoseEstimator, TrackedBox,
                               TrackedFrame)
from .conftest import make_video, two_persons

#: Keeps a crop for a few frames of the moving person.
POLICY = CropPolicy(0.1, 1.2, lookahead=3, renewal='recompute')


def run(model, frames, **kwargs):
    """All poses, and the estimator."""
    estimator = StreamingPoseEstimator(model, output_heatmaps=True, **kwargs)
    results = list(estimator.iterate_poses(frames))
    return [poses for poses, _ in results], estimator


def uncached(estimator, frames, poses):
    """The same windows and crops through the host's own test step."""
    images = {frame.index: frame.image for frame in frames}
    numbers = np.array(sorted(images))
    settings, model = estimator.settings, estimator.model
    packed = []
    for frame in poses:
        targets = [frame.index + o for o in estimator.window.offsets]
        clip = [
            n if n in images else settings.policy(numbers, frame.index, n)
            for n in targets
        ]
        for person in frame.persons:
            packed.append(
                settings.pack([images[n] for n in clip], clip, person.box,
                              person.crop))
    test_cfg = model.test_cfg
    model.test_cfg = dict(test_cfg, output_heatmaps=True)
    expected = []
    for start in range(0, len(packed), 8):
        with torch.no_grad():
            expected += model.test_step(
                pseudo_collate(packed[start:start + 8]))
    model.test_cfg = test_cfg
    return expected


def assert_equal_to_uncached(estimator, frames, poses):
    persons = [person for frame in poses for person in frame.persons]
    expected = uncached(estimator, frames, poses)
    assert len(persons) == len(expected) > 0
    for person, sample in zip(persons, expected):
        heatmaps = sample.pred_fields.heatmaps.numpy()
        # 1e-5 of heatmaps whose highest value is 1, as trained ones have it
        size = abs(heatmaps).max()
        assert heatmaps.std() > 1e-2 * size > 0
        np.testing.assert_allclose(
            person.heatmaps / size, heatmaps / size, atol=1e-5)
        # where rounding does not decide which cell is the highest
        highest = np.sort(heatmaps.reshape(len(heatmaps), -1))[:, -2:]
        clear = highest[:, 1] - highest[:, 0] > 2e-5 * size
        assert clear.mean() > 0.8
        np.testing.assert_allclose(
            person.keypoints[clear],
            sample.pred_instances.keypoints[0][clear],
            atol=0.05)
        np.testing.assert_allclose(
            person.scores, sample.pred_instances.keypoint_scores[0], rtol=1e-4)


@pytest.mark.parametrize('name, batch_size, flip_test', [('hrnet', 1, True),
                                                         ('hrnet', 5, False),
                                                         ('res18', 5, True)])
def test_cached_equals_uncached(models, name, batch_size, flip_test):
    model = models(name, flip_test=flip_test)
    frames = make_video()
    poses, estimator = run(
        model, frames, batch_size=batch_size, crop_policy=POLICY)
    assert estimator.stats.crops > 3
    assert_equal_to_uncached(estimator, frames, poses)


def test_cached_equals_uncached_for_the_papers_network(models):
    model = models('w48', flip_test=True)
    frames = make_video(3, {1: two_persons()[3]})
    poses, estimator = run(model, frames, crop_policy=POLICY)
    assert_equal_to_uncached(estimator, frames, poses)


@pytest.mark.parametrize('padding', ['clamp', 'key_frame', 'released'])
def test_the_configs_padding_at_the_videos_ends_and_in_holes(models, padding):
    model = models('hrnet', padding=padding)
    frames = [f for f in make_video() if f.index not in (4, 8, 9)]
    poses, estimator = run(model, frames, crop_policy=POLICY)
    assert [p.index for p in poses] == [f.index for f in frames]
    assert_equal_to_uncached(estimator, frames, poses)


@pytest.mark.parametrize('mode', ['offline', 'online', 'naive'])
def test_every_frame_in_order_with_its_own_boxes(models, mode):
    frames = make_video()
    estimator = StreamingPoseEstimator(
        models(), mode, batch_size=3, pad_future=True)
    results = list(estimator.iterate_poses(iter(frames)))
    assert len(results) == len(frames)
    for (poses, image), frame in zip(results, frames):
        assert poses.index == frame.index
        assert poses.timestamp == frame.timestamp
        assert image is frame.image
        assert [p.box for p in poses.persons] == frame.persons
        for person in poses.persons:
            assert person.keypoints.shape == (17, 2)
            assert person.scores.shape == (17, )
            assert person.heatmaps is None and person.motion is None
    assert estimator.stats.frames == 12
    assert estimator.stats.person_frames == sum(len(f.persons) for f in frames)


@pytest.mark.parametrize('batch_size', [2, 7])
def test_batches_decide_nothing(models, batch_size):
    frames = make_video()
    expected, reference = run(
        models(), frames, batch_size=1, crop_policy=POLICY)
    found, estimator = run(
        models(), frames, batch_size=batch_size, crop_policy=POLICY)
    assert estimator.stats == reference.stats
    for a, b in zip(expected, found):
        for p, q in zip(a.persons, b.persons):
            assert p.crop == q.crop
            # convolutions of other batch sizes add up in another order
            np.testing.assert_allclose(
                p.heatmaps, q.heatmaps, atol=1e-5, rtol=1e-4)


def test_no_tolerance_is_naive(models):
    frames = make_video()
    naive, reference = run(models(), frames, mode='naive')
    found, estimator = run(
        models(), frames, crop_policy=CropPolicy(0, 1, renewal='recompute'))
    for a, b in zip(naive, found):
        for p, q in zip(a.persons, b.persons):
            np.testing.assert_allclose(p.heatmaps, q.heatmaps, atol=1e-5)
            np.testing.assert_allclose(p.keypoints, q.keypoints, atol=0.05)
    assert reference.stats.passes_per_person_frame == 5
    # frame 0's window, at the video's start, has three different frames
    assert 4 < estimator.stats.passes_per_person_frame < 5


def one_person(box):
    return {1: box}


def still(i):
    return 30, 20, 60, 80


def test_one_pass_per_frame_of_a_still_person(models):
    frames = make_video(12, one_person(still))
    _, estimator = run(models(), frames)
    stats = estimator.stats
    assert (stats.backbone_passes, stats.person_frames) == (12, 12)
    assert (stats.crops, stats.recomputed) == (1, 0)
    assert stats.passes_per_person_frame == 1
    assert stats.person_frames_per_crop == 12


def test_passes_are_counted_where_they_happen(models, monkeypatch):
    """What ``stats`` says is what the backbone saw."""
    model, seen = models(flip_test=True), []
    forward = model.backbone.forward
    monkeypatch.setattr(model.backbone, 'forward',
                        lambda x: seen.append(len(x)) or forward(x))
    _, estimator = run(model, make_video(6), crop_policy=POLICY)
    assert sum(seen) == 2 * estimator.stats.backbone_passes


def test_a_renewal_costs_the_overlap(models):

    def jump(i):
        return (30, 20, 60, 80) if i < 6 else (50, 20, 80, 80)

    _, estimator = run(
        models(), make_video(12, one_person(jump)), crop_policy=POLICY)
    stats = estimator.stats
    # frames 4 ... 7 are in windows of both runs
    assert (stats.crops, stats.recomputed, stats.backbone_passes) == (2, 4, 16)


def test_frames_around_a_track_are_seen_without_a_box(models):
    frames = make_video(12,
                        one_person(lambda i: still(i) if 4 <= i < 8 else None))
    poses, estimator = run(models(), frames)
    stats = estimator.stats
    assert (stats.person_frames, stats.backbone_passes) == (4, 8)
    assert stats.recomputed == 0
    assert_equal_to_uncached(estimator, frames, poses)


@pytest.mark.parametrize('gap, crops, passes', [(1, 1, 12), (3, 1, 12),
                                                (4, 2, 12), (5, 2, 11)])
def test_gaps_in_a_track(models, gap, crops, passes):
    """A short gap is seen through the crop; after a long one a new crop is
    chosen, at no cost."""
    frames = make_video(
        12, one_person(lambda i: None if 4 <= i < 4 + gap else still(i)))
    poses, estimator = run(models(), frames)
    assert estimator.stats.crops == crops
    assert estimator.stats.backbone_passes == passes
    assert estimator.stats.recomputed == 0
    assert_equal_to_uncached(estimator, frames, poses)


def test_looking_ahead_makes_runs_longer(models):
    frames = make_video(24, one_person(lambda i: (10 + i, 20, 50 + i, 80)))
    crops = []
    for lookahead in (0, 20):
        policy = CropPolicy(0.1, 1.1, lookahead, renewal='recompute')
        _, estimator = run(models(), frames, crop_policy=policy)
        crops.append(estimator.stats.crops)
    assert crops[1] < crops[0]


def test_online_poses_come_before_the_next_frame(models):
    model = models(offsets=(-2, -1, 0))
    asked = []

    def frames():
        for frame in make_video():
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(model, 'online')
    for poses, _ in estimator.iterate_poses(frames()):
        assert asked[-1] == poses.index
    assert estimator.lookahead == 0


def test_online_equals_offline_for_a_causal_model(models):
    model = models(offsets=(-2, -1, 0))
    policy = CropPolicy(0.1, 1.1, renewal='recompute')
    frames = make_video()
    online, estimator = run(model, frames, mode='online', crop_policy=policy)
    offline, _ = run(model, frames, mode='offline', crop_policy=policy)
    for a, b in zip(online, offline):
        for p, q in zip(a.persons, b.persons):
            np.testing.assert_allclose(p.heatmaps, q.heatmaps, atol=1e-5)
    assert_equal_to_uncached(estimator, frames, online)


def test_online_refuses_to_see_the_future_unless_padded(models):
    with pytest.raises(ValueError, match=r'\(-2, -1, 0, 1, 2\).*pad_future'):
        StreamingPoseEstimator(models(), 'online')
    poses, estimator = run(
        models(),
        make_video(12, one_person(still)),
        mode='online',
        pad_future=True)
    # each frame as the last of a video that ends with it
    for last in (0, 3, 11):
        frames = make_video(last + 1, one_person(still))
        expected, _ = run(models(), frames)
        np.testing.assert_allclose(
            poses[last].persons[0].heatmaps,
            expected[last].persons[0].heatmaps,
            atol=1e-5)
    assert estimator.stats.passes_per_person_frame == 1


def test_single_frame_models_are_batched_too(models):
    frames = make_video()
    poses, estimator = run(models('single'), frames)
    assert estimator.stats.passes_per_person_frame == 1
    assert_equal_to_uncached(estimator, frames, poses)


def test_memory_does_not_grow(models):
    """Frames and features kept, and frames read ahead, are bounded."""
    estimator = StreamingPoseEstimator(
        models(), batch_size=4, crop_policy=POLICY)
    alive, asked, most_frames, most_features = [], 0, 0, 0

    class Image(np.ndarray):
        """An array that can be weakly referenced."""

    def frames():
        nonlocal asked
        for frame in islice(make_video(7) * 4, 28):
            image = frame.image.copy().view(Image)
            alive.append(weakref.ref(image))
            frame = TrackedFrame(asked, None, image, frame.persons)
            del image
            asked += 1
            yield frame

    features = 0
    encode = estimator.window_model.encode_frames

    def watched(crops):
        nonlocal features
        found = encode(crops)
        for item in found:
            features += 1
            weakref.finalize(item.maps[0], gone)
        return found

    def gone():
        nonlocal features
        features -= 1

    estimator.window_model.encode_frames = watched
    for place, (poses, _) in enumerate(estimator.iterate_poses(frames())):
        assert asked - place <= estimator.lookahead + 4 + 2
        del poses, _
        most_frames = max(most_frames, sum(x() is not None for x in alive))
        most_features = max(most_features, features)
    assert asked == 28
    # span, lookahead, batch, the one in hand
    assert most_frames <= 5 + 3 + 4 + 2
    # two persons: span and batch each, two runs at a renewal
    assert most_features <= 2 * 2 * (5 + 4)


def test_rare_persons_do_not_hold_frames_back(models):
    asked = []

    def frames():
        box = one_person(lambda i: still(i) if i == 0 else None)
        for frame in make_video(20, box):
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(models(), batch_size=3)
    first, _ = next(estimator.iterate_poses(frames()))
    assert len(first.persons) == 1
    assert len(asked) <= estimator.lookahead + 3 + 2


def test_a_change_of_size_starts_a_new_video(models):
    small = make_video(4, one_person(still))
    large = make_video(4, one_person(still), size=(112, 160))
    for frame in large:
        frame.index += 4
    poses, _ = run(models(), small + large)
    for part, frames in ((poses[:4], small), (poses[4:], large)):
        expected, _ = run(models(), frames)
        for a, b in zip(expected, part):
            np.testing.assert_allclose(
                a.persons[0].heatmaps, b.persons[0].heatmaps, atol=1e-5)


def test_numbers_with_a_step(models):
    """Every fifth frame of a video, numbered as in the video."""
    frames = make_video()
    expected, _ = run(models(), frames, crop_policy=POLICY)
    for frame in frames:
        frame.number = 100 + 5 * frame.index
    estimator = StreamingPoseEstimator(
        models(), crop_policy=POLICY, output_heatmaps=True)
    found = estimator.iterate_poses(frames, frame_step=5)
    for a, (b, _) in zip(expected, found):
        for p, q in zip(a.persons, b.persons):
            np.testing.assert_allclose(p.heatmaps, q.heatmaps, atol=1e-5)


def test_motion_feature(models):
    frames = make_video(4)
    estimator = StreamingPoseEstimator(models(), output_motion=True)
    for poses, _ in estimator.iterate_poses(frames):
        for person in poses.persons:
            assert person.motion.shape == (16, 24, 16)
            assert np.isfinite(person.motion).all()
    single = StreamingPoseEstimator(models('single'), output_motion=True)
    with pytest.raises(ValueError, match='TemporalDifferenceNeck'):
        list(single.iterate_poses(frames))


def test_flip_test_can_be_chosen(models):
    frames = make_video(4)
    model = models(flip_test=True)
    found, _ = run(model, frames, flip_test=False)
    expected, _ = run(models(flip_test=False), frames)
    flipped, _ = run(model, frames)
    for a, b, c in zip(expected, found, flipped):
        for p, q, r in zip(a.persons, b.persons, c.persons):
            np.testing.assert_allclose(p.heatmaps, q.heatmaps, atol=1e-5)
            assert abs(p.heatmaps - r.heatmaps).max() > 1e-3


def test_empty_videos_and_frames(models):
    estimator = StreamingPoseEstimator(models())
    assert list(estimator.iterate_poses([])) == []
    results = list(estimator.iterate_poses(make_video(3, {})))
    assert [poses.persons for poses, _ in results] == [[], [], []]
    assert estimator.stats.backbone_passes == 0
    one, = estimator.iterate_poses(make_video(1))
    assert len(one[0].persons) == 1


def test_bad_arguments(models):
    with pytest.raises(ValueError, match="mode must be one of.*'live'"):
        StreamingPoseEstimator(models(), 'live')
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        StreamingPoseEstimator(models(), batch_size=0)
    with pytest.raises(ValueError, match='frame_step must be at least 1'):
        StreamingPoseEstimator(models()).iterate_poses([], frame_step=0)


def test_bad_frames(models):
    image = np.zeros((96, 128, 3), np.uint8)
    box = TrackedBox(4, (1., 1., 20., 30.), 1.)
    estimator = StreamingPoseEstimator(models())

    def run_on(*frames):
        return list(estimator.iterate_poses(frames))

    with pytest.raises(ValueError, match='frame 1 follows frame 1'):
        run_on(TrackedFrame(1, None, image), TrackedFrame(1, None, image))
    with pytest.raises(ValueError, match='track_id occurs twice'):
        run_on(TrackedFrame(0, None, image, [box, box]))
    with pytest.raises(ValueError, match=r'frame 0: expected a BGR image'):
        run_on(TrackedFrame(0, None, image[..., 0]))
    for bbox in ((5., 5., 5., 9.), (0., 0., float('nan'), 3.)):
        with pytest.raises(ValueError, match='bbox must be x1 < x2'):
            run_on(TrackedFrame(0, None, image, [TrackedBox(1, bbox, 1.)]))
