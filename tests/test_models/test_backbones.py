"""Backbones that give the maps of several stages."""
import pytest
import torch
from mmpose.models.backbones import HRNet
from mmpose.registry import MODELS
from torch import nn


def build_hrnet(extra, **kwargs):
    return MODELS.build(dict(type='MultiStageHRNet', extra=extra, **kwargs))


@pytest.mark.parametrize('width', [32, 48])
def test_stock_checkpoint_loads_with_nothing_missing_or_unexpected(
        hrnet_extra, width):
    extra = hrnet_extra(width, full=True)
    # no numbers are needed to compare names and shapes
    with torch.device('meta'):
        stock, model = HRNet(extra), build_hrnet(extra)
    assert sum(x.numel() for x in model.parameters()) == {
        32: 28_535_552,
        48: 63_594_912
    }[width]
    result = model.load_state_dict(
        stock.state_dict(), strict=True, assign=True)
    assert not result.missing_keys and not result.unexpected_keys
    assert model.out_channels == (width, ) * 4


def test_last_map_is_what_the_stock_network_gives(hrnet_extra):
    stock, model = HRNet(hrnet_extra()), build_hrnet(hrnet_extra())
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
    model = build_hrnet(hrnet_extra()).eval()
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
    model = build_hrnet(hrnet_extra(), out_stages=(2, 4)).eval()
    everything = build_hrnet(hrnet_extra()).eval()
    everything.load_state_dict(model.state_dict())
    x = torch.randn(1, 3, 32, 32)
    found, expected = model(x), everything(x)
    assert len(found) == len(model.out_channels) == 2
    torch.testing.assert_close(found[0], expected[1])
    torch.testing.assert_close(found[1], expected[3])


@pytest.mark.parametrize('stages', [(), (0, 1), (1, 5), (2, 1), (3, 3)])
def test_a_stage_that_does_not_exist_is_an_error(hrnet_extra, stages):
    with pytest.raises(ValueError, match='out_stages'):
        build_hrnet(hrnet_extra(), out_stages=stages)


def test_frozen_changes_nothing_in_training(hrnet_extra):
    model = build_hrnet(hrnet_extra(), frozen=True)
    assert model.train() is model
    before = {k: v.clone() for k, v in model.state_dict().items()}
    maps = model(torch.randn(2, 3, 32, 32))
    assert not any(x.requires_grad for x in maps)
    assert not any(x.requires_grad for x in model.parameters())
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, before[key])


def test_not_frozen_trains(hrnet_extra):
    model = build_hrnet(hrnet_extra()).train()
    before = model.bn1.running_mean.clone()
    sum(x.sum() for x in model(torch.randn(2, 3, 32, 32))).backward()
    assert not torch.equal(model.bn1.running_mean, before)
    assert all(x.grad is not None for x in model.parameters())


TINY = dict(embed_dims=32, num_layers=4, num_heads=2)


def build_vit(**kwargs):
    config = dict(
        type='MultiStageViT',
        arch=TINY,
        img_size=(64, 48),
        out_indices=(0, 1, 2, 3))
    config.update(kwargs)
    return MODELS.build(config)


def vitpose_layout(dims, layers, tokens=192):
    """Names and shapes of the backbone in MMPose's ViTPose checkpoints."""
    layout = {
        'pos_embed': (1, tokens, dims),
        'patch_embed.projection.weight': (dims, 3, 16, 16),
        'patch_embed.projection.bias': (dims, ),
        'ln1.weight': (dims, ),
        'ln1.bias': (dims, ),
    }
    for i in range(layers):
        layer = {
            'ln1': (dims, ),
            'attn.qkv': (3 * dims, dims),
            'attn.proj': (dims, dims),
            'ln2': (dims, ),
            'ffn.layers.0.0': (4 * dims, dims),
            'ffn.layers.1': (dims, 4 * dims),
        }
        for name, shape in layer.items():
            layout[f'layers.{i}.{name}.weight'] = shape
            layout[f'layers.{i}.{name}.bias'] = shape[:1]
    return layout


@pytest.mark.parametrize('arch, dims, layers, params', [
    ('small', 384, 12, 21_663_360),
    ('base', 768, 12, 85_794_048),
    ('large', 1024, 24, 303_295_488),
    ('huge', 1280, 32, 630_910_720),
])
def test_names_and_shapes_are_those_of_vitpose_checkpoints(
        arch, dims, layers, params):
    with torch.device('meta'):
        model = build_vit(arch=arch, img_size=(256, 192), out_indices=(-1, ))
    found = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    assert found == vitpose_layout(dims, layers)
    assert sum(x.numel() for x in model.parameters()) == params


def reference(model, x):
    """The same network out of PyTorch's own encoder layers."""
    tokens = nn.functional.conv2d(
        x,
        model.patch_embed.projection.weight,
        model.patch_embed.projection.bias,
        stride=16,
        padding=2)
    size = tokens.shape[-2:]
    tokens = tokens.flatten(2).transpose(1, 2) + model.pos_embed
    maps = []
    for block in model.layers:
        layer = nn.TransformerEncoderLayer(
            32,
            2,
            128,
            dropout=0.,
            activation='gelu',
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True)
        layer.self_attn.in_proj_weight.data = block.attn.qkv.weight.data
        layer.self_attn.in_proj_bias.data = block.attn.qkv.bias.data
        layer.self_attn.out_proj.load_state_dict(block.attn.proj.state_dict())
        layer.norm1.load_state_dict(block.ln1.state_dict())
        layer.norm2.load_state_dict(block.ln2.state_dict())
        layer.linear1.load_state_dict(block.ffn.layers[0][0].state_dict())
        layer.linear2.load_state_dict(block.ffn.layers[1].state_dict())
        tokens = layer(tokens)
        maps.append(tokens)
    maps[-1] = model.ln1(tokens)
    return [x.transpose(1, 2).unflatten(2, size) for x in maps]


