"""Poses along a video: equality with the host, order, modes and bounds."""
import tracemalloc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate

from mmpose_tdmi.datasets import frames as frames_module
from mmpose_tdmi.datasets.frames import PADDING_POLICIES, VideoFrames
from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.video import (CropPolicy, Frame, StreamingPoseEstimator,
                               TrackedBox, TrackedFrame)
from mmpose_tdmi.video.smoothing import build_smoother
from mmpose_tdmi.video.streaming import FeatureCache, FrameBuffer, WindowPose
from mmpose_tdmi.video.tracking import build_tracker
from .conftest import make_video, two_persons

#: One crop for a whole track: nothing is moved, so that poses are the host's.
ONE = CropPolicy(1., 4.)
#: Every box has a crop of its own.
OWN = CropPolicy(0., 1.)
#: Some frames share a crop.
SOME = CropPolicy(0.1, 1.2)


def run(model, frames, **kwargs):
    """All frames with poses, and the estimator."""
    estimator = StreamingPoseEstimator(model, output_heatmaps=True, **kwargs)
    return list(estimator.iterate_poses(frames)), estimator


def assert_same_heatmaps(found, expected, **kwargs):
    """Convolutions of other batch sizes add up in another order."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert len(a.persons) == len(b.persons)
        for p, q in zip(a.persons, b.persons):
            np.testing.assert_allclose(
                p.heatmaps, q.heatmaps, atol=1e-5, **kwargs)


def one_person(box):
    return {1: box}


def still(i):
    return 30, 20, 60, 80


def moving(i):
    return 10 + 2 * i, 20, 45 + 3 * i, 80 + i


def uncached(estimator, frames, poses):
    """The same windows and crops through the host's own test step."""
    images = {frame.index: frame.image for frame in frames}
    numbers = np.array(sorted(images))
    settings, model = estimator.settings, estimator.model
    is_naive = estimator.mode == 'naive'
    packed = []
    for frame in poses:
        targets = [frame.index + o for o in estimator.window.offsets]
        clip = [
            n if n in images else settings.policy(numbers, frame.index, n)
            for n in targets
        ]
        for person in frame.persons:
            # a box's own crop, as it is asked for: not rounded once more
            is_own = len(clip) == 1 and person.crop == settings.crop(
                person.box.bbox)
            packed.append(
                settings.pack([images[n] for n in clip], clip, person.box,
                              None if is_naive or is_own else person.crop))
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


@pytest.mark.parametrize('name, batch_size, flip_test',
                         [('hrnet', 1, True), ('hrnet', 8, False),
                          ('res18', 5, True), ('poseidon', 3, True)])
def test_cached_equals_uncached(models, name, batch_size, flip_test):
    model = models(name, flip_test=flip_test)
    frames = make_video()
    poses, estimator = run(
        model, frames, batch_size=batch_size, crop_policy=ONE)
    assert estimator.stats.crops == 2
    assert_equal_to_uncached(estimator, frames, poses)


def test_cached_equals_uncached_for_the_papers_network(models):
    model = models('w48', flip_test=True)
    frames = make_video(3, {1: two_persons()[3]})
    poses, estimator = run(model, frames, crop_policy=ONE)
    assert_equal_to_uncached(estimator, frames, poses)


@pytest.mark.parametrize('padding', ['clamp', 'key_frame', 'released'])
def test_the_configs_padding_at_the_videos_ends_and_in_holes(models, padding):
    model = models('hrnet', padding=padding)
    frames = [f for f in make_video() if f.index not in (4, 8, 9)]
    poses, estimator = run(model, frames, crop_policy=ONE)
    assert [p.index for p in poses] == [f.index for f in frames]
    assert_equal_to_uncached(estimator, frames, poses)


