# One epoch of a small model: warm-up, then a cosine to nearly nothing.
_base_ = ['../synthetic_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=1)

optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.01))

param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=1,
        T_max=1,
        eta_min=1e-6,
        by_epoch=True,
        convert_to_iter_based=True)
]
