# Clips in the paper's recipe (Sec. 4.1), for all of its datasets: delta = 2,
# 384x288, boxes enlarged by 25 %, rotation +-45 degrees, scale 0.65-1.35, half
# body, flip. The files that name a dataset build on this one.
codec = dict(
    type='MSRAHeatmap', input_size=(288, 384), heatmap_size=(72, 96), sigma=3)

offsets = (-2, -1, 0, 1, 2)

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
    dict(type='LoadFrameSequence', cache_frames=8),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseSequenceInputs')
]

train_dataloader = dict(
    batch_size=24,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        data_prefix=dict(img=''), offsets=offsets, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=24,
    num_workers=4,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        data_prefix=dict(img=''),
        offsets=offsets,
        test_mode=True,
        pipeline=val_pipeline))
test_dataloader = val_dataloader
