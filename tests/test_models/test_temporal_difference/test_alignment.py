import torch

from mmpose_tdmi.models.temporal_difference import StageAlignment


def test_equal_maps_are_passed_on_without_parameters():
    alignment = StageAlignment((8, 8), 8)
    maps = [torch.randn(2, 8, 4, 3) for _ in range(2)]
    assert not list(alignment.parameters())
    for a, b in zip(alignment(maps), maps):
        assert a is b


def test_maps_are_brought_to_the_finest_ones_shape():
    alignment = StageAlignment((4, 8, 16), 8)
    maps = [torch.randn(2, c, s, s) for c, s in ((4, 16), (8, 8), (16, 3))]
    found = alignment(maps)
    assert [tuple(x.shape) for x in found] == [(2, 8, 16, 16)] * 3
    assert sum(x.numel()
               for x in alignment.parameters()) == (4 * 8 + 8 + 16 * 8 + 8)


def test_a_constant_map_stays_constant():
    (_, found) = StageAlignment(
        (1, 1), 1)([torch.zeros(1, 1, 9, 7),
                    torch.full((1, 1, 2, 2), 3.)])
    torch.testing.assert_close(found, torch.full((1, 1, 9, 7), 3.))
