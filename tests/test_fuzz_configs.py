"""Any valid combination of options trains and predicts; others are refused.

Draws are the same in every run.
"""
import copy

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs

import mmpose_tdmi  # noqa: F401

SIZE, CELLS, JOINTS, STAGES = 32, 8, 5, 4
WIDTHS = (4, 8)
CODEC = dict(
    type='UDPHeatmap',
    input_size=(SIZE, SIZE),
    heatmap_size=(CELLS, CELLS),
    sigma=1.)


def options(**strategies):
    """A dict with any part of some keys."""
    return st.fixed_dictionaries({}, optional=strategies)


norms = st.sampled_from([None, dict(type='GN', num_groups=2)])
projections = st.sampled_from(['needed', 'always'])
windows = st.sampled_from([(-1, 0, 1), (-2, -1, 0, 1, 2), (-1, 0), (0, 3),
                           (-4, -1, 0)])


@st.composite
def necks(draw, width, offsets):
    neck = dict(
        type='TemporalDifferenceNeck',
        in_channels=(8, ) * STAGES,
        out_channels=width,
        offsets=offsets,
        stages=draw(st.sampled_from([None, (-1, ), (0, ), (0, 2), (1, 2, 3)])),
        num_blocks=draw(st.sampled_from([1, (1, 1, 2, 1)])),
        visual_stage=draw(st.integers(-STAGES, STAGES - 1)),
        fusion=draw(st.sampled_from(['progressive', 'concat'])),
        accumulation=draw(
            st.one_of(
                st.none(),
                options(
                    unit=st.sampled_from(['conv', 'residual']),
                    num_units=st.integers(1, 2),
                    on_first=st.booleans()))),
        skip_projection=draw(projections),
        norm_cfg=draw(norms),
        with_cp=draw(st.booleans()),
        modulation=None)
    if draw(st.integers(0, 3)):
        neck['modulation'] = draw(
            options(
                mask=st.sampled_from(['sigmoid', 'none']),
                offset_input=st.sampled_from(
                    ['difference', 'key_and_difference']),
                chains=st.sampled_from(['independent', 'shared']),
                num_blocks=st.integers(1, 2),
                offset_dilation=st.sampled_from([1, 3]),
                offset_init=st.sampled_from(['zeros', 'normal']),
                kernel_size=st.sampled_from([1, 3]),
                dilation=st.sampled_from([1, 3])))
        neck['modulation']['groups'] = draw(st.sampled_from([1, 2, width]))
    return neck


positive = st.sampled_from([0.05, 1.0, 3])


@st.composite
def objectives(draw):
    kind = draw(st.sampled_from([None, 'vsd', 'released']))
    if kind is None:
        return None
    alpha = st.sampled_from(
        [0, 1, 0.1, dict(type='linear', start=0., end=2., stop=5)])
    loss = dict(
        type='MutualInformationLoss', estimator=kind, alpha=draw(alpha))
    if kind == 'vsd':
        loss.update(
            draw(
                options(
                    temperature=positive,
                    label_temperature=positive,
                    nce_temperature=positive,
                    nce_grid=st.sampled_from([(1, 1), (8, 6), (40, 2)]),
                    probe_weight=positive,
                    reduction=st.sampled_from(['mean', 'sum']),
                    gate=st.sampled_from(['none', 'label']),
                    weights=options(useful_noise=positive))))
    else:
        loss.update(draw(options(temperature=positive)))
    return loss


@st.composite
def heads(draw, width, offsets):
    head = dict(
        type='DisentanglementHead',
        in_channels=width,
        out_channels=JOINTS,
        offsets=offsets,
        visual=draw(st.sampled_from(['key_frame', 'spatiotemporal'])),
        factorisation=draw(st.sampled_from(['attention', 'split', 'none'])),
        attention_channels=draw(st.sampled_from([1, 8])),
        num_blocks=draw(st.integers(1, 2)),
        visual_shortcut=draw(st.sampled_from([False, True, 'window'])),
        skip_projection=draw(projections),
        norm_cfg=draw(norms),
        with_cp=draw(st.booleans()),
        final_layer=draw(st.sampled_from([None, dict(kernel_size=1)])),
        loss=draw(
            st.sampled_from([
                None,
                dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
                dict(type='KeypointOHKMMSELoss', topk=3),
                dict(type='AdaptiveWingLoss', use_target_weight=True),
            ])),
        decoder=CODEC)
    head['test_activation'] = draw(st.sampled_from(['none', 'softmax']))
    if head['factorisation'] != 'none':
        head['mi_loss'] = draw(objectives())
    if head['visual'] == 'spatiotemporal':
        head['spatiotemporal'] = draw(
            options(
                mask=st.sampled_from(['sigmoid', 'none']),
                dilation=st.sampled_from([1, 3]),
                num_supporting_blocks=st.integers(1, 2),
                num_context_blocks=st.integers(1, 2),
                num_output_blocks=st.integers(1, 2)))
        head['spatiotemporal']['groups'] = draw(st.sampled_from([1, width]))
    return head


