import pytest
import torch

from mmpose_tdmi.models.spatiotemporal import SpatiotemporalFeature
from mmpose_tdmi.structures import FrameWindow

CENTRED = FrameWindow((-2, -1, 0, 1, 2))


def test_parameters_of_the_authors_form():
    module = SpatiotemporalFeature(48, CENTRED, skip_projection='always')
    assert sum(x.numel() for x in module.parameters()) == 1_016_688


@pytest.mark.parametrize('offsets', [(-2, -1, 0, 1, 2), (-2, -1, 0), (0, 3)])
def test_every_frame_counts(offsets):
    module = SpatiotemporalFeature(4, FrameWindow(offsets), dict(groups=2))
    sequence = torch.randn(2, len(offsets), 4, 8, 8, requires_grad=True)
    out = module(sequence)
    assert out.shape == (2, 4, 8, 8)
    (out * torch.randn_like(out)).sum().backward()
    assert sequence.grad.abs().sum((0, 2, 3, 4)).gt(0).all()


def test_supporting_frames_are_in_time_order_without_the_key_frame():
    module = SpatiotemporalFeature(2, CENTRED, dict(groups=1)).eval()
    seen = {}
    module.supporting_blocks.register_forward_hook(
        lambda _, args, __: seen.update(supporting=args[0]))
    sequence = torch.randn(1, 5, 2, 6, 6)
    module(sequence)
    torch.testing.assert_close(seen['supporting'],
                               sequence[:, [0, 1, 3, 4]].flatten(1, 2))


def test_wrong_number_of_frames_is_an_error():
    module = SpatiotemporalFeature(4, CENTRED, dict(groups=2))
    with pytest.raises(ValueError, match='T = 5.*sequences of 3 frames'):
        module(torch.randn(1, 3, 4, 6, 6))


@pytest.mark.parametrize('window, options, key', [
    (FrameWindow((0, )), None, 'offsets'),
    (CENTRED, dict(group=2), 'spatiotemporal has no option group'),
    (CENTRED, dict(groups=3), 'groups'),
    (CENTRED, dict(groups=2, num_output_blocks=0), 'num_output_blocks'),
])
def test_invalid_option_is_named(window, options, key):
    with pytest.raises(ValueError, match=key):
        SpatiotemporalFeature(4, window, options)
