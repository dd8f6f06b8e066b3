import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from mmpose_tdmi.models.cost import clip_length, count_model

RELEASED_NECK = dict(
    num_blocks=2,
    skip_projection='always',
    accumulation=dict(unit='residual', num_units=1, on_first=False),
    modulation=dict(
        backend='torchvision',
        offset_input='key_and_difference',
        chains='shared',
        offset_dilation=3,
        mask='none',
        offset_init='normal'))


def test_authors_design_costs_what_it_should(hrnet_extra):
    config = dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='MultiStageHRNet', extra=hrnet_extra(48)),
        neck=dict(
            type='TemporalDifferenceNeck',
            in_channels=(48, ) * 4,
            **RELEASED_NECK),
        head=dict(
            type='DisentanglementHead',
            in_channels=48,
            out_channels=17,
            visual='spatiotemporal',
            skip_projection='always'))
    model = MODELS.build(config)
    counts = {x.name: x for x in count_model(model, (384, 288), 5)}
    giga = {name: x.macs / 1e9 for name, x in counts.items()}
    assert giga['neck'] == pytest.approx(11.5, rel=0.01)
    own = giga['neck'] + giga['head']
    assert own == pytest.approx(19.6, rel=0.01)
    assert own - giga['head.spatiotemporal'] == pytest.approx(12.6, rel=0.01)
    assert counts['neck'].params + counts['head'].params == 2_863_713
    # counting leaves the model as it was
    assert model.neck.modulation['0'].conv.backend == 'torchvision'


def test_a_plain_convolution_is_counted_exactly(hrnet_extra):
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='HRNet', extra=hrnet_extra()),
            head=dict(
                type='HeatmapHead',
                in_channels=8,
                out_channels=17,
                deconv_out_channels=None)))
    counts = {x.name: x for x in count_model(model, (64, 32))}
    assert counts['head.final_layer'].macs == 8 * 17 * 16 * 8
    assert counts[''].macs == counts['backbone'].macs + counts['head'].macs
    assert counts[''].params == sum(x.numel() for x in model.parameters())


def test_attention_is_counted_exactly():
    # patches of 16 x 16 with a padding of 2: 4 x 3 of them
    tokens, dims, layers = 12, 32, 3
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(
                type='MultiStageViT',
                arch=dict(embed_dims=dims, num_layers=layers, num_heads=2),
                img_size=(64, 48),
                out_indices=(-1, )),
            head=dict(
                type='TemporalAttentionHead',
                in_channels=dims,
                out_channels=17,
                offsets=(-1, 0, 1),
                num_layers=1,
                region_threshold=None,
                deconv_out_channels=None)))
    assert clip_length(model) == 3
    counts = {x.name: x.macs for x in count_model(model, (64, 48), 3)}
    patches = tokens * 3 * 16 * 16 * dims
    linear, products = 12 * tokens * dims**2, 2 * tokens**2 * dims
    assert counts['backbone'] == 3 * (patches + layers * (linear + products))

    def attention(queries, context):
        return dims**2 * 2 * (queries + context) + 2 * queries * context * dims

    assert counts['head.aggregation'] == (
        attention(17, 3 * tokens) + attention(17, 17) + 4 * 17 * dims**2)
    assert counts['head.restoration'] == attention(tokens, 17)


def test_clip_length_without_a_window(hrnet_extra):
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='HRNet', extra=hrnet_extra()),
            head=dict(
                type='HeatmapHead',
                in_channels=8,
                out_channels=17,
                deconv_out_channels=None)))
    assert clip_length(model) == 1


def test_command(estimator_config, repository, tmp_path, capsys):
    Config(dict(model=estimator_config())).dump(tmp_path / 'tiny.py')
    command = {'__name__': 'count_model'}
    path = repository / 'tools' / 'analysis_tools' / 'count_model.py'
    exec(compile(path.read_text(), str(path), 'exec'), command)
    command['main']([str(tmp_path / 'tiny.py'), '--depth', '1'])
    printed = capsys.readouterr().out.splitlines()
    assert '5 frame(s) of 64x64' in printed[0]
    assert [x.split()[0] for x in printed[2:]
            ] == ['(all)', 'data_preprocessor', 'backbone', 'neck', 'head']