@st.composite
def models(draw):
    """Configs of whole models."""
    width, offsets = draw(st.sampled_from(WIDTHS)), draw(windows)
    stage = dict(num_modules=1, block='BASIC')
    extra = dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK',
            num_blocks=(1, ),
            num_channels=(8, )))
    for number in (2, 3, 4):
        extra[f'stage{number}'] = dict(
            stage,
            num_branches=number,
            num_blocks=(1, ) * number,
            num_channels=tuple(8 * 2**i for i in range(number)))
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='SequencePoseDataPreprocessor',
            mean=[120.] * 3,
            std=[58.] * 3,
            num_frames=len(offsets)),
        backbone=dict(
            type='MultiStageHRNet', extra=extra, frozen=draw(st.booleans())),
        neck=draw(necks(width, offsets)),
        head=draw(heads(width, offsets)),
        test_cfg=dict(
            flip_test=draw(st.booleans()),
            flip_mode='heatmap',
            shift_heatmap=draw(st.booleans())))


def batch(num_frames, size=2):
    samples = [
        get_packed_inputs(
            1,
            num_keypoints=JOINTS,
            img_shape=(SIZE, SIZE),
            input_size=(SIZE, SIZE),
            heatmap_size=(CELLS, CELLS))['data_samples'][0]
        for _ in range(size)
    ]
    for sample in samples:
        maps = sample.gt_fields.heatmaps
        sample.gt_fields.set_field(
            torch.rand_like(maps).softmax(dim=-1), 'heatmaps')
        sample.set_metainfo(
            dict(flip_indices=list(range(JOINTS)), frame_offsets=None))
    clips = [
        torch.randint(256, (num_frames, 3, SIZE, SIZE), dtype=torch.uint8)
        for _ in range(size)
    ]
    return dict(inputs=clips, data_samples=samples)


