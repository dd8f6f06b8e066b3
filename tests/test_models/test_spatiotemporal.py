"""TDMI-ST's visual feature and the window shortcut."""
import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models import TemporalFeatures
from mmpose_tdmi.models.spatiotemporal import (SpatiotemporalFeature,
                                               WindowShortcut)
from mmpose_tdmi.structures import FrameWindow

CENTRED = FrameWindow((-2, -1, 0, 1, 2))


def test_parameters_of_the_authors_form():
    module = SpatiotemporalFeature(48, CENTRED, None, skip_projection='always')
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


def build_head(**kwargs):
    return MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=4,
            out_channels=3,
            **kwargs))


@pytest.mark.parametrize('options', [
    dict(visual='spatiotemporal', spatiotemporal=dict(groups=2)),
    dict(visual_shortcut='window')
])
def test_a_sequence_of_another_length_names_the_offsets(options):
    sequence = torch.randn(1, 3, 4, 6, 6)
    with pytest.raises(
            ValueError,
            match=r'offsets \(-2, -1, 0, 1, 2\), T = 5'
            '.*sequences of 3 frames'):
        build_head(**options)(
            TemporalFeatures(sequence[:, 0], sequence, sequence[:, 1]))


@pytest.mark.parametrize('offsets, options, key', [
    ((0, ), None, 'offsets'),
    (CENTRED.offsets, dict(group=2), 'spatiotemporal has no option group'),
    (CENTRED.offsets, dict(groups=3), 'groups'),
    (CENTRED.offsets, dict(groups=2,
                           num_output_blocks=0), 'num_output_blocks'),
])
def test_invalid_option_is_named(offsets, options, key):
    with pytest.raises(ValueError, match=key):
        build_head(
            visual='spatiotemporal', offsets=offsets, spatiotemporal=options)


def build(window=CENTRED):
    module = WindowShortcut(4, window)
    module.init_weights()
    return module


@pytest.mark.parametrize('offsets, expected', [
    ((-2, -1, 0, 1, 2), (1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9)),
    ((-1, 0, 1), (1 / 4, 2 / 4, 1 / 4)),
    ((-3, -1, 0), (1 / 8, 3 / 8, 4 / 8)),
    ((0, ), (1., )),
])
def test_starts_as_the_mean_of_the_window(offsets, expected):
    module = build(FrameWindow(offsets))
    assert module.start_weights == pytest.approx(expected)
    sequence = torch.randn(2, len(offsets), 4, 6, 5)
    found = module(sequence, torch.randn(2, 4, 6, 5))
    weights = torch.tensor(expected).view(1, -1, 1, 1, 1)
    torch.testing.assert_close(found, (weights * sequence).sum(dim=1))


def test_motion_decides_cell_by_cell_which_frames_count():
    module = build()
    sequence, useful = torch.randn(1, 5, 4, 6, 5), torch.randn(1, 4, 6, 5)
    with torch.no_grad():
        module.gate.weight[4, 0, 1, 1] = 1e4  # the last frame, on channel 0
    found = module(sequence, useful)
    moves = useful[0, 0] > 0.1
    assert moves.any()
    torch.testing.assert_close(found[0, :, moves], sequence[0, 4][:, moves])
    weights = module.weights(useful)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(1, 6, 5))
    assert (weights[0, 4][~moves] < 0.5).any()


def test_learns_the_weights_and_what_they_depend_on():
    module = build()
    sequence, useful = torch.randn(1, 5, 4, 6, 5), torch.randn(1, 4, 6, 5)
    (module(sequence, useful) * torch.randn(1, 4, 6, 5)).sum().backward()
    assert module.frame_logits.grad.abs().min() > 0
    assert module.gate.weight.grad.abs().min() > 0


def test_head_starts_as_the_mean_of_the_frames_heatmaps():
    """The heatmap layer is linear, so a mean of features is one of heatmaps.
    """
    head = build_head(visual_shortcut='window')
    head.init_weights()
    head.eval()
    sequence = torch.randn(2, 5, 4, 6, 5)
    feats = TemporalFeatures(torch.randn(2, 4, 6, 5), sequence, sequence[:, 2])
    with torch.no_grad():
        found = head(feats)
        single = head.final_layer(sequence.flatten(0, 1)).unflatten(0, (2, 5))
    weights = torch.tensor(head.window_shortcut.start_weights)
    expected = (weights.view(1, 5, 1, 1, 1) * single).sum(dim=1)
    torch.testing.assert_close(found, expected)