@pytest.mark.parametrize('mode', ['offline', 'online', 'naive'])
def test_every_frame_in_order_with_its_own_boxes(models, mode):
    frames = make_video()
    frames[3].number, frames[3].file_name = 3, 'a/3.png'
    model = models(offsets=(-2, -1, 0)) if mode == 'online' else models()
    estimator = StreamingPoseEstimator(model, mode, batch_size=3)
    results = list(estimator.iterate_poses(iter(frames)))
    assert len(results) == len(frames)
    for found, frame in zip(results, frames):
        assert found.image is frame.image
        assert [p.box for p in found.persons] == frame.persons
        for key in ('index', 'timestamp', 'number', 'file_name'):
            assert getattr(found, key) == getattr(frame, key)
        for person in found.persons:
            assert person.keypoints.shape == (17, 2)
            assert person.scores.shape == (17, )
            assert person.heatmaps is None and person.motion is None
    assert estimator.stats.frames == 12
    assert estimator.stats.person_frames == sum(len(f.persons) for f in frames)


def test_naive_is_the_hosts_test(models):
    frames = make_video(8)
    poses, estimator = run(models(), frames, mode='naive', batch_size=8)
    assert estimator.stats.passes_per_person_frame == 5
    assert_equal_to_uncached(estimator, frames, poses)
    for frame, found in zip(frames, poses):
        assert [p.crop for p in found.persons
                ] == [estimator.settings.crop(b.bbox) for b in frame.persons]


@pytest.mark.parametrize('batch_size', [2, 7])
@pytest.mark.parametrize('policy', [ONE, SOME])
def test_batches_decide_nothing(models, batch_size, policy):
    frames = make_video()
    expected, reference = run(
        models(), frames, batch_size=1, crop_policy=policy)
    found, estimator = run(
        models(), frames, batch_size=batch_size, crop_policy=policy)
    assert estimator.stats == reference.stats
    assert [[p.crop for p in frame.persons] for frame in found
            ] == [[p.crop for p in frame.persons] for frame in expected]
    assert_same_heatmaps(found, expected, rtol=1e-4)


@pytest.mark.parametrize('box, policy, crops', [
    (still, OWN, 1),
    (moving, OWN, 12),
    (moving, SOME, 4),
    (lambda i: (30, 20, 60, 80) if i < 6 else (50, 20, 80, 80), SOME, 2),
])
def test_one_pass_per_person_and_frame(models, box, policy, crops):
    _, estimator = run(
        models(), make_video(12, one_person(box)), crop_policy=policy)
    stats = estimator.stats
    assert (stats.backbone_passes, stats.person_frames) == (12, 12)
    assert stats.passes_per_person_frame == 1
    assert stats.crops == crops
    assert stats.person_frames_per_crop == 12 / crops


def test_passes_are_counted_where_they_happen(models, monkeypatch):
    """What ``stats`` says is what the backbone saw."""
    model, seen = models(flip_test=True), []
    forward = model.backbone.forward
    monkeypatch.setattr(model.backbone, 'forward',
                        lambda x: seen.append(len(x)) or forward(x))
    _, estimator = run(model, make_video(6), crop_policy=SOME)
    assert sum(seen) == 2 * estimator.stats.backbone_passes


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


def test_moved_features_count(models):
    """Near the poses of a crop per box, but not the same."""
    frames = make_video(12, one_person(moving))
    naive, _ = run(models(), frames, mode='naive')
    found, _ = run(models(), frames, crop_policy=OWN)
    worst, scale = 0, 0
    for a, b in zip(naive, found):
        worst = max(worst,
                    abs(a.persons[0].heatmaps - b.persons[0].heatmaps).max())
        scale = max(scale, abs(a.persons[0].heatmaps).max())
    assert 1e-4 * scale < worst < 0.5 * scale


def test_frames_without_a_box_are_seen_once(models):
    """Before, after and between those of a track."""
    there = (3, 4, 5, 8, 9, 10)
    frames = make_video(
        14, one_person(lambda i: moving(i) if i in there else None))
    poses, estimator = run(models(), frames, crop_policy=OWN)
    assert [p.index for p in poses if p.persons] == list(there)
    # frames 1 ... 12
    assert estimator.stats.backbone_passes == 12


