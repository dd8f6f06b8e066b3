"""Stored maps handed on."""
import pytest
import torch

from projects.known_truth.stored_features.backbone import StoredFeatureBackbone


def test_stages_come_apart_as_they_were_joined():
    maps = [torch.randn(6, c, 4, 3) for c in (8, 4, 2)]
    joined = torch.cat(maps, dim=1)
    for found, expected in zip(StoredFeatureBackbone((8, 4, 2))(joined), maps):
        assert torch.equal(found, expected)
    last, = StoredFeatureBackbone((8, 4, 2), out_stages=(3, ))(joined)
    assert torch.equal(last, maps[2])


def test_it_has_no_weights():
    assert not StoredFeatureBackbone((8, )).state_dict()


@pytest.mark.parametrize('stages', [(), (0, ), (4, )])
def test_stages_that_are_not_stored_are_refused(stages):
    with pytest.raises(ValueError, match='out_stages .* from 1 to 3'):
        StoredFeatureBackbone((8, 4, 2), out_stages=stages)


def test_features_of_another_backbone_are_refused():
    with pytest.raises(ValueError, match=r'expected .*\(N, 14, H, W\).*12'):
        StoredFeatureBackbone((8, 4, 2))(torch.zeros(1, 12, 4, 3))
