# The small FAMI-Pose, trained and started as TDMI's small model: backbone and
# last layer are the single-frame model's, and the aggregation starts as the
# identity on the key frame.
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
    '../../_base_/schedules/small_window_1e.py',
]

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    backbone=dict(type='MultiStageHRNet', out_stages=(4, ), frozen=True),
    neck=dict(
        type='FAMIPoseNeck',
        in_channels=16,
        offsets=_base_.offsets,
        calibration=dict(
            groups=4,
            mask='sigmoid',
            dilation=1,
            offset_dilation=1,
            offset_init='zeros'),
        num_merge_blocks=1,
        num_output_blocks=1,
        visual_shortcut=True,
        init_cfg=_base_.fresh_init),
    head=dict(
        _delete_=True,
        type='FAMIPoseHead',
        in_channels=16,
        out_channels=17,
        test_activation='softmax',
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        mi_loss=dict(
            type='FAMIMutualInformationLoss',
            estimator='vsd',
            # as TDMI's small model: after the window's layers
            alpha=dict(type='linear', start=0., end=0.1, begin=250, stop=500),
            beta=0.1,
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

# What moves features is steered by unnormalised ones here, and by three linear
# layers in a row: at the others' rates, translation and offsets leave the map
# for good, and the neighbours with them.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            'global_alignment.estimate': dict(lr_mult=0.01),
            'local_calibration': dict(lr_mult=0.1),
            'estimator.offset_conv': dict(lr_mult=0.01),
            'estimator.mask_conv': dict(lr_mult=0.01)
        }))
