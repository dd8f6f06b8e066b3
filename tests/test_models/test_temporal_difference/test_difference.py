import pytest
import torch

from mmpose_tdmi.models.temporal_difference import (concatenated_differences,
                                                    feature_differences)


def test_later_minus_earlier_in_time_order():
    frames = torch.arange(5.).pow(2).view(1, 5, 1, 1, 1).expand(2, 5, 3, 4, 4)
    found = feature_differences(frames)
    assert found.shape == (2, 4, 3, 4, 4)
    assert found[0, :, 0, 0, 0].tolist() == [1, 3, 5, 7]


def test_static_clip_has_zero_differences():
    frames = torch.randn(2, 1, 3, 4, 4).expand(-1, 5, -1, -1, -1)
    assert not feature_differences(frames).any()


def test_reversed_time_negates_and_reverses():
    frames = torch.randn(2, 5, 3, 4, 4)
    torch.testing.assert_close(
        feature_differences(frames.flip(1)),
        -feature_differences(frames).flip(1))


@pytest.mark.parametrize('num_clips', [1, 3])
@pytest.mark.parametrize('memory_format',
                         [torch.contiguous_format, torch.channels_last])
def test_concatenated_in_the_frames_memory_format(num_clips, memory_format):
    maps = torch.randn(num_clips * 5, 6, 4, 3)
    frames = maps.contiguous(memory_format=memory_format).unflatten(0, (-1, 5))
    found = concatenated_differences(frames)
    assert torch.equal(found, feature_differences(frames).flatten(1, 2))
    assert found.is_contiguous(memory_format=memory_format)
