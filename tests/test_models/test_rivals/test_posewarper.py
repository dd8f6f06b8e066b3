"""PoseWarper."""
import runpy

import pytest
import torch
from mmcv.ops import DeformConv2d
from mmpose.models.necks import PoseWarperNeck
from mmpose.registry import MODELS

from mmpose_tdmi.models.rivals.posewarper import HeatmapWarping
from mmpose_tdmi.structures import fold_time


def build_warping(**kwargs):
    options = dict(
        num_keypoints=3,
        inner_channels=4,
        num_blocks=1,
        dilations=(1, 2),
        backend='auto',
        norm_cfg=None,
        with_cp=False)
    options.update(kwargs)
    return HeatmapWarping(**options)


def maps(num=2):
    return torch.rand(num, 3, 8, 6)


def test_a_new_warp_passes_the_supporting_heatmaps_through(randomise):
    warping = build_warping().eval()
    # whatever the difference features are
    randomise(warping.offset_feats)
    support, key = maps(), maps()
    assert not any(x.any() for x in warping.offsets(support, key))
    torch.testing.assert_close(warping(support, key), support)


def test_a_constant_offset_moves_the_heatmaps():
    # with identity kernels only the kernel's centre counts
    warping = build_warping(dilations=(1, )).eval()
    support = maps()
    offsets = torch.zeros(2, 3, 9, 2, 8, 6)
    offsets[:, :, 4, 0], offsets[:, :, 4, 1] = 2, -1
    layer = warping.deform_conv_layers[0]
    found = layer(support, offsets.flatten(1, 3), torch.ones(2, 27, 8, 6))
    # the cell two below and one to the left is seen
    torch.testing.assert_close(found[:, :, :6, 1:], support[:, :, 2:, :5])


def test_flipped_frames_give_flipped_heatmaps_with_symmetric_offsets(
        randomise):
    warping = randomise(build_warping()).eval()
    for x in warping.parameters():
        if x.dim() == 4:
            x.data = (x + x.flip(-1)) / 2
    # vertical offsets mirror with the kernel's points, horizontal ones
    # change their sign: leave none
    for layer in warping.offset_layers:
        weight = layer.weight.data.unflatten(0, (3, 3, 3, 2))
        weight[:, :, :, 1] = 0
        weight.copy_((weight + weight.flip(2)) / 2)
    support, key = maps(), maps()
    torch.testing.assert_close(
        warping(support.flip(-1), key.flip(-1)),
        warping(support, key).flip(-1),
        atol=1e-4,
        rtol=1e-4)