def test_it_is_the_network_that_it_says():
    model = build_vit().train()
    for x in model.parameters():
        nn.init.normal_(x, std=0.2)
    x = torch.randn(2, 3, 64, 48)
    maps = model(x)
    assert [tuple(x.shape) for x in maps] == [(2, 32, 4, 3)] * 4
    for found, expected in zip(maps, reference(model, x)):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_out_indices_choose_blocks():
    model, some = build_vit().eval(), build_vit(out_indices=(1, -1)).eval()
    some.load_state_dict(model.state_dict())
    x = torch.randn(1, 3, 64, 48)
    maps, chosen = model(x), some(x)
    assert len(chosen) == len(some.out_channels) == 2
    torch.testing.assert_close(chosen[0], maps[1])
    torch.testing.assert_close(chosen[1], maps[3])


def test_inputs_of_another_size():
    model = build_vit().eval()
    maps = model(torch.randn(1, 3, 96, 64))
    assert maps[-1].shape == (1, 32, 6, 4)


@pytest.mark.parametrize('num_tokens', [12, 13, 48, 49, 16, 17])
def test_position_embeddings_of_other_grids_load(num_tokens):
    # 4 x 3 as is, 8 x 6 and 4 x 4, each also with a class token
    model = build_vit()
    weights = model.state_dict()
    has_class_token = num_tokens in (13, 49, 17)
    # a constant embedding stays what it is however it is resized
    weights['pos_embed'] = torch.full((1, num_tokens, 32), 0.7)
    if has_class_token:
        weights['cls_token'] = torch.zeros(1, 1, 32)
        weights['pos_embed'][:, 0] = -5
    result = model.load_state_dict(weights, strict=True)
    assert not result.unexpected_keys
    torch.testing.assert_close(model.pos_embed, torch.full((1, 12, 32), 0.7))


def test_a_larger_grid_is_sampled_in_place():
    model = build_vit()
    weights = model.state_dict()
    rows = torch.arange(8.)[:, None].expand(8, 6).reshape(1, 48, 1)
    weights['pos_embed'] = rows.expand(1, 48, 32).clone()
    model.load_state_dict(weights)
    found = model.pos_embed[0, :, 0].reshape(4, 3)
    # rows stay in order, columns stay equal
    assert (found.diff(dim=0) > 0).all()
    torch.testing.assert_close(found, found[:, :1].expand(4, 3))


def test_a_grid_of_another_shape_is_an_error():
    weights = build_vit().state_dict()
    weights['pos_embed'] = torch.zeros(1, 30, 32)
    with pytest.raises(ValueError, match='30 positions.*4 x 3'):
        build_vit().load_state_dict(weights)


def test_pretrained_weights_load_through_init_cfg(tmp_path):
    source = build_vit()
    for x in source.parameters():
        nn.init.normal_(x)
    path = tmp_path / 'vitpose.pth'
    weights = {f'backbone.{k}': v for k, v in source.state_dict().items()}
    torch.save(dict(state_dict=weights), path)
    model = build_vit(
        init_cfg=dict(
            type='Pretrained', checkpoint=str(path), prefix='backbone.'))
    model.init_weights()
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, source.state_dict()[key])


def test_gradients_reach_every_parameter():
    model = build_vit(with_cp=True, drop_path_rate=0.1).train()
    model.init_weights()
    x = torch.randn(2, 3, 64, 48, requires_grad=True)
    sum(m.square().sum() for m in model(x)).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_frozen():
    model = build_vit(frozen=True)
    assert model.train() is model and not model.layers[0].training
    assert not any(x.requires_grad for x in model.parameters())


def test_tdmi_on_it_trains_and_predicts(estimator_config, packed_clips):
    config = estimator_config(
        backbone=dict(
            type='MultiStageViT',
            arch=TINY,
            img_size=(64, 64),
            out_indices=(0, 1, 2, 3)),
        neck=dict(
            in_channels=(32, ) * 4,
            pre_neck=dict(type='FeatureMapProcessor', scale_factor=4.0)))
    model = MODELS.build(config).train()
    data = model.data_preprocessor(packed_clips(), True)
    total, _ = model.parse_losses(model(**data, mode='loss'))
    total.backward()
    assert all(x.grad is not None for x in model.parameters()
               if x.requires_grad)
    model.eval()
    with torch.no_grad():
        samples = model.test_step(packed_clips())
    assert samples[0].pred_instances.keypoints.shape == (1, 17, 2)


@pytest.mark.parametrize('kwargs, key', [
    (dict(arch='tiny'), 'arch'),
    (dict(arch=dict(embed_dims=8)), 'arch'),
    (dict(out_indices=()), 'out_indices'),
    (dict(out_indices=(4, )), 'out_indices'),
    (dict(out_indices=(2, 1)), 'out_indices'),
    (dict(arch=dict(TINY, num_heads=5)), 'num_heads'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build_vit(**kwargs)
