# DCPose's schedule, from its authors' released PoseTrack18 config: Adam, 1e-4
# times 0.99 at epochs 4, 8, 12 and 16, 20 epochs, 2 GPUs x 32 clips.
_base_ = ['../default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=1)

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4))

param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=20,
        milestones=[4, 8, 12, 16],
        gamma=0.99,
        by_epoch=True)
]

auto_scale_lr = dict(base_batch_size=64)