def test_frames_around_a_track_are_seen_without_a_box(models):
    frames = make_video(12,
                        one_person(lambda i: still(i) if 4 <= i < 8 else None))
    poses, estimator = run(models(), frames)
    stats = estimator.stats
    assert (stats.person_frames, stats.backbone_passes) == (4, 8)
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
    assert_equal_to_uncached(estimator, frames, poses)


def test_online_poses_come_before_the_next_frame(models):
    asked = []

    def frames():
        for frame in make_video(12, one_person(moving)):
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(models(offsets=(-2, -1, 0)), 'online')
    for poses in estimator.iterate_poses(frames()):
        assert asked[-1] == poses.index
    assert estimator.lookahead == 0
    assert estimator.stats.passes_per_person_frame == 1


def test_online_equals_offline_for_a_causal_model(models):
    model = models(offsets=(-2, -1, 0))
    frames = make_video()
    online, estimator = run(model, frames, mode='online', crop_policy=ONE)
    offline, _ = run(model, frames, mode='offline', crop_policy=ONE)
    assert_same_heatmaps(online, offline)
    assert_equal_to_uncached(estimator, frames, online)


def test_online_refuses_to_see_the_future(models):
    with pytest.raises(ValueError, match=r'frames to come.*-2, -1, 0, 1, 2'):
        StreamingPoseEstimator(models(), 'online')


def test_frames_are_read_as_far_ahead_as_said(models):
    asked = []

    def frames():
        for frame in make_video(12, one_person(moving)):
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(models(), batch_size=1)
    assert estimator.lookahead == 2
    next(estimator.iterate_poses(frames()))
    assert len(asked) == estimator.lookahead + 1


def test_rare_persons_do_not_hold_frames_back(models):
    asked = []

    def frames():
        box = one_person(lambda i: still(i) if i == 0 else None)
        for frame in make_video(20, box):
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(models(), batch_size=3)
    first = next(estimator.iterate_poses(frames()))
    assert len(first.persons) == 1
    assert len(asked) <= estimator.lookahead + 3 + 2


def test_memory_does_not_grow(models):
    """Frames and features kept, and frames read ahead, are bounded."""
    estimator = StreamingPoseEstimator(
        models(), batch_size=4, crop_policy=SOME)
    images, asked, most_images = [], 0, 0
    features = most_features = 0

    class Image(np.ndarray):
        """An array that can be weakly referenced."""

    def frames():
        nonlocal asked
        for frame in make_video(7) * 4:
            image = frame.image.copy().view(Image)
            images.append(weakref.ref(image))
            frame = TrackedFrame(asked, None, image, frame.persons)
            del image
            asked += 1
            yield frame

    encode = estimator.window_model.encode_frames

    def gone():
        nonlocal features
        features -= 1

    def watched(crops):
        nonlocal features
        found = encode(crops)
        for item in found:
            features += 1
            weakref.finalize(item.maps[0], gone)
        return found

    estimator.window_model.encode_frames = watched
    for place, poses in enumerate(estimator.iterate_poses(frames())):
        assert asked - place <= estimator.lookahead + 4 + 2
        del poses
        most_images = max(most_images, sum(x() is not None for x in images))
        most_features = max(most_features, features)
    assert asked == 28
    # span, lookahead, batch, those in hand
    assert most_images <= 5 + 2 + 4 + 2
    # of two persons
    assert most_features <= 2 * (5 + 4 + 2)


def test_five_hundred_frames_take_no_more_memory_than_fifty(models):
    image = np.zeros((64, 96, 3), np.uint8)
    persons = [TrackedBox(i, (5., 5., 40., 60.), 1.) for i in range(2)]
    estimator = StreamingPoseEstimator(models(), batch_size=4)
    phases = estimator.window_model
    # what a network computes is of no interest here, what is kept of it is
    phases.encode_frames = lambda crops: [
        np.zeros(20_000, np.float32) for _ in crops
    ]
    phases.predict_windows = lambda windows: [
        WindowPose(np.zeros((17, 2)), np.zeros(17), None, None)
        for _ in windows
    ]
    estimator.settings.pack = lambda *args, **kwargs: {}

    def peak(num_frames):
        frames = (
            Frame(i, None, image.copy(), persons) for i in range(num_frames))
        tracemalloc.start()
        try:
            for _ in estimator.iterate_poses(frames):
                pass
            return tracemalloc.get_traced_memory()[1] / image.size
        finally:
            tracemalloc.stop()

    peak(5)  # what is allocated once
    short, long = peak(50), peak(500)
    # were frames kept, it would be at least their number
    assert long < 1.05 * short < 450


