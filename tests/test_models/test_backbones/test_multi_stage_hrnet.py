import pytest
import torch
from mmpose.models.backbones import HRNet
from mmpose.registry import MODELS


def build(extra, **kwargs):
    return MODELS.build(dict(type='MultiStageHRNet', extra=extra, **kwargs))


@pytest.mark.parametrize('width', [32, 48])
def test_stock_checkpoint_loads_with_nothing_missing_or_unexpected(
        hrnet_extra, width):
    extra = hrnet_extra(width, full=True)
    # no numbers are needed to compare names and shapes
    with torch.device('meta'):
        stock, model = HRNet(extra), build(extra)
    assert sum(x.numel() for x in model.parameters()) == {
        32: 28_535_552,
        48: 63_594_912
    }[width]
    result = model.load_state_dict(
        stock.state_dict(), strict=True, assign=True)
    assert not result.missing_keys and not result.unexpected_keys
    assert model.out_channels == (width, ) * 4


def test_last_map_is_what_the_stock_network_gives(hrnet_extra):
    stock, model = HRNet(hrnet_extra()), build(hrnet_extra())
    for x in stock.parameters():
        torch.nn.init.normal_(x, std=0.1)
    model.load_state_dict(stock.state_dict())
    stock.train(False)
    model.train(False)
    x = torch.randn(2, 3, 64, 32)
    maps = model(x)
    torch.testing.assert_close(maps[-1], stock(x)[0])
    assert [tuple(x.shape) for x in maps] == [(2, 8, 16, 8)] * 4


def test_each_map_is_the_stated_layer_of_the_network(hrnet_extra):
    model = build(hrnet_extra()).eval()
    seen = {}
    for name in ('transition1.0', 'stage2', 'stage3', 'stage4'):
        model.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: seen.setdefault(name, out))
    maps = model(torch.randn(2, 3, 32, 32))
    expected = [
        seen['transition1.0'],
        *(seen[f'stage{stage}'][0] for stage in (2, 3, 4))
    ]
    for a, b in zip(maps, expected):
        torch.testing.assert_close(a, b)


def test_out_stages_chooses_maps(hrnet_extra):
    model = build(hrnet_extra(), out_stages=(2, 4)).eval()
    everything = build(hrnet_extra()).eval()
    everything.load_state_dict(model.state_dict())
    x = torch.randn(1, 3, 32, 32)
    found, expected = model(x), everything(x)
    assert len(found) == len(model.out_channels) == 2
    torch.testing.assert_close(found[0], expected[1])
    torch.testing.assert_close(found[1], expected[3])


@pytest.mark.parametrize('stages', [(), (0, 1), (1, 5), (2, 1), (3, 3)])
def test_a_stage_that_does_not_exist_is_an_error(hrnet_extra, stages):
    with pytest.raises(ValueError, match='out_stages'):
        build(hrnet_extra(), out_stages=stages)


def test_frozen_changes_nothing_in_training(hrnet_extra):
    model = build(hrnet_extra(), frozen=True)
    assert model.train() is model
    before = {k: v.clone() for k, v in model.state_dict().items()}
    maps = model(torch.randn(2, 3, 32, 32))
    assert not any(x.requires_grad for x in maps)
    assert not any(x.requires_grad for x in model.parameters())
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, before[key])


def test_not_frozen_trains(hrnet_extra):
    model = build(hrnet_extra()).train()
    before = model.bn1.running_mean.clone()
    sum(x.sum() for x in model(torch.randn(2, 3, 32, 32))).backward()
    assert not torch.equal(model.bn1.running_mean, before)
    assert all(x.grad is not None for x in model.parameters())
