import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from mmpose_tdmi.models.complexity import count_model

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


def test_command(estimator_config, repository, tmp_path, capsys):
    Config(dict(model=estimator_config())).dump(tmp_path / 'tiny.py')
    command = {'__name__': 'count_model'}
    path = repository / 'tools' / 'analysis' / 'count_model.py'
    exec(compile(path.read_text(), str(path), 'exec'), command)
    command['main']([str(tmp_path / 'tiny.py'), '--depth', '1'])
    printed = capsys.readouterr().out.splitlines()
    assert '5 frame(s) of 64x64' in printed[0]
    assert [x.split()[0] for x in printed[2:]
            ] == ['(all)', 'data_preprocessor', 'backbone', 'neck', 'head']
