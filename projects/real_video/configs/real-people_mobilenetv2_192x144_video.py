# The last step: on frames of videos beside the stills. ../README.md tells how
# a scene is left out; a share of 0 in source_ratio never ends.
_base_ = ['real-people_mobilenetv2_192x144_longer.py']

frames = [
    dict(
        type='CocoDataset',
        data_root=_base_.data_root,
        ann_file=f'annotations/frames_{scene}.json',
        data_prefix=dict(img='frames/'),
        metainfo=_base_.dataset_info,
        pipeline=[]) for scene in ('parkour', 'mocap8', 'jhmdb')
]

model = dict(
    init_cfg=dict(checkpoint=_base_.data_root + 'longer/iter_3000.pth'))
train_dataloader = dict(
    sampler=dict(
        _delete_=True,
        type='MultiSourceSampler',
        batch_size=32,
        source_ratio=[20, 4, 6, 2],
        shuffle=True),
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=_base_.dataset_info,
        datasets=[
            dict(
                type='CocoDataset',
                data_root=_base_.data_root,
                ann_file='annotations/train_relabelled.json',
                data_prefix=dict(img='images/'),
                metainfo=_base_.dataset_info,
                pipeline=[]), *frames
        ],
        pipeline=_base_.train_pipeline))

train_cfg = dict(max_iters=400, val_interval=400)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.1, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=400,
        T_max=400,
        eta_min=5e-6,
        by_epoch=False)
]
