"""Optical flow in place of differences."""
from urllib.error import URLError

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.checkpoint import (get_state_dict, load_checkpoint,
                                        save_checkpoint)
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs
from torch import nn
from torchvision.models.optical_flow import (Raft_Large_Weights,
                                             Raft_Small_Weights)

from mmpose_tdmi.models import OpticalFlowNeck, TemporalFeatures
from mmpose_tdmi.models.cost import count_model
from mmpose_tdmi.models.optical_flow import RaftFlow

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SMALL = dict(arch='small', weights=None, num_updates=2)


@pytest.fixture
def flow_neck():
    """Arguments of a small OpticalFlowNeck on 8-channel maps, T = 3."""

    def build(**kwargs):
        return dict(
            in_channels=(8, ),
            mean=MEAN,
            std=STD,
            out_channels=8,
            offsets=(-1, 0, 1),
            num_blocks=1,
            flow=SMALL) | kwargs

    return build


@pytest.fixture
def brightness_flow():
    """A network whose flow is the frames' difference in brightness, right
    and down; RGB in [-1, 1]."""

    class BrightnessFlow(nn.Module):

        def forward(self, start, end, num_flow_updates):
            difference = (end - start).mean(1, keepdim=True)
            return [torch.zeros(()), difference.expand(-1, 2, -1, -1)]

    return BrightnessFlow()


@pytest.fixture
def large_clips():
    """Builds a batch of clips of T = 3 frames of 128 x 128 pixels."""

    def build():
        np.random.seed(0)
        data = get_packed_inputs(
            1,
            num_keypoints=17,
            img_shape=(128, 128),
            input_size=(128, 128),
            heatmap_size=(32, 32))
        generator = torch.Generator().manual_seed(0)
        data['inputs'] = [
            torch.randint(
                256, (3, 3, 128, 128), generator=generator, dtype=torch.uint8)
        ]
        return data

    return build


WEIGHTS = Raft_Small_Weights.DEFAULT


def build(**kwargs):
    options = dict(arch='small', weights=None, num_updates=2) | kwargs
    return RaftFlow(MEAN, STD, **options)


