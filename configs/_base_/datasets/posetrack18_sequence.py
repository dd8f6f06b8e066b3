# PoseTrack18 clips in the paper's recipe (Sec. 4.1): delta = 2, 384x288,
# boxes enlarged by 25 %, rotation +-45 degrees, scale 0.65-1.35, half body,
# flip; detector boxes with a score of at least 0.2 at test time.
codec = dict(
    type='MSRAHeatmap', input_size=(288, 384), heatmap_size=(72, 96), sigma=3)

offsets = (-2, -1, 0, 1, 2)

dataset_type = 'PoseTrack18SequenceDataset'
data_root = 'data/posetrack18/'

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
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseSequenceInputs')
]
val_pipeline = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseSequenceInputs')
]

train_dataloader = dict(
    batch_size=24,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/posetrack18_train.json',
        data_prefix=dict(img=''),
        offsets=offsets,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=24,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/posetrack18_val.json',
        # without bbox_file and bbox_score_thr: ground-truth boxes
        bbox_file=data_root +
        'annotations/posetrack18_val_human_detections.json',
        bbox_score_thr=0.2,
        data_prefix=dict(img=''),
        offsets=offsets,
        test_mode=True,
        pipeline=val_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='PoseTrackMetric',
    ann_file=data_root + 'annotations/posetrack18_val.json',
    score_mode='keypoint_bbox')
test_evaluator = val_evaluator
