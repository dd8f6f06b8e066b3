# Generated clips (projects/synthetic), small enough for two CPU cores.
# Augmentation is mild: these trainings end long before they overfit.
# Ground-truth boxes; `bbox_file` and `bbox_score_thr` of a detector's boxes
# can be set on the command line.
codec = dict(
    type='UDPHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1.)

offsets = (-2, -1, 0, 1, 2)

dataset_type = 'PoseTrack18SequenceDataset'
data_root = 'work_dirs/demo/clips/'

train_pipeline = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.05,
        scale_factor=(0.9, 1.1),
        rotate_factor=15.),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseSequenceInputs')
]
val_pipeline = [
    dict(type='LoadFrameSequence', cache_frames=8),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseSequenceInputs')
]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/synthetic_train.json',
        data_prefix=dict(img=''),
        offsets=offsets,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/synthetic_val.json',
        data_prefix=dict(img=''),
        offsets=offsets,
        test_mode=True,
        pipeline=val_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='PoseTrackMetric',
    ann_file=data_root + 'annotations/synthetic_val.json',
    score_mode='keypoint_bbox')
test_evaluator = val_evaluator

# the learning rates of the small schedules are for this batch
# (tools/train.py --auto-scale-lr)
auto_scale_lr = dict(base_batch_size=16)