def test_a_change_of_size_starts_a_new_video(models):
    small = make_video(4, one_person(still))
    large = make_video(4, one_person(still), size=(112, 160))
    for frame in large:
        frame.index += 4
        frame.number += 4
    poses, _ = run(models(), small + large)
    for part, frames in ((poses[:4], small), (poses[4:], large)):
        assert_same_heatmaps(part, run(models(), frames)[0])


def test_numbers_with_a_step(models):
    """Every fifth frame of a video, numbered as in the video."""
    frames = make_video()
    expected, estimator = run(models(), frames)
    for frame in frames:
        frame.number = 100 + 5 * frame.index
    found = list(estimator.iterate_poses(frames, frame_step=5))
    assert_same_heatmaps(found, expected)


def test_motion_feature(models):
    frames = make_video(4)
    estimator = StreamingPoseEstimator(models(), output_motion=True)
    for poses in estimator.iterate_poses(frames):
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
    assert_same_heatmaps(found, expected)
    for a, b in zip(expected, flipped):
        for p, q in zip(a.persons, b.persons):
            assert abs(p.heatmaps - q.heatmaps).max() > 1e-3


def test_empty_videos_and_frames(models):
    estimator = StreamingPoseEstimator(models())
    assert list(estimator.iterate_poses([])) == []
    results = list(estimator.iterate_poses(make_video(3, {})))
    assert [frame.persons for frame in results] == [[], [], []]
    assert estimator.stats.backbone_passes == 0
    one, = estimator.iterate_poses(make_video(1))
    assert len(one.persons) == 1


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


@given(
    st.lists(st.integers(0, 30), min_size=2, unique=True).map(sorted),
    st.sampled_from([(-2, -1, 0, 1, 2), (-3, -1, 0), (0, 2), (0, ),
                     (-1, 0, 4)]), st.sampled_from(sorted(PADDING_POLICIES)))
def test_windows_are_the_datasets(numbers, offsets, padding):
    """Whatever holes there are, as soon as a window is complete, and with
    only the frames kept that are needed."""
    window, policy = FrameWindow(offsets), PADDING_POLICIES[padding]
    video = VideoFrames('video', numbers, [''] * len(numbers))
    step, grid = video.step, video.grid.tolist()
    buffer, waiting, found = FrameBuffer(window, policy, step), [], {}
    span = offsets[-1] - offsets[0]

    def advance(ended):
        while waiting and (ended or buffer.is_complete(waiting[0])):
            key = waiting.pop(0)
            found[key] = buffer.clip(key)
            assert all(buffer[n].index == n for n in found[key])
        buffer.drop_before(waiting[0] if waiting else buffer.last + 1)
        assert len(buffer) <= span + 3

    for number in grid:
        buffer.append(TrackedFrame(number))
        waiting.append(number)
        advance(False)
    advance(True)
    expected = {
        place: [grid[p] for p in video.clip(key, window, policy)[0]]
        for key, place in zip(numbers, grid)
    }
    assert found == expected


@pytest.mark.parametrize('gap, num_texts', [(1, 0), (4, 1)])
def test_mostly_padded_windows_are_reported(models, monkeypatch, gap,
                                            num_texts):
    texts = []
    monkeypatch.setattr(frames_module, 'print_log',
                        lambda text, **_: texts.append(text))
    image = np.zeros((96, 128, 3), np.uint8)
    box = TrackedBox(4, (1., 1., 20., 30.), 1.)
    estimator = StreamingPoseEstimator(models())
    list(
        estimator.iterate_poses(
            TrackedFrame(gap * i, None, image, [box]) for i in range(12)))
    assert len(texts) == num_texts
    assert all('the video: 12 of 12 windows' in text for text in texts)


