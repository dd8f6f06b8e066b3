# The small TDMI. It starts as the single-frame model: backbone and last
# layer are loaded from it, and the aggregation starts as the identity on the
# key frame (`visual_shortcut`).
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
    '../../_base_/schedules/small_window_1e.py',
]

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    backbone=dict(type='MultiStageHRNet'),
    neck=dict(
        type='TemporalDifferenceNeck',
        in_channels=(16, 16, 16, 16),
        out_channels=16,
        offsets=_base_.offsets,
        num_blocks=(1, 1, 1, 1),
        # residual blocks, as in the authors' code: a short training does not
        # get far through a stack of plain convolutions
        accumulation=dict(unit='residual', num_units=1, on_first=False),
        modulation=dict(groups=4),
        init_cfg=_base_.fresh_init),
    head=dict(
        _delete_=True,
        type='DisentanglementHead',
        in_channels=16,
        out_channels=17,
        visual='key_frame',
        visual_shortcut=True,
        test_activation='softmax',
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        mi_loss=dict(
            type='MutualInformationLoss',
            estimator='vsd',
            # not before the window's layers have begun to serve the pose:
            # their gradients would be the objective's alone
            alpha=dict(type='linear', start=0., end=0.1, begin=250, stop=500),
            # heatmaps are logits here, and the terms nats like their loss
            reduction='sum',
            label_temperature=1.0,
            gate='label'),
        init_cfg=_base_.fresh_init,
        decoder=_base_.codec),
    # the single-frame model's weights
    init_cfg=dict(
        type='Pretrained',
        checkpoint='work_dirs/demo/single_frame/epoch_5.pth'))
