# TDMI on ViTPose-S: differences of four of its blocks' maps, brought from
# stride 16 to the heatmaps' stride 4 before they are taken. Codec and input
# size are ViTPose's. Not in the paper; the optimiser is ViTPose's at a lower
# rate, and nobody has tuned it.
_base_ = [
    '../../_base_/datasets/posetrack18_sequence.py',
    '../../_base_/models/tdmi_vit-s.py',
    '../../_base_/schedules/tdmi_20e.py',
]

codec = dict(
    type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

train_pipeline = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(
        type='RandomBBoxTransform',
        shift_prob=0.,
        scale_factor=(0.65, 1.35),
        rotate_factor=45.),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseSequenceInputs')
]
val_pipeline = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseSequenceInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=val_pipeline))

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    neck=dict(offsets=_base_.offsets),
    head=dict(decoder=codec))

optim_wrapper = dict(
    optimizer=dict(
        type='AdamW', lr=2e-4, betas=(0.9, 0.999), weight_decay=0.1),
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(num_layers=12, layer_decay_rate=0.8),
    clip_grad=dict(max_norm=1., norm_type=2))
# registers the constructor
custom_imports = dict(
    imports=[
        'mmpose_tdmi', 'mmpose.engine.optim_wrappers.'
        'layer_decay_optim_wrapper'
    ],
    allow_failed_imports=False)