def test_windows_with_a_step():
    buffer = FrameBuffer(
        FrameWindow((-1, 0, 1)), PADDING_POLICIES['clamp'], frame_step=5)
    for number in (0, 5, 10, 20):
        buffer.append(TrackedFrame(number))
    assert buffer.clip(5) == [0, 5, 10]
    assert buffer.clip(10) == [5, 10, 10]
    assert buffer.is_complete(15) and not buffer.is_complete(20)
    assert buffer.share_frames(0, 10) and not buffer.share_frames(0, 15)


def test_frames_must_ascend():
    buffer = FrameBuffer(FrameWindow((0, )), PADDING_POLICIES['clamp'])
    buffer.append(TrackedFrame(3))
    with pytest.raises(ValueError, match='3 follows 3'):
        buffer.append(TrackedFrame(3))


def test_feature_cache():
    cache = FeatureCache()
    cache[1, 10] = 'a'
    assert cache.missing([(1, 11), (1, 10), (2, 10), (1, 11)]) == [(1, 11),
                                                                   (2, 10)]
    cache.update({(track, n): 'b' for track in (2, 3) for n in range(11)})
    cache.evict(10)
    assert set(cache) == {(1, 10), (2, 10), (3, 10)}


@pytest.mark.parametrize('name', ['iou', 'oks', 'motion'])
def test_identities_of_boxes_reach_the_smoothed_poses(models, name):
    video = make_video(
        10, {
            0: lambda i: (10 + 2 * i, 20, 40 + 2 * i, 80),
            1: lambda i: (80 - i, 10, 110 - i, 75)
        })
    model = models()
    tracker = build_tracker(name, model.dataset_meta['sigmas'])
    estimator = StreamingPoseEstimator(
        model, output_motion=tracker.needs_motion)

    def tracked():
        for frame in video:
            if frame.index % 2:
                persons = tracker.carry(frame.index, frame.image)
            else:
                # the order of detections says nothing
                step = 1 if frame.index % 4 else -1
                boxes = np.array([p.bbox for p in frame.persons])[::step]
                persons = tracker.update(frame.index, boxes, np.ones(2),
                                         frame.image)
            yield frame.with_persons(persons)

    with torch.no_grad():
        poses = map(tracker.observe, estimator.iterate_poses(tracked()))
        found = list(build_smoother('savgol').iterate(poses))
    assert [frame.index for frame in found] == list(range(10))
    left = {
        min(frame.persons, key=lambda p: p.box.bbox[0]).box.track_id
        for frame in found[:6]
    }
    assert len(left) == 1
    assert {p.box.track_id for frame in found for p in frame.persons} == {0, 1}
    if name == 'motion':
        assert all(p.motion is not None for p in found[-1].persons)


@pytest.mark.parametrize('mode', ['offline', 'online', 'naive'])
def test_frames_given_out_are_their_receivers_to_paint_on(models, mode):
    model = models(offsets=(-2, -1, 0)) if mode == 'online' else models()
    expected, _ = run(model, make_video(), mode=mode, batch_size=3)
    estimator = StreamingPoseEstimator(
        model, mode, batch_size=3, output_heatmaps=True)
    found = []
    for poses in estimator.iterate_poses(make_video()):
        poses.image[:] = 255
        found.append(poses)
    assert_same_heatmaps(found, expected)


@pytest.mark.parametrize('mode', ['offline', 'naive'])
def test_frames_may_come_in_one_array(models, mode):
    expected, _ = run(models(), make_video(), mode=mode, batch_size=3)
    buffer = np.empty_like(make_video()[0].image)

    def refilled():
        for frame in make_video():
            buffer[:] = frame.image
            frame.image = buffer
            yield frame

    found, _ = run(models(), refilled(), mode=mode, batch_size=3)
    assert_same_heatmaps(found, expected)
