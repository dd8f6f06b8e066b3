# The paper's schedule (Sec. 4.1): Adam, 1e-3 divided by ten at epochs 6, 12
# and 18, 20 epochs. 2 GPUs x 24 clips is the authors' batch size.
_base_ = ['../default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=1)

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))

param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end=20,
        milestones=[6, 12, 18],
        gamma=0.1,
        by_epoch=True)
]

auto_scale_lr = dict(base_batch_size=48)
