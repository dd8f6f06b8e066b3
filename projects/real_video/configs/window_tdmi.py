# TDMI on MobileNetV2 with a pyramid. It starts as the single-frame model.
_base_ = ['window_base.py']

model = dict(
    neck=dict(
        type='TemporalDifferenceNeck',
        # a pyramid's finest map has what all stages give
        in_channels=(64, ),
        out_channels=64,
        offsets=_base_.offsets,
        num_blocks=(1, ),
        accumulation=dict(unit='residual', num_units=1, on_first=False),
        modulation=dict(groups=4),
        init_cfg=_base_.fresh_init),
    head=dict(
        type='DisentanglementHead',
        in_channels=64,
        out_channels=14,
        visual='key_frame',
        visual_shortcut=True,
        test_activation='softmax',
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        mi_loss=dict(
            type='MutualInformationLoss',
            estimator='vsd',
            # not before the window's layers have begun to serve the pose
            alpha=dict(type='linear', start=0., end=0.1, begin=40, stop=80),
            reduction='sum',
            label_temperature=1.0,
            gate='label'),
        init_cfg=_base_.fresh_init,
        decoder=_base_.codec))
