# PoseWarper's schedule, from its authors' released config: Adam, 1e-4 divided
# by ten at epochs 10 and 15, 20 epochs, 8 GPUs x 8 clips.
_base_ = ['../default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=1)

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4))

param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=20,
        milestones=[10, 15],
        gamma=0.1,
        by_epoch=True)
]

auto_scale_lr = dict(base_batch_size=64)
