import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models import TemporalFeatures
from mmpose_tdmi.models.spatiotemporal import WindowShortcut
from mmpose_tdmi.structures import FrameWindow

WINDOW = FrameWindow((-2, -1, 0, 1, 2))


def build(window=WINDOW):
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


def test_a_sequence_of_another_length_names_the_offsets():
    with pytest.raises(
            ValueError, match=r'offsets \(-2, -1, 0, 1, 2\), T = 5'
            '.* 3 frames'):
        build()(torch.randn(1, 3, 4, 6, 5), torch.randn(1, 4, 6, 5))


def test_head_starts_as_the_mean_of_the_frames_heatmaps():
    """The heatmap layer is linear, so a mean of features is one of heatmaps.
    """
    head = MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=4,
            out_channels=3,
            visual_shortcut='window'))
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