def normalised(level):
    """A frame of one RGB level, 0 to 255, after the data preprocessor."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, STD))
    return ((level - mean) / std).expand(1, 3, 128, 136)


@pytest.mark.parametrize('arch', ['small', 'large'])
def test_gives_a_flow_of_the_frames_size(arch):
    flow = build(arch=arch)(torch.randn(1, 3, 128, 136),
                            torch.randn(1, 3, 128, 136))
    assert flow.shape == (1, 2, 128, 136)
    assert flow.isfinite().all() and flow.abs().max() > 0


def test_the_network_sees_rgb_from_minus_one_to_one():
    flow = build()
    seen = []
    flow.network.register_forward_pre_hook(
        lambda module, arguments: seen.extend(arguments))
    flow(normalised(0), normalised(255))
    torch.testing.assert_close(seen[0], torch.full_like(seen[0], -1))
    torch.testing.assert_close(seen[1], torch.ones_like(seen[1]))


def test_flow_is_in_pixels_of_the_crop(brightness_flow):
    flow = build(frame_scale=2.)
    flow.network = brightness_flow
    small = [x[..., :64, :72] for x in (normalised(0), normalised(255))]
    found = flow(*small)
    assert found.shape == (1, 2, 128, 144)
    # 2 pixels of the enlarged frames
    torch.testing.assert_close(found, torch.ones_like(found))


@pytest.mark.parametrize('size,scale', [((96, 64), 1), ((128, 132), 1),
                                        ((96, 64), 1.5)])
def test_sizes_that_raft_cannot_take(size, scale):
    with pytest.raises(
            ValueError,
            match='frame_scale = .* multiples|'
            'multiples .*frame_scale'):
        build(frame_scale=scale)(*torch.randn(2, 1, 3, *size))


def test_frozen_by_default():
    flow = build().train()
    assert not any(x.training for x in flow.modules())
    assert not any(x.requires_grad for x in flow.parameters())
    frames = torch.randn(1, 3, 128, 128, requires_grad=True)
    assert not flow(frames, frames.flip(-1)).requires_grad


def test_trainable():
    flow = build(frozen=False).train()
    assert flow.network.training
    flow(torch.randn(1, 3, 128, 128),
         torch.randn(1, 3, 128, 128)).square().mean().backward()
    assert all(x.grad is not None for x in flow.parameters())


def test_bfloat16_autocast_leaves_it_in_float32():
    flow, frames = build(), torch.randn(2, 1, 3, 128, 128)
    expected = flow(*frames)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(flow(*frames), expected)


@pytest.mark.parametrize('source', ['hub', 'file'])
def test_weights_are_loaded(monkeypatch, tmp_path, source):
    # as a download would have left them
    folder = tmp_path / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    path = folder / WEIGHTS.url.rsplit('/', 1)[-1]
    trained = build().network.state_dict()
    torch.save(trained, path)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    flow = build(weights='DEFAULT' if source == 'hub' else str(path))
    flow.init_weights()
    for name, x in flow.network.state_dict().items():
        assert torch.equal(x, trained[name]), name
    assert not any(x.requires_grad for x in flow.parameters())


def test_offline_it_says_what_is_wanted(monkeypatch, tmp_path):

    def urlopen(*args, **kwargs):
        raise URLError('no route to host')

    monkeypatch.setattr('torch.hub.urlopen', urlopen)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    flow = build(weights='C_T_V2')
    with pytest.raises(RuntimeError) as caught:
        flow.init_weights()
    message = str(caught.value)
    assert Raft_Small_Weights.C_T_V2.url in message
    assert str(tmp_path / 'hub' / 'checkpoints') in message
    assert 'neck.flow.weights' in message and 'no route to host' in message


def test_a_missing_file(tmp_path):
    flow = build(weights=str(tmp_path / 'x.pth'))
    with pytest.raises(FileNotFoundError, match='flow.weights.*x.pth'):
        flow.init_weights()


@pytest.mark.parametrize('wrong,message', [
    (dict(arch='medium'), 'flow.arch'),
    (dict(weights='C_T_SKHT_V2'), 'flow.weights .*C_T_V1.*got'),
    (dict(num_updates=0), 'flow.num_updates'),
    (dict(frame_scale=0), 'flow.frame_scale'),
])
def test_wrong_options_of_raft(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)


def test_mean_of_another_number_of_channels():
    with pytest.raises(ValueError, match='mean must be three numbers'):
        RaftFlow((0., ), STD, arch='small', weights=None)


@pytest.fixture
def neck(flow_neck, brightness_flow):
    """Builds a neck whose flow is known and whose encoder does nothing."""

    def build(**kwargs):
        neck = OpticalFlowNeck(
            **flow_neck(mean=(127.5, ) * 3, std=(127.5, ) * 3)
            | kwargs).eval()
        neck.flow.network = brightness_flow
        neck.encoder = nn.Identity()
        return neck

    return build


def levels(*values, size=128):
    """A clip of frames of one level each; [-1, 1] is normalised here."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, size, size)


def test_what_the_encoder_sees(neck):
    """Flow of consecutive frames, in time order, x before y, in cells."""
    frames = levels(0., .4, -.2)
    motion, sequence, key = neck()((frames, torch.randn(3, 8, 32, 16)))
    # a cell is 4 pixels high and 8 wide
    expected = torch.tensor([.4 / 8, .4 / 4, -.6 / 8, -.6 / 4])
    assert motion.shape == (1, 4, 32, 16)
    torch.testing.assert_close(motion,
                               expected.view(1, 4, 1, 1).expand_as(motion))


def test_flow_from_the_key_frame(neck):
    frames = levels(0., .4, -.2)
    motion = neck(pairs='key')((frames, torch.randn(3, 8, 32, 32))).motion
    expected = torch.tensor([-.4, -.4, -.6, -.6]) / 4
    torch.testing.assert_close(motion[0, :, 0, 0], expected)


def test_a_static_clip_has_no_motion(neck):
    motion = neck()((levels(.3, .3, .3), torch.randn(3, 8, 32, 32))).motion
    assert (motion == 0).all()


def test_clips_do_not_mix_and_visual_features_are_the_backbones(neck):
    one, two = levels(0., .4, -.2), levels(.1, .1, .5)
    maps = torch.randn(6, 8, 32, 32)
    feats = neck()((torch.cat((one, two)), maps))
    assert isinstance(feats, TemporalFeatures)
    assert torch.equal(feats.sequence.flatten(0, 1), maps)
    assert torch.equal(feats.key, maps[[1, 4]])
    alone = neck()((two, maps[3:]))
    assert torch.equal(alone.motion, feats.motion[1:])


