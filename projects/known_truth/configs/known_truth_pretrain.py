# The single-frame training that all systems start from, to saturation.
_base_ = ['known_truth.py']

train_dataloader = dict(
    batch_size=32, sampler=dict(type='DefaultSampler', shuffle=True))

train_cfg = dict(
    _delete_=True, type='EpochBasedTrainLoop', max_epochs=8, val_interval=8)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=8,
        T_max=8,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
default_hooks = dict(checkpoint=dict(interval=1, by_epoch=True))
log_processor = dict(by_epoch=True)
