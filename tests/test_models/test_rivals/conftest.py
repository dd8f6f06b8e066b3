"""Small rivals."""
import pytest
import torch

KEYPOINTS = 17
DECODER = dict(
    type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2.)
HEATMAPS_ONLY = dict(
    type='HeatmapHead',
    in_channels=KEYPOINTS,
    out_channels=KEYPOINTS,
    deconv_out_channels=None,
    final_layer=None,
    decoder=DECODER)
WARPING = dict(inner_channels=8, num_blocks=1, dilations=(1, 2))
NECKS = dict(
    posewarper=dict(
        type='PoseWarpingNeck',
        in_channels=8,
        out_channels=KEYPOINTS,
        **WARPING),
    posewarper_all=dict(
        type='PoseWarpingNeck',
        in_channels=8,
        out_channels=KEYPOINTS,
        train_frames='all',
        **WARPING),
    dcpose=dict(
        type='DCPoseNeck',
        in_channels=8,
        out_channels=KEYPOINTS,
        correction_channels=8,
        dilations=(1, 2)),
    poseidon=dict(
        type='PoseidonNeck', in_channels=8, map_size=(16, 16), num_heads=2),
    fami=dict(type='FAMIPoseNeck', in_channels=8, calibration=dict(groups=2)),
    fami_released=dict(
        type='FAMIPoseNeck',
        in_channels=8,
        merge='before',
        calibration=dict(groups=2)),
    fami_affine=dict(
        type='FAMIPoseNeck',
        in_channels=8,
        transform='affine',
        visual_shortcut=True,
        calibration=dict(groups=2)),
)
HEADS = dict(
    poseidon=dict(
        type='HeatmapHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        deconv_out_channels=None,
        decoder=DECODER),
    fami=dict(
        type='FAMIPoseHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        decoder=DECODER,
        mi_loss=dict(type='FAMIMutualInformationLoss', estimator='vsd')),
    fami_released=dict(
        type='FAMIPoseHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        decoder=DECODER,
        mi_loss=dict(type='FAMIMutualInformationLoss')),
    fami_affine=dict(
        type='FAMIPoseHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        decoder=DECODER,
        test_activation='softmax',
        loss=dict(type='SpatialCrossEntropyLoss')),
    attention=dict(
        type='TemporalAttentionHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        num_layers=2,
        num_heads=2,
        deconv_out_channels=None,
        decoder=DECODER),
    attention_gated=dict(
        type='TemporalAttentionHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        num_layers=1,
        num_heads=2,
        gated=True,
        deconv_out_channels=None,
        decoder=DECODER,
        test_activation='softmax',
        loss=dict(type='SpatialCrossEntropyLoss')),
)
RIVALS = ('posewarper', 'posewarper_all', 'dcpose', 'poseidon', 'fami',
          'fami_released', 'fami_affine', 'attention', 'attention_gated')


@pytest.fixture(params=RIVALS)
def rival(request):
    """str: The name of each rival in turn."""
    return request.param


@pytest.fixture
def rival_config(hrnet_extra):
    """Builds the config of a rival's estimator by name."""

    def build(name, frozen=True):
        config = dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(
                type='SequencePoseDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True),
            backbone=dict(
                type='MultiStageHRNet',
                extra=hrnet_extra(),
                out_stages=(2, 3, 4) if name == 'poseidon' else (4, ),
                frozen=frozen),
            head=dict(HEADS.get(name, HEATMAPS_ONLY)),
            test_cfg=dict(flip_test=True, output_heatmaps=True))
        if name in NECKS:
            config['neck'] = dict(NECKS[name])
        return config

    return build


@pytest.fixture
def randomise():
    """Gives a module weights at which nothing is zero or saturated."""

    def apply(module, std=0.2):
        for x in module.parameters():
            torch.nn.init.normal_(x, std=std)
        return module

    return apply
