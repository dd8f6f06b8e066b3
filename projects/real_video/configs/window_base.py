# What all systems on windows of five frames share: clips, augmentation,
# backbone, number of samples, schedule. The systems are window_*.py.
# How a system's own layers are initialised and learn is the small models'.
_base_ = ['../../../configs/_base_/schedules/small_window_1e.py', 'lsp14.py']

custom_imports = dict(
    imports=['mmpose_tdmi', 'projects.real_video.finest_map'],
    allow_failed_imports=False)

# what `clips` has made, and the weights that all start from
data_root = 'work_dirs/real_people/clips/'
single_frame = 'work_dirs/real_people/windows/single_frame.pth'
offsets = (-2, -1, 0, 1, 2)
codec = dict(
    type='UDPHeatmap', input_size=(144, 192), heatmap_size=(36, 48), sigma=1.5)

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        channels_last=True,
        num_frames=len(offsets)),
    backbone=dict(
        type='PyramidBackbone',
        body=dict(type='MobileNetV2', out_indices=(1, 2, 4, 6)),
        pyramid=dict(
            type='FPN',
            in_channels=[24, 32, 96, 320],
            out_channels=64,
            num_outs=4,
            norm_cfg=dict(type='BN'),
            act_cfg=dict(type='ReLU'))),
    test_cfg=dict(flip_test=False),
    init_cfg=dict(type='Pretrained', checkpoint=single_frame))

train_pipeline = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.05,
        scale_factor=(0.8, 1.2),
        rotate_factor=30.),
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

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='PoseTrack18SequenceDataset',
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img=''),
        metainfo=_base_.dataset_info,
        offsets=offsets,
        pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='PoseTrack18SequenceDataset',
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img=''),
        metainfo=_base_.dataset_info,
        offsets=offsets,
        test_mode=True,
        pipeline=val_pipeline))
test_evaluator = dict(type='PCKAccuracy', thr=0.2)
test_cfg = dict()
# systems are compared after the last iteration
val_dataloader = val_evaluator = val_cfg = None

# 120 iterations of 16 clips
train_cfg = dict(
    _delete_=True, type='IterBasedTrainLoop', max_iters=120, val_interval=120)
optim_wrapper = dict(optimizer=dict(lr=3e-3, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=15, start_factor=0.05, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=120,
        T_max=120,
        eta_min=1e-5,
        by_epoch=False)
]
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        _delete_=True,
        type='CheckpointHook',
        by_epoch=False,
        interval=40,
        max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
