# The small TDMI. It starts as the single-frame model: backbone and last
# layer are loaded from it, and the aggregation starts as the identity on the
# key frame (`visual_shortcut`).
_base_ = [
    '../../_base_/synthetic_runtime.py',
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
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
        modulation=dict(groups=4)),
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
            alpha=0.1,
            # heatmaps are logits here, and the terms nats like their loss
            reduction='sum',
            label_temperature=1.0,
            gate='label'),
        decoder=_base_.codec),
    # the single-frame model's weights
    init_cfg=dict(
        type='Pretrained',
        checkpoint='work_dirs/demo/single_frame/epoch_5.pth'))

train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.01))
param_scheduler = [
    dict(
        type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=1,
        T_max=1,
        eta_min=1e-6,
        by_epoch=True,
        convert_to_iter_based=True)
]
