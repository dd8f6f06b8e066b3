# People in photographs: MobileNetV2 and a feature pyramid, LSP's 14 joints.
# The last step of three, at full size; ../README.md has the commands.
_base_ = ['../../../configs/_base_/default_runtime.py', 'lsp14.py']

custom_imports = dict(
    imports=['mmpose_tdmi', 'projects.real_video.finest_map'],
    allow_failed_imports=False)

codec = dict(
    type='UDPHeatmap', input_size=(144, 192), heatmap_size=(36, 48), sigma=1.5)

# what `stills split` has made
data_root = 'work_dirs/real_people/'

model = dict(
    type='TopdownPoseEstimator',
    init_cfg=dict(
        type='Pretrained', checkpoint=data_root + '128x96/epoch_2.pth'),
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        num_frames=1,
        channels_last=True),
    backbone=dict(
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),
        # half of a step's time; ImageNet's edges serve as they are
        frozen_stages=2),
    neck=dict(
        type='FinestMapFPN',
        in_channels=[24, 32, 96, 320],
        out_channels=64,
        num_outs=4,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU')),
    head=dict(
        type='SpatialSoftmaxHead',
        in_channels=64,
        out_channels=14,
        deconv_out_channels=None,
        final_layer=dict(kernel_size=3, padding=1),
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        decoder=codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))

# a picture is a clip of one frame
as_clip = dict(
    type='KeyMapper',
    mapping=dict(img=['img']),
    auto_remap=False,
    transforms=[dict(type='LoadFrameSequence')])
train_pipeline = [
    dict(type='LoadImage'), as_clip,
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        scale_factor=(0.75, 1.25),
        rotate_factor=45.,
        rotate_prob=0.5),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(
        type='ShareRandomParams', transforms=[dict(type='YOLOXHSVRandomAug')]),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseSequenceInputs')
]
val_pipeline = [
    dict(type='LoadImage'), as_clip,
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseSequenceInputs')
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CocoDataset',
        data_root=data_root,
        ann_file='annotations/train_relabelled.json',
        data_prefix=dict(img='images/'),
        metainfo=_base_.dataset_info,
        pipeline=train_pipeline))

# nothing is chosen on the way: the command `evaluate` measures the last epoch
val_dataloader = val_evaluator = val_cfg = None
# crops along a video are cut as this data set's
test_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='CocoDataset',
        data_root=data_root,
        ann_file='annotations/test.json',
        data_prefix=dict(img='images/'),
        metainfo=_base_.dataset_info,
        test_mode=True,
        pipeline=val_pipeline))
test_evaluator = dict(type='PCKAccuracy', thr=0.2)
test_cfg = dict()

# from the learning rate that 128x96 ended with
train_cfg = dict(
    _delete_=True, type='IterBasedTrainLoop', max_iters=660, val_interval=660)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=6e-4, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.1, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=660,
        T_max=660,
        eta_min=1e-5,
        by_epoch=False)
]
default_hooks = dict(
    logger=dict(interval=25),
    checkpoint=dict(
        save_best=None,
        rule=None,
        max_keep_ckpts=2,
        by_epoch=False,
        interval=60))
log_processor = dict(by_epoch=False)