def test_frames_can_be_encoded_one_by_one(neck):
    frames, maps = levels(0., .4, -.2), torch.randn(3, 8, 32, 32)
    built = neck()
    parts = zip(*(built.encode_frames((frames[i:i + 1], maps[i:i + 1]))
                  for i in range(3)))
    found = built.encode_windows([torch.cat(x) for x in parts])
    torch.testing.assert_close(found, built((frames, maps)))


def test_the_flow_network_is_not_initialised_with_the_new_layers(flow_neck):
    neck = OpticalFlowNeck(**flow_neck())
    before = {k: v.clone() for k, v in neck.flow.state_dict().items()}
    neck.init_weights()
    assert all(
        torch.equal(x, before[name])
        for name, x in neck.flow.state_dict().items())
    convolutions = [
        x for x in neck.encoder.modules() if isinstance(x, nn.Conv2d)
    ]
    assert all(x.weight.std() < 0.002 for x in convolutions)


def test_the_flow_network_is_counted(estimator_config, hrnet_extra, flow_neck):
    """torchvision states what RAFT takes for a pair of 512 x 512 frames."""
    config = estimator_config(
        backbone=dict(
            type='BackboneWithFrames',
            backbone=dict(
                type='MultiStageHRNet', extra=hrnet_extra(), out_stages=(
                    4, ))))
    config['neck'] = dict(
        type='OpticalFlowNeck',
        **flow_neck(offsets=(0, 1), flow=dict(arch='large', weights=None)))
    counts = {
        x.name: x
        for x in count_model(MODELS.build(config), (512, 512), 2)
    }
    meta = Raft_Large_Weights.DEFAULT.meta
    assert counts['neck.flow'].macs == pytest.approx(
        meta['_ops'] * 1e9, rel=0.02)
    assert counts['neck.flow'].params == meta['num_params']
    assert counts['neck.flow'].trainable == 0


@pytest.mark.parametrize('wrong,message', [
    (dict(pairs='all'), 'pairs'),
    (dict(offsets=(0, )), 'at least two frames'),
    (dict(visual_stage=1), 'visual_stage'),
    (dict(flow=dict(speed=1)), 'flow has no option speed'),
])
def test_wrong_options_of_neck(flow_neck, wrong, message):
    with pytest.raises(ValueError, match=message):
        OpticalFlowNeck(**flow_neck(**wrong))


def test_a_backbone_without_frames(flow_neck):
    with pytest.raises(ValueError, match='BackboneWithFrames'):
        OpticalFlowNeck(**flow_neck())((torch.randn(3, 8, 32, 32), ))


@pytest.mark.parametrize('head', [
    dict(factorisation='none', mi_loss=None),
    dict(
        visual='spatiotemporal',
        offsets=(-1, 0, 1),
        spatiotemporal=dict(groups=2))
])
def test_trains_and_predicts_in_the_model(estimator_config, large_clips,
                                          hrnet_extra, flow_neck, head):
    config = estimator_config(
        backbone=dict(
            type='BackboneWithFrames',
            backbone=dict(
                type='MultiStageHRNet', extra=hrnet_extra(),
                out_stages=(4, ))),
        head=head)
    config['neck'] = dict(type='OpticalFlowNeck', **flow_neck())
    config['head']['decoder'].update(
        input_size=(128, 128), heatmap_size=(32, 32))
    model = MODELS.build(config)
    model.init_weights()
    model.train()
    total, _ = model.parse_losses(
        model(**model.data_preprocessor(large_clips(), True), mode='loss'))
    total.backward()
    for name, x in model.named_parameters():
        assert (x.grad is not None) == x.requires_grad, name
        assert x.requires_grad != ('flow.network' in name
                                   or 'factorisation.noisy' in name
                                   and head.get('mi_loss', 1) is None), name
    wrapper = OptimWrapper(
        torch.optim.Adam([x for x in model.parameters() if x.requires_grad],
                         1e-3))
    flow = {k: v.clone() for k, v in model.neck.flow.state_dict().items()}
    model.train_step(large_clips(), wrapper)
    assert all(
        torch.equal(x, flow[name])
        for name, x in model.neck.flow.state_dict().items())
    model.eval()
    with torch.no_grad():
        sample, = model.test_step(large_clips())
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)


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
