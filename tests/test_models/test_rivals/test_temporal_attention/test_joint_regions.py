import pytest
import torch

from mmpose_tdmi.models.rivals.temporal_attention import joint_regions


def test_cells_near_the_peak():
    heatmaps = torch.zeros(1, 2, 8, 8)
    heatmaps[0, 0, 5, 2] = 10
    heatmaps[0, 0, 0, 7] = 1.9
    heatmaps[0, 1, 0, 0] = 3
    heatmaps[0, 1, 7, 7] = 0.7
    regions = joint_regions(heatmaps, (4, 4), 0.2)
    # a single cell survives the coarser grid
    assert regions[0, 0].nonzero().tolist() == [[2, 1]]
    assert regions[0, 1].nonzero().tolist() == [[0, 0], [3, 3]]


def test_what_is_added_or_multiplied_does_not_matter():
    heatmaps = torch.rand(2, 3, 8, 8)
    expected = joint_regions(heatmaps, (4, 4), 0.5)
    assert torch.equal(joint_regions(5 * heatmaps - 3, (4, 4), 0.5), expected)


@pytest.mark.parametrize('threshold', [0., 0.2, 1.])
@pytest.mark.parametrize('heatmaps', [
    torch.zeros(2, 3, 8, 6),
    torch.full((2, 3, 8, 6), -7.),
    torch.arange(288.).sin().reshape(2, 3, 8, 6),
])
def test_there_is_always_somewhere_to_look(heatmaps, threshold):
    regions = joint_regions(heatmaps, (2, 3), threshold)
    assert regions.flatten(2).any(dim=2).all()
