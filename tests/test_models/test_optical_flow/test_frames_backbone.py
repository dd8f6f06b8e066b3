import pytest
import torch
from mmengine.runner.checkpoint import (get_state_dict, load_checkpoint,
                                        save_checkpoint)
from mmpose.registry import MODELS
from torch import nn


@pytest.fixture
def pair(hrnet_extra):
    """A backbone, and another one of its kind with frames."""
    config = dict(
        type='MultiStageHRNet', extra=hrnet_extra(), out_stages=(2, 4))
    return (MODELS.build(config),
            MODELS.build(dict(type='BackboneWithFrames', backbone=config)))


def test_frames_come_first(pair):
    plain, with_frames = pair
    with_frames.load_state_dict(plain.state_dict())
    frames = torch.randn(2, 3, 32, 32)
    found = with_frames.eval()(frames)
    expected = plain.eval()(frames)
    assert found[0] is frames and len(found) == 3
    for a, b in zip(found[1:], expected):
        assert torch.equal(a, b)


def test_a_backbone_of_one_map():

    @MODELS.register_module(name='OneMapForTest', force=True)
    class OneMap(nn.Conv2d):

        def __init__(self):
            super().__init__(3, 8, 4, stride=4)

    try:
        backbone = MODELS.build(
            dict(
                type='BackboneWithFrames',
                backbone=dict(type='OneMapForTest')))
    finally:
        MODELS._module_dict.pop('OneMapForTest')
    frames, maps = backbone(torch.randn(2, 3, 32, 32))
    assert maps.shape == (2, 8, 8, 8)


@pytest.mark.parametrize('state_of', [nn.Module.state_dict, get_state_dict])
def test_checkpoints_are_those_of_the_backbone(pair, tmp_path, state_of):
    models = [nn.ModuleDict(dict(backbone=x)) for x in pair]
    states = [state_of(x) for x in models]
    assert list(states[0]) == list(states[1])
    for source, target in (models, models[::-1]):
        for x in source.state_dict().values():
            if x.is_floating_point():
                x.normal_()
        path = str(tmp_path / 'x.pth')
        save_checkpoint(dict(state_dict=state_of(source)), path)
        load_checkpoint(target, path, strict=True)
        expected = source.state_dict()
        assert all(
            torch.equal(x, expected[name])
            for name, x in target.state_dict().items())


def test_missing_weights_are_reported(pair):
    state = pair[0].state_dict()
    state.pop('conv1.weight')
    with pytest.raises(RuntimeError, match='conv1.weight'):
        pair[1].load_state_dict(state)


def test_the_backbones_own_weights_and_freezing(hrnet_extra, tmp_path):
    config = dict(type='MultiStageHRNet', extra=hrnet_extra(), frozen=True)
    trained = MODELS.build(config)
    path = str(tmp_path / 'x.pth')
    save_checkpoint(
        dict(state_dict=nn.ModuleDict(dict(backbone=trained)).state_dict()),
        path)
    config['init_cfg'] = dict(
        type='Pretrained', checkpoint=path, prefix='backbone.')
    backbone = MODELS.build(dict(type='BackboneWithFrames', backbone=config))
    backbone.init_weights()
    backbone.train()
    assert not any(x.training for x in backbone.backbone.modules())
    expected = trained.state_dict()
    assert all(
        torch.equal(x, expected[name])
        for name, x in backbone.state_dict().items())
