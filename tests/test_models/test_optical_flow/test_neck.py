import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS
from torch import nn
from torchvision.models.optical_flow import Raft_Large_Weights

from mmpose_tdmi.models import OpticalFlowNeck, TemporalFeatures
from mmpose_tdmi.models.cost import count_model


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
def test_wrong_options(flow_neck, wrong, message):
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
