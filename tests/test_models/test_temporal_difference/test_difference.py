import torch

from mmpose_tdmi.models.temporal_difference import feature_differences


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
