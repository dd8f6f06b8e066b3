import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpose_tdmi.datasets.frames import PADDING_POLICIES, VideoFrames
from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.video import TrackedFrame
from mmpose_tdmi.video.streaming.clips import FrameBuffer

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(number):
    return TrackedFrame(number, None, IMAGE)


@given(
    st.lists(st.integers(0, 30), min_size=2, unique=True).map(sorted),
    st.sampled_from([(-2, -1, 0, 1, 2), (-3, -1, 0), (0, 2), (0, ),
                     (-1, 0, 4)]), st.sampled_from(sorted(PADDING_POLICIES)))
def test_windows_are_the_datasets(numbers, offsets, padding):
    """Whatever holes there are, as soon as a window is complete, and with
    only the frames kept that are needed."""
    # frames 40 and 41 make the step 1
    numbers = [*numbers, 40, 41]
    window, policy = FrameWindow(offsets), PADDING_POLICIES[padding]
    video = VideoFrames('video', numbers, [''] * len(numbers))
    buffer, waiting, found = FrameBuffer(window, policy), [], {}
    span = offsets[-1] - offsets[0]

    def advance(ended):
        while waiting and (ended or buffer.is_complete(waiting[0])):
            key = waiting.pop(0)
            found[key] = buffer.clip(key)
            assert all(buffer[n].index == n for n in found[key])
        buffer.drop_before(waiting[0] if waiting else buffer.last + 1)
        assert len(buffer) <= span + 3

    for number in numbers:
        buffer.append(frame(number))
        waiting.append(number)
        advance(False)
    advance(True)
    expected = {
        key: [numbers[p] for p in video.clip(key, window, policy)[0]]
        for key in numbers
    }
    assert found == expected


def test_steps():
    buffer = FrameBuffer(
        FrameWindow((-1, 0, 1)), PADDING_POLICIES['clamp'], frame_step=5)
    for number in (0, 5, 10, 20):
        buffer.append(frame(number))
    assert buffer.clip(5) == [0, 5, 10]
    assert buffer.clip(10) == [5, 10, 10]
    assert buffer.is_complete(15) and not buffer.is_complete(20)
    assert buffer.share_frames(0, 10) and not buffer.share_frames(0, 15)


def test_causal_windows_do_not_see_the_future():
    buffer = FrameBuffer(
        FrameWindow((-1, 0, 2)), PADDING_POLICIES['clamp'], causal=True)
    for number in range(4):
        buffer.append(frame(number))
    assert buffer.clip(1) == [0, 1, 1]
    assert buffer.is_complete(3)
    assert buffer.share_frames(1, 2) and not buffer.share_frames(1, 3)


def test_order_and_unknown_frames():
    buffer = FrameBuffer(FrameWindow((0, )), PADDING_POLICIES['clamp'])
    buffer.append(frame(3))
    with pytest.raises(ValueError, match='3 follows 3'):
        buffer.append(frame(3))
    with pytest.raises(KeyError, match='frame 4 is not among'):
        buffer[4]
    assert (buffer.first, buffer.last, len(buffer)) == (3, 3, 1)
