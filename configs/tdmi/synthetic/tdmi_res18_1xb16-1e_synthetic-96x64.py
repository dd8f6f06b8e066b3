# The small TDMI on ResNet-18 with an FPN before the differences.
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/resnet-18.py',
    '../../_base_/schedules/small_1e.py',
]

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    neck=dict(
        _delete_=True,
        type='TemporalDifferenceNeck',
        pre_neck={{_base_.model.neck}},
        in_channels=(32, 32, 32, 32),
        out_channels=32,
        offsets=_base_.offsets,
        num_blocks=(1, 1, 1, 1),
        modulation=dict(groups=4),
        visual_stage=0),
    head=dict(
        type='DisentanglementHead',
        in_channels=32,
        out_channels=17,
        visual='key_frame',
        test_activation='softmax',
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        mi_loss=dict(
            type='MutualInformationLoss',
            estimator='vsd',
            alpha=0.1,
            reduction='sum',
            label_temperature=1.0,
            gate='label'),
        decoder=_base_.codec))

optim_wrapper = dict(optimizer=dict(lr=1e-3))
