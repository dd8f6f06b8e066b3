"""Corrupted clips, and configs with such test clips."""
import json

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS

import mmpose_tdmi  # noqa: F401
from projects.known_truth.corruption import (CORRUPTIONS, CorruptFrames,
                                             corrupted, fewer_videos)


def _config(*steps):
    pipeline = [dict(type=step) for step in steps]
    return Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_frames_are_corrupted_as_soon_as_they_are_loaded(name):
    config = _config('LoadFrameSequence', 'GetBBoxCenterScale')
    changed = corrupted(config, CORRUPTIONS[name])
    steps = changed.test_dataloader.dataset.pipeline
    assert len(config.test_dataloader.dataset.pipeline) == 2
    if name == 'clean':
        assert steps == config.test_dataloader.dataset.pipeline
        return
    assert [s['type'] for s in steps
            ] == ['LoadFrameSequence', 'CorruptFrames', 'GetBBoxCenterScale']
    with DefaultScope.overwrite_default_scope('mmpose'):
        TRANSFORMS.build(steps[1])


def test_pipelines_without_clips_are_refused():
    with pytest.raises(ValueError, match='LoadFrameSequence, found 0'):
        corrupted(_config('LoadImage'), CORRUPTIONS['noisy'])


def test_some_of_the_videos(clips, tmp_path):
    """Dataset and metric agree about which."""
    path = clips.annotations('val')
    config = Config(
        dict(
            test_dataloader=dict(dataset=dict(ann_file=path.name)),
            test_evaluator=dict(ann_file=str(path))))
    changed = fewer_videos(config, 2, tmp_path)
    assert config.test_evaluator.ann_file == str(path)
    found = changed.test_evaluator.ann_file
    assert found == changed.test_dataloader.dataset.ann_file
    whole, some = (json.loads(open(p).read()) for p in (path, found))
    videos = list(dict.fromkeys(i['vid_id'] for i in whole['images']))
    assert {i['vid_id'] for i in some['images']} == {videos[0], videos[2]}
    images = {i['id'] for i in some['images']}
    assert some['annotations'] == [
        a for a in whole['annotations'] if a['image_id'] in images
    ]
    with pytest.raises(ValueError, match='has 4 videos, asked for 5'):
        fewer_videos(config, 5, tmp_path)


OFFSETS = (-2, -1, 0, 1, 2)


def clip(offsets=OFFSETS, dtype=np.uint8):
    """Frames with a vertical edge, whose brightness tells their number."""
    frames = []
    for number in range(len(offsets)):
        frame = np.full((40, 30, 3), 40 + 20 * number, dtype)
        frame[:, 15:] += 40
        frames.append(frame)
    return dict(img=frames, frame_offsets=offsets, id=7, img_path='a.jpg')


def shown(results):
    """Which frames are shown at each place."""
    return [(int(frame[0, 0, 0]) - 40) // 20 for frame in results['img']]


@pytest.mark.parametrize('kind, expected', [
    ('freeze', [2, 2, 2, 2, 2]),
    ('duplicate', [0, 0, 2, 4, 4]),
    ('reverse', [4, 3, 2, 1, 0]),
])
def test_frames_are_shown_elsewhere(kind, expected):
    assert shown(CorruptFrames(kind)(clip())) == expected


def test_shuffled_frames_are_all_there_and_the_key_frame_in_its_place():
    seen = set()
    for id_ in range(20):
        results = CorruptFrames('shuffle')(dict(clip(), id=id_))
        order = shown(results)
        assert sorted(order) == [0, 1, 2, 3, 4] and order[2] == 2
        seen.add(tuple(order))
    assert len(seen) > 5


@pytest.mark.parametrize('frames, untouched', [('supporting', {2}),
                                               ('key', {0, 1, 3, 4})])
@pytest.mark.parametrize('kind', CorruptFrames.EITHER)
def test_only_the_chosen_frames_change(kind, frames, untouched):
    before = clip()
    after = CorruptFrames(kind, frames)(clip())
    same = {
        t
        for t in range(5) if np.array_equal(before['img'][t], after['img'][t])
    }
    assert same == untouched
    assert all(frame.dtype == np.uint8 for frame in after['img'])


def test_what_the_kinds_do():
    dropped = CorruptFrames('drop')(clip())['img'][0]
    assert not dropped.any()
    noisy = CorruptFrames('noise', severity=10.)(clip())['img'][1]
    noise = noisy.astype(float) - clip()['img'][1]
    assert abs(noise.mean()) < 1 and 8 < noise.std() < 12
    blurred = CorruptFrames('blur', severity=5.)(clip())['img'][1]
    edge = np.abs(np.diff(blurred[20, :, 0].astype(int)))
    assert edge.max() < 15 and edge.sum() > 30


def test_float_frames_stay_floats():
    frame = CorruptFrames('noise')(clip(dtype=np.float32))['img'][0]
    assert frame.dtype == np.float32


def test_the_same_sample_gets_the_same_corruption():
    for kind in ('noise', 'shuffle'):
        first, again = (CorruptFrames(kind)(clip()) for _ in range(2))
        other = CorruptFrames(kind, seed=3)(clip())
        for a, b in zip(first['img'], again['img']):
            assert np.array_equal(a, b)
        assert any(not np.array_equal(a, b)
                   for a, b in zip(first['img'], other['img']))


def test_causal_windows():
    results = CorruptFrames('duplicate')(clip((-2, -1, 0)))
    assert shown(results) == [0, 0, 2]
    results = CorruptFrames('freeze')(clip((-2, -1, 0)))
    assert shown(results) == [2, 2, 2]


def test_frames_are_arrays_of_their_own():
    results = CorruptFrames('freeze')(clip())
    results['img'][0][:] = 0
    assert results['img'][2].any()


@pytest.mark.parametrize('options, message', [
    (dict(kind='melt'), 'kind must be'),
    (dict(kind='freeze', frames='key'), 'kind must be'),
    (dict(kind='drop', frames='all'), 'frames must be'),
    (dict(kind='drop', severity=1.), 'no severity'),
    (dict(kind='noise', severity=-1.), 'positive'),
])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        CorruptFrames(**options)