def check_valid(config):
    """Build, take a step, predict."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    model.train()
    optimizer = torch.optim.SGD(
        (p for p in model.parameters() if p.requires_grad), lr=1e-3)
    data = batch(len(config['neck']['offsets']))
    for _ in range(2):
        inputs = model.data_preprocessor(data, True)
        losses = model(**inputs, mode='loss')
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        # distributed training waits for every gradient; that a backbone
        # makes maps of stages that are not asked for is up to the config
        idle = [
            name for name, p in model.named_parameters() if p.requires_grad
            and p.grad is None and not name.startswith('backbone.')
        ]
        assert idle == [], idle
        assert all(p.grad.isfinite().all() for p in model.parameters()
                   if p.grad is not None)
        optimizer.step()
    assert all(torch.as_tensor(v).isfinite().all() for v in losses.values())
    model.eval()
    with torch.no_grad():
        predictions = model.test_step(data)
    for sample in predictions:
        assert sample.pred_instances.keypoints.shape == (1, JOINTS, 2)


# A key, values that it cannot have; the message must name the key's last part
INVALID = [
    ('neck.in_channels', [(), 0, (8, 8, 8, 0), 'all']),
    ('neck.out_channels', [0, -8, 1.5, True, '8']),
    ('neck.offsets', [(), (0, ), (1, 2), (0, 0, 1), (1, 0, -1), ('a', 0)]),
    ('neck.stages', [(), (STAGES, ), (1, 0), (0, 0), ('x', )]),
    ('neck.num_blocks', [0, -1, (1, 1), (1, 1, 1, 0), 1.5, 'many']),
    ('neck.fusion', ['sum', None, 3]),
    ('neck.visual_stage', [STAGES, -STAGES - 1, None, 0.5]),
    ('neck.skip_projection', ['never', None]),
    ('neck.norm_cfg', ['BN', 3, dict(num_groups=2)]),
    ('neck.with_cp', ['yes', 2]),
    ('neck.accumulation', [3, 'conv', dict(steps=2)]),
    ('neck.accumulation.unit', ['dense', None]),
    ('neck.accumulation.num_units', [0, 1.5]),
    ('neck.accumulation.on_first', ['no', 2]),
    ('neck.modulation', ['DCN', 2, dict(heads=2)]),
    ('neck.modulation.groups', [0, 3, -1, 1.5]),
    ('neck.modulation.mask', ['tanh', None]),
    ('neck.modulation.backend', ['cudnn', None]),
    ('neck.modulation.offset_input', ['key', None]),
    ('neck.modulation.chains', ['one', None]),
    ('neck.modulation.num_blocks', [0, 1.5]),
    ('neck.modulation.offset_dilation', [0, -3, 1.5]),
    ('neck.modulation.offset_init', ['ones', None]),
    ('neck.modulation.kernel_size', [0, 2, -3, 1.5]),
    ('neck.modulation.dilation', [0, -1, 1.5]),
    ('head.in_channels', [0, -8, '8']),
    ('head.out_channels', [0, 1.5, None]),
    ('head.visual', ['last', None]),
    ('head.factorisation', ['half', None]),
    ('head.attention_channels', [0, 1.5, None]),
    ('head.num_blocks', [0, True]),
    ('head.visual_shortcut', ['yes', 2]),
    ('head.skip_projection', ['never']),
    ('head.norm_cfg', ['BN', 3]),
    ('head.with_cp', ['yes']),
    ('head.test_activation', ['sigmoid', None]),
    ('head.activation_sigma', [0, -1., 'wide']),
    ('head.spatiotemporal', [3, dict(blocks=2)]),
    ('head.spatiotemporal.groups', [0, 3]),
    ('head.spatiotemporal.dilation', [0, -1]),
    ('head.spatiotemporal.num_output_blocks', [0]),
    ('head.mi_loss.estimator', ['mine', None]),
    ('head.mi_loss.alpha', [-1, float('nan'), 'one',
                            dict(type='cosine')]),
    ('head.mi_loss.weights', [3, dict(other=1.),
                              dict(useful_noise=-1)]),
    ('head.mi_loss.temperature', [0, -1, float('inf'), 'hot']),
    ('head.mi_loss.nce_grid', [3, (0, 6), (8, ), 'big']),
    ('head.mi_loss.reduction', ['max']),
    ('head.mi_loss.gate', ['noise']),
    ('head.mi_loss.margin', [1.]),
]
CASES = [(key, value) for key, values in INVALID for value in values]


def with_invalid(config, key, value):
    """The config with one value changed, and what the value needs."""
    config = copy.deepcopy(config)
    *path, last = key.split('.')
    head = config['head']
    if key == 'head.attention_channels':
        head['factorisation'] = 'attention'
    if key == 'neck.num_blocks':
        config['neck']['stages'] = None
    if 'mi_loss' in path:
        head['factorisation'] = 'attention'
        head['mi_loss'] = dict(type='MutualInformationLoss', estimator='vsd')
    if key.startswith('head.spatiotemporal'):
        head['visual'] = 'spatiotemporal'
        head['spatiotemporal'] = dict(groups=1)
    if key == 'head.activation_sigma':
        head['test_activation'] = 'softmax'
    if key.startswith('neck.modulation'):
        config['neck']['modulation'] = dict(groups=1)
    if key.startswith('neck.accumulation'):
        config['neck'].update(
            fusion='progressive', accumulation={}, stages=None)
    place = config
    for part in path:
        place = place[part]
    place[last] = value
    return config, last


def check_invalid(config, key, value):
    init_default_scope('mmpose')
    config, last = with_invalid(config, key, value)
    try:
        MODELS.build(config)
    except ValueError as error:
        assert last in str(error), f'{key}={value!r}: {error}'
    else:
        raise AssertionError(f'{key}={value!r} is accepted')


@pytest.fixture(scope='module', autouse=True)
def _quiet():
    """One thread, and no list of how each layer was initialised."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    MMLogger.get_instance('fuzz', log_level='ERROR')
    yield
    torch.set_num_threads(threads)


QUICK = dict(
    deadline=None,
    database=None,
    # what is found is small enough; making it smaller takes minutes
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@seed(66)
@settings(max_examples=50, **QUICK)
@given(models())
def test_valid_configs(config):
    check_valid(config)


@pytest.mark.parametrize('key, value', CASES)
@seed(66)
@settings(max_examples=2, **QUICK)
@given(config=models())
def test_every_invalid_value(key, value, config):
    check_invalid(config, key, value)
