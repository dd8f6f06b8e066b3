# The first model, from ImageNet, on the labels as they are: it relabels them.
_base_ = ['real-people_mobilenetv2_128x96.py']

train_pipeline = _base_.train_pipeline
train_pipeline[4].update(prob=0.15)
train_pipeline[5].update(prob=[0.8, 0.2])

model = dict(
    init_cfg=None,
    backbone=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint='mobilenetv2_imagenet_mmpose.pth')))
train_dataloader = dict(
    dataset=dict(ann_file='annotations/train.json', pipeline=train_pipeline))

train_cfg = dict(max_epochs=7)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=7,
        T_max=7,
        eta_min=2e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
