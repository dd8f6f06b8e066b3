"""Which frames make up a clip."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpose_tdmi.datasets import PADDING_POLICIES, VideoFrames, padding_policy
from mmpose_tdmi.structures import FrameWindow

DELTA2 = FrameWindow.from_config(delta=2)


def clip(numbers, key, policy='clamp', window=DELTA2):
    frames = VideoFrames('v', numbers, [f'{n}.jpg' for n in numbers])
    places, padded = frames.clip(key, window, padding_policy(policy))
    return [int(frames.numbers[place]) for place in places], padded


@pytest.mark.parametrize('policy', PADDING_POLICIES)
def test_inside_a_video_nothing_is_replaced(policy):
    assert clip(range(7, 20), 10, policy) == ([8, 9, 10, 11, 12], [False] * 5)


@pytest.mark.parametrize('policy, key, expected', [
    ('clamp', 1, [1, 1, 1, 2, 3]),
    ('clamp', 2, [1, 1, 2, 3, 4]),
    ('clamp', 8, [6, 7, 8, 9, 9]),
    ('clamp', 9, [7, 8, 9, 9, 9]),
    ('key_frame', 2, [2, 1, 2, 3, 4]),
    ('key_frame', 8, [6, 7, 8, 9, 8]),
    ('key_frame', 9, [7, 8, 9, 9, 9]),
    ('released', 1, [1, 1, 1, 2, 3]),
    ('released', 2, [2, 1, 2, 3, 4]),
    ('released', 8, [6, 7, 8, 9, 9]),
    ('released', 9, [7, 8, 9, 9, 9]),
])
def test_the_ends_of_a_video(policy, key, expected):
    numbers = list(range(1, 10))
    frames, padded = clip(numbers, key, policy)
    assert frames == expected
    assert padded == [key + o not in numbers for o in DELTA2.offsets]


@pytest.mark.parametrize('policy, expected', [
    ('clamp', [4, 5, 5, 5, 5]),
    ('key_frame', [5, 5, 5, 5, 5]),
    ('released', [5, 5, 5, 5, 5]),
])
def test_asymmetric_windows_reach_any_offset(policy, expected):
    window = FrameWindow((-9, -1, 0, 1, 3))
    frames, padded = clip([4, 5], 5, policy, window)
    expected[1] = 4
    assert frames == expected
    assert padded == [True, False, False, True, True]


def test_released_takes_the_last_frame_before_a_missing_future_one():
    window = FrameWindow((0, 1, 2, 3, 4))
    assert clip([1, 2, 3], 1, 'released', window)[0] == [1, 2, 3, 3, 3]


@pytest.mark.parametrize('policy, expected', [
    ('clamp', [2, 2, 4, 5, 6]),
    ('key_frame', [2, 4, 4, 5, 6]),
])
def test_a_gap_is_filled_by_the_policy(policy, expected):
    numbers = [1, 2, 4, 5, 6, 9, 10]
    frames, padded = clip(numbers, 4, policy)
    # 3 is as near to 2 as to 4: the key frame's side wins
    expected[1] = 4
    assert frames == expected
    assert padded == [False, True, False, False, False]


def test_a_gap_does_not_bring_in_a_far_frame():
    assert clip([0, 1, 2, 500, 501], 2)[0] == [0, 1, 2, 2, 2]


def test_offsets_count_in_steps_of_a_thinned_video():
    frames, padded = clip([3, 8, 13, 18, 28], 13)
    assert frames == [3, 8, 13, 18, 18]
    assert padded == [False, False, False, False, True]


def test_a_video_of_one_frame():
    assert clip([5], 5) == ([5] * 5, [True, True, False, True, True])


@given(
    st.sets(st.integers(0, 60), min_size=1), st.sets(st.integers(-6, 6)),
    st.data())
def test_any_clip(numbers, offsets, data):
    numbers = sorted(numbers)
    key = data.draw(st.sampled_from(numbers))
    window = FrameWindow(tuple(sorted(offsets | {0})))
    step = VideoFrames('v', numbers, numbers).step
    for policy in PADDING_POLICIES:
        frames, padded = clip(numbers, key, policy, window)
        assert set(frames) <= set(numbers)
        assert frames[window.key] == key and not padded[window.key]
        for offset, frame, replaced in zip(window.offsets, frames, padded):
            target = key + offset * step
            assert replaced == (target not in numbers)
            assert replaced or frame == target
        if policy == 'clamp':
            assert frames == sorted(frames)
            distances = [
                abs(f - key - o * step)
                for f, o in zip(frames, window.offsets)
            ]
            assert distances == [
                min(abs(n - key - o * step) for n in numbers)
                for o in window.offsets
            ]


def test_errors():
    with pytest.raises(ValueError, match="'mirror'.*'clamp'"):
        padding_policy('mirror')
    with pytest.raises(ValueError, match='v: frame 3 .* 2 to 4'):
        clip([2, 4], 3)
    with pytest.raises(ValueError, match='v: the video has no frames'):
        VideoFrames('v', [], [])
    with pytest.raises(ValueError, match=r'1 \(1.jpg\).*1 \(001.jpg\)'):
        VideoFrames('v', [0, 1, 1], ['0.jpg', '1.jpg', '001.jpg'])
    with pytest.raises(ValueError, match='2 frame numbers for 1 paths'):
        VideoFrames('v', np.arange(2), ['0.jpg'])
