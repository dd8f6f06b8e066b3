# TAR-ViTPose's schedule, from its authors' released PoseTrack17 config:
# AdamW, 5e-6 halved every 5 epochs, weight decay 0.1, 30 epochs, 16 clips.
_base_ = ['../default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=1)

optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-6, weight_decay=0.1))

param_scheduler = [
    dict(
        type='StepLR', begin=0, end=30, step_size=5, gamma=0.5, by_epoch=True)
]

auto_scale_lr = dict(base_batch_size=16)
