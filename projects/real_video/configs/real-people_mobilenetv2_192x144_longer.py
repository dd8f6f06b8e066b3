# On from the last of the three steps: ten more epochs at full size.
_base_ = ['real-people_mobilenetv2_192x144.py']

train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(type='RandomHalfBody', prob=0.1),
    # most people stand; athletes hang and turn over
    dict(
        type='RandomChoice',
        transforms=[[
            dict(
                type='RandomBBoxTransform',
                scale_factor=(0.75, 1.25),
                rotate_factor=45.)
        ],
                    [
                        dict(
                            type='RandomBBoxTransform',
                            scale_factor=(0.75, 1.25),
                            rotate_factor=180.,
                            rotate_prob=1.)
                    ]],
        prob=[0.9, 0.1]),
    *_base_.train_pipeline[5:]
]

model = dict(
    init_cfg=dict(checkpoint=_base_.data_root + '192x144/iter_660.pth'))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_iters=3000, val_interval=3000)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.1, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=3000,
        T_max=3000,
        eta_min=1e-5,
        by_epoch=False)
]