@pytest.mark.parametrize('kwargs', [
    dict(dilations=()),
    dict(dilations=(0, )),
    dict(inner_channels=0),
    dict(num_blocks=0),
])
def test_invalid_option_is_named_of_warping(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        build_warping(**kwargs)


WEIGHTS = (0.1, 0.25, 0.3, 0.25, 0.1)


def build_neck(**kwargs):
    config = dict(
        type='PoseWarpingNeck',
        in_channels=4,
        out_channels=3,
        inner_channels=8,
        num_blocks=2,
        dilations=(1, 2))
    config.update(kwargs)
    return MODELS.build(config)


def test_with_zero_offsets_it_averages_the_frames_heatmaps(randomise):
    neck = build_neck()
    neck.init_weights()
    randomise(neck.trans_layer)
    randomise(neck.warping.offset_feats)
    frames = torch.randn(2, 5, 4, 8, 6)
    found, = neck.eval()((fold_time(frames), ))
    heatmaps = neck.trans_layer(fold_time(frames)).unflatten(0, (2, 5))
    expected = sum(w * heatmaps[:, t] for t, w in enumerate(WEIGHTS))
    torch.testing.assert_close(found, expected)
    # and a static clip gives the heatmaps of one frame
    static = frames[:, :1].expand(-1, 5, -1, -1, -1)
    torch.testing.assert_close(neck((fold_time(static), ))[0], heatmaps[:, 0])


def test_flip_equivariance_at_the_start(randomise):
    neck = build_neck()
    neck.init_weights()
    randomise(neck.trans_layer)
    neck.eval()
    x = torch.randn(5, 4, 8, 6)
    torch.testing.assert_close(
        neck((x.flip(-1), ))[0],
        neck((x, ))[0].flip(-1))


def stock_neck(full=False):
    options = dict(
        in_channels=48, out_channels=17, inner_channels=128) if full else dict(
            in_channels=4,
            out_channels=3,
            inner_channels=8,
            deform_groups=3,
            dilations=(1, 2),
            res_blocks_cfg=dict(num_blocks=2))
    return PoseWarperNeck(**options)


def test_mmposes_checkpoint_is_converted_by_its_names(repository):
    tool = runpy.run_path(
        str(repository / 'tools/model_converters/posewarper.py'))
    names = {f'neck.{name}' for name in build_neck().state_dict()}
    names.add('backbone.conv1.weight')
    left = {name.replace('warping.', ''): torch.ones(1) for name in names}
    assert len(left) == len(names)
    assert tool['convert'](left).keys() == names and not left


def test_weights_of_mmposes_neck_load_and_mean_the_same(randomise):
    stock = randomise(stock_neck(), 0.3)
    stock.train(False)
    neck = build_neck().eval()
    result = neck.load_state_dict(stock.state_dict(), strict=True)
    assert not result.missing_keys and not result.unexpected_keys
    frames = torch.randn(2, 5, 4, 8, 6)
    # MMPose starts with the key frame, then goes up in time
    order = [2, 0, 1, 3, 4]
    expected = stock([[frames[:, t]] for t in order],
                     [WEIGHTS[t] for t in order])
    found, = neck((fold_time(frames), ))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_weights_of_the_published_size_load_in_an_estimators_checkpoint(
        hrnet_extra):
    with torch.device('meta'):
        stock = stock_neck(full=True)
        neck = build_neck(
            in_channels=48,
            out_channels=17,
            inner_channels=128,
            num_blocks=20,
            dilations=(3, 6, 12, 18, 24))
        model = MODELS.build(
            dict(
                type='TopdownPoseEstimator',
                backbone=dict(
                    type='MultiStageHRNet',
                    extra=hrnet_extra(),
                    out_stages=(4, )),
                head=dict(
                    type='HeatmapHead',
                    in_channels=17,
                    out_channels=17,
                    deconv_out_channels=None,
                    final_layer=None)))
    model.neck = neck
    weights = {f'neck.{k}': v for k, v in stock.state_dict().items()}
    result = model.load_state_dict(weights, strict=False, assign=True)
    assert not result.unexpected_keys
    assert not any(k.startswith(('neck', 'head')) for k in result.missing_keys)
    assert any(isinstance(x, DeformConv2d) for x in stock.modules())
    count = sum(x.numel() for x in neck.parameters())
    assert count == sum(x.numel() for x in stock.parameters()) == 7_559_438


def test_one_supporting_frame_is_drawn_in_training(randomise):
    neck = build_neck(train_offsets=(-1, 0, 1))
    neck.init_weights()
    randomise(neck.trans_layer)
    neck.train()
    frames = torch.randn(64, 3, 4, 4, 4)
    heatmaps = neck.trans_layer(fold_time(frames)).unflatten(0, (64, 3))
    found, = neck((fold_time(frames), ))
    # at the start the warp is the identity: the drawn frame is seen
    distance = (found[:, None] - heatmaps).abs().amax(dim=(2, 3, 4))
    drawn = distance.argmin(dim=1)
    assert distance.amin(dim=1).max() < 1e-5
    assert set(drawn.tolist()) == {0, 2}
    # at inference all five of `offsets` are read
    neck.eval()
    with pytest.raises(ValueError, match='T = 5.*got 192 frames'):
        neck((fold_time(frames), ))


def test_all_frames_are_supervised_on_request(randomise):
    neck = build_neck(train_frames='all')
    neck.init_weights()
    randomise(neck.trans_layer)
    x = torch.randn(5, 4, 4, 4)
    torch.testing.assert_close(neck.train()((x, ))[0], neck.eval()((x, ))[0])


@pytest.mark.parametrize('kwargs, key', [
    (dict(frame_weights=(0.5, 0.5)), 'frame_weights'),
    (dict(frame_weights=(1, 1, 1, 1, 1)), 'frame_weights.*sum to 1'),
    (dict(train_frames='two'), 'train_frames'),
    (dict(train_frames='all', train_offsets=(-1, 0, 1)), 'train_frames'),
    (dict(train_offsets=(0, )), 'train_offsets'),
    (dict(offsets=(1, 2)), 'offsets'),
    (dict(in_channels=0), 'in_channels'),
    (dict(heatmap_layer=dict(kernel=1)), 'heatmap_layer'),
    (dict(backend='cuda'), 'backend'),
])
def test_invalid_option_is_named_of_neck(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build_neck(**kwargs)
