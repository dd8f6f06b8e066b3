"""The frame contract."""
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time


@given(st.integers(0, 20))
def test_delta_puts_the_key_frame_in_the_middle(delta):
    window = FrameWindow.from_config(delta=delta)
    assert window.num_frames == 2 * delta + 1
    assert window.key == delta
    assert window.offsets == tuple(range(-delta, delta + 1))
    assert FrameWindow.centred(window.num_frames) == window


@given(st.sets(st.integers(-30, 30)))
def test_offsets_find_the_key_frame(others):
    offsets = tuple(sorted(others | {0}))
    window = FrameWindow.from_config(offsets=offsets)
    assert window.offsets[window.key] == 0
    assert window.num_frames == len(offsets)


def test_causal_window():
    assert FrameWindow((-3, -2, -1, 0)).key == 3


@pytest.mark.parametrize('offsets', [(), (1, 2), (0, 0), (1, 0), (-1., 0),
                                     (False, 1), (0, True), ('0', ),
                                     (-1, 0, 2, 1)])
def test_bad_offsets_raise(offsets):
    with pytest.raises(ValueError, match='offsets must'):
        FrameWindow(offsets)


@pytest.mark.parametrize('config', [{}, dict(delta=1, offsets=(0, ))])
def test_exactly_one_of_delta_and_offsets(config):
    with pytest.raises(ValueError, match='exactly one'):
        FrameWindow.from_config(**config)


@pytest.mark.parametrize('delta', [-1, 1.5, True, '2'])
def test_bad_delta_raises(delta):
    with pytest.raises(ValueError, match='delta must'):
        FrameWindow.from_config(delta=delta)


@pytest.mark.parametrize('num_frames', [0, 2, 4, -1])
def test_a_clip_without_a_middle_raises(num_frames):
    with pytest.raises(ValueError, match=f'T = {num_frames}'):
        FrameWindow.centred(num_frames)


def test_a_window_from_a_config_list_is_hashable():
    assert hash(FrameWindow.from_config(offsets=[-1, 0])) == hash(
        FrameWindow((-1, 0)))


@given(st.integers(1, 4), st.integers(1, 5))
def test_folding_keeps_frame_t_of_clip_b_at_b_t(num_clips, num_frames):
    clips = torch.arange(num_clips * num_frames * 6).view(
        num_clips, num_frames, 1, 2, 3)
    folded = fold_time(clips)
    for b in range(num_clips):
        for t in range(num_frames):
            assert torch.equal(folded[b * num_frames + t], clips[b, t])
    assert torch.equal(unfold_time(folded, num_frames), clips)


def test_unfolding_another_t_raises():
    with pytest.raises(ValueError, match='T = 5.*got 6 frames'):
        unfold_time(torch.zeros(6, 3, 2, 2), 5)
