"""Corrupted clips."""
import numpy as np
import pytest

from mmpose_tdmi.datasets.transforms import CorruptFrames

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


def test_a_clip_that_is_not_its_window():
    with pytest.raises(ValueError, match='a.jpg: 5 frames'):
        CorruptFrames('drop')(dict(clip(), frame_offsets=(-1, 0, 1)))
