"""The whole model through the stock estimator."""
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS

RELEASED_NECK = dict(
    skip_projection='always',
    accumulation=dict(unit='residual', num_units=1, on_first=False),
    modulation=dict(
        groups=2,
        offset_input='key_and_difference',
        chains='shared',
        offset_dilation=3,
        mask='none',
        offset_init='normal'))
RELEASED_HEAD = dict(
    skip_projection='always',
    mi_loss=dict(type='MutualInformationLoss', estimator='released'))
SMALL_TRAINING = dict(
    loss=dict(type='SpatialCrossEntropyLoss'),
    test_activation='softmax',
    visual_shortcut=True,
    mi_loss=dict(
        type='MutualInformationLoss', label_temperature=1., reduction='sum'))
VARIANTS = dict(
    tdmi={},
    tdmi_st=dict(
        head=dict(visual='spatiotemporal', spatiotemporal=dict(groups=2))),
    released=dict(neck=RELEASED_NECK, head=RELEASED_HEAD),
    small_training=dict(head=SMALL_TRAINING),
    resnet=dict(
        backbone=dict(type='ResNet', depth=18, out_indices=(0, 1, 2, 3)),
        neck=dict(in_channels=(64, 128, 256, 512))),
    resnet_fpn=dict(
        backbone=dict(type='ResNet', depth=18, out_indices=(0, 1, 2, 3)),
        neck=dict(
            pre_neck=dict(
                type='FPN',
                in_channels=[64, 128, 256, 512],
                out_channels=8,
                num_outs=4))),
    frozen=dict(),
)


def build(config):
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model


@pytest.mark.parametrize('variant', VARIANTS)
def test_trains_and_predicts(estimator_config, packed_clips, hrnet_extra,
                             variant):
    config = estimator_config(**VARIANTS[variant])
    if variant == 'frozen':
        config['backbone']['frozen'] = True
    model = build(config).train()
    total, _ = model.parse_losses(
        model(**model.data_preprocessor(packed_clips(), True), mode='loss'))
    total.backward()
    # what is trained has a gradient, which distributed training needs
    for name, x in model.named_parameters():
        assert (x.grad is not None) == x.requires_grad, name

    before = {k: v.clone() for k, v in model.named_parameters()}
    optimiser = torch.optim.Adam(
        [x for x in model.parameters() if x.requires_grad], 1e-3)
    wrapper = OptimWrapper(optimiser)
    for _ in range(2):
        logged = model.train_step(packed_clips(), wrapper)
        assert all(torch.as_tensor(x).isfinite() for x in logged.values())
    changed = {
        name.split('.')[0]
        for name, x in model.named_parameters()
        if not torch.equal(x, before[name])
    }
    expected = {'neck', 'head'
                } | ({'backbone'} if variant != 'frozen' else set())
    assert changed == expected

    model.eval()
    with torch.no_grad():
        samples = model.test_step(packed_clips())
    for sample in samples:
        assert sample.pred_instances.keypoints.shape == (1, 17, 2)
        assert sample.pred_instances.keypoint_scores.shape == (1, 17)
        assert sample.pred_fields.heatmaps.shape == (17, 16, 16)


@pytest.mark.parametrize('offsets', [(-1, 0, 1), (-3, -2, -1, 0), (0, 1)])
def test_other_windows(estimator_config, packed_clips, offsets):
    config = estimator_config(
        neck=dict(offsets=offsets),
        head=dict(
            offsets=offsets,
            visual='spatiotemporal',
            spatiotemporal=dict(groups=2)))
    config['data_preprocessor']['num_frames'] = len(offsets)
    model = build(config)
    data = packed_clips(num_frames=len(offsets))
    losses = model(**model.data_preprocessor(data), mode='loss')
    assert losses['loss_kpt'].isfinite()
    with pytest.raises(ValueError, match='num_frames'):
        model.data_preprocessor(packed_clips(num_frames=5))


@pytest.mark.parametrize('activation', ['none', 'softmax'])
def test_with_the_shortcut_it_starts_as_the_single_frame_model(
        estimator_config, packed_clips, hrnet_extra, activation):
    head = dict(SMALL_TRAINING, test_activation=activation)
    model = build(estimator_config(head=head))
    single_config = estimator_config()
    del single_config['neck']
    single_config['backbone'] = dict(type='HRNet', extra=hrnet_extra())
    single_config['data_preprocessor']['type'] = 'PoseDataPreprocessor'
    single_config['head'] = dict(
        type='SpatialSoftmaxHead'
        if activation == 'softmax' else 'HeatmapHead',
        in_channels=8,
        out_channels=17,
        deconv_out_channels=None,
        final_layer=dict(kernel_size=3, padding=1),
        decoder=single_config['head']['decoder'])
    single = build(single_config)
    # weights and statistics as a trained model could have them
    for name, x in single.state_dict().items():
        if x.is_floating_point():
            x.copy_(
                torch.rand_like(x) *
                0.2 if 'var' in name else torch.randn_like(x) * 0.2)
    result = model.load_state_dict(single.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all(x.startswith(('neck.', 'head.')) for x in result.missing_keys)
    assert not any('final_layer' in x for x in result.missing_keys)

    data = packed_clips()
    key_frames = {**packed_clips(), 'inputs': [x[2] for x in data['inputs']]}
    single.train(False)
    model.train(False)
    with torch.no_grad():
        found, expected = model.test_step(data), single.test_step(key_frames)
    for a, b in zip(found, expected):
        assert (a.pred_instances.keypoints == b.pred_instances.keypoints).all()
        assert (a.pred_instances.keypoint_scores ==
                b.pred_instances.keypoint_scores).all()
        torch.testing.assert_close(a.pred_fields.heatmaps,
                                   b.pred_fields.heatmaps)


def test_stock_head_on_the_necks_features(estimator_config, packed_clips):
    config = estimator_config()
    config['head'] = dict(
        type='HeatmapHead',
        in_channels=8,
        out_channels=17,
        deconv_out_channels=None,
        decoder=config['head']['decoder'])
    model = build(config).eval()
    with torch.no_grad():
        samples = model.test_step(packed_clips())
    assert samples[0].pred_instances.keypoints.shape == (1, 17, 2)


@pytest.mark.parametrize('estimator', ['vsd', 'released'])
def test_bfloat16_autocast(estimator_config, packed_clips, estimator):
    config = estimator_config(
        head=dict(
            mi_loss=dict(type='MutualInformationLoss', estimator=estimator)))
    model = build(config).train()
    data = model.data_preprocessor(packed_clips(), True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite() and total.dtype == torch.float32
    assert all(x.grad.isfinite().all() for x in model.parameters()
               if x.requires_grad)


def test_alpha_one_objective_is_part_of_the_total(estimator_config,
                                                  packed_clips):
    model = build(estimator_config())
    data = model.data_preprocessor(packed_clips(), True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    terms = (
        losses['mi_useful_noise'] - losses['mi_motion_useful'] +
        losses['mi_useful_conditional'] + losses['mi_visual_conditional'])
    torch.testing.assert_close(
        total, losses['loss_kpt'] + terms / 256 + losses['loss_probe_useful'] +
        losses['loss_probe_visual'])
