import pytest
import torch
import torch.nn.functional as F

from mmpose_tdmi.models.rivals.fami_pose import GlobalAlignment, transform_maps


@pytest.mark.parametrize('transform', ['translation', 'affine'])
def test_a_new_alignment_passes_features_through(transform, randomise):
    alignment = GlobalAlignment(4, transform=transform)
    randomise(alignment)
    alignment.init_weights()
    support, key = torch.randn(2, 2, 4, 12, 9)
    torch.testing.assert_close(
        alignment.eval()(support, key), support, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('right, down', [(2, 0), (0, 3), (-1, 2)])
def test_translation_moves_content_by_whole_cells(right, down):
    maps = torch.randn(1, 2, 8, 6)
    found = transform_maps(maps, torch.tensor([[right, down]]))
    expected = F.pad(
        maps, (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)))
    expected = expected[...,
                        max(-down, 0):max(-down, 0) + 8,
                        max(-right, 0):max(-right, 0) + 6]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_affine_reads_its_linear_part():
    maps = torch.randn(1, 1, 8, 8)
    # x is read from -x: a flip
    found = transform_maps(maps, torch.tensor([[0., 0., -2., 0., 0., 0.]]))
    torch.testing.assert_close(found, maps.flip(-1), atol=1e-5, rtol=1e-5)


def test_it_can_find_a_translation():
    # a few steps towards the frame that the map was moved from
    alignment = GlobalAlignment(1, num_reductions=2)
    key = torch.zeros(8, 1, 12, 12)
    key[:, :, 4:8, 4:8] = 1
    key = F.avg_pool2d(key, 5, stride=1, padding=2)
    moved = transform_maps(key, torch.tensor([[2., 0.]]).expand(8, 2))
    optimiser = torch.optim.Adam(alignment.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        loss = (alignment(moved, key) - key).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    right, down = alignment.parameters_of(moved, key).mean(dim=0).tolist()
    assert right == pytest.approx(-2, abs=0.7) and abs(down) < 0.7


def test_maps_of_any_size():
    alignment = GlobalAlignment(4)
    for size in ((96, 72), (24, 16), (7, 5)):
        support, key = torch.randn(2, 2, 4, *size)
        assert alignment(support, key).shape == support.shape


def test_invalid_transform_is_named():
    with pytest.raises(ValueError, match='transform'):
        GlobalAlignment(4, transform='homography')
