# FAMI-Pose's schedule, from its authors' released PoseTrack17 config: Adam,
# 1e-3 divided by ten at epochs 8, 12 and 16, 21 epochs, 1 GPU x 48 clips.
_base_ = ['../default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=21, val_interval=1)

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))

param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=21,
        milestones=[8, 12, 16],
        gamma=0.1,
        by_epoch=True)
]

auto_scale_lr = dict(base_batch_size=48)
