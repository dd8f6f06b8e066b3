# What all systems of the benchmark with known truth (projects/known_truth/)
# share: clips, augmentation, number of samples, schedule, metric. The model,
# its window and its optimizer come from the system's own config; the
# benchmark's commands join the two and fill in the folder.
_base_ = ['../../../configs/_base_/synthetic_runtime.py']

codec = dict(
    type='UDPHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1.)
data_root = 'work_dirs/known_truth/clips/'

train_pipeline = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.08,
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
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='PoseTrack18SequenceDataset',
        data_root=data_root,
        ann_file='annotations/known_truth_train.json',
        data_prefix=dict(img=''),
        pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='PoseTrack18SequenceDataset',
        data_root=data_root,
        ann_file='annotations/known_truth_val.json',
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=val_pipeline))
test_evaluator = dict(
    type='PoseTrackMetric',
    ann_file=data_root + 'annotations/known_truth_val.json',
    score_mode='keypoint_bbox',
    box_source='gt')
test_cfg = dict()
# models are compared after the last iteration; nothing is chosen on the way
val_dataloader = None
val_evaluator = None
val_cfg = None

# 400 iterations of 16 clips: 6 400 samples
train_cfg = dict(
    _delete_=True, type='IterBasedTrainLoop', max_iters=400, val_interval=400)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=400,
        T_max=400,
        eta_min=1e-6,
        by_epoch=False)
]
default_hooks = dict(
    logger=dict(interval=25),
    checkpoint=dict(
        _delete_=True,
        type='CheckpointHook',
        interval=250,
        by_epoch=False,
        max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
