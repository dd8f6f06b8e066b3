# The single-frame model: pretraining of the small TDMI, and its baseline.
_base_ = [
    '../../_base_/synthetic_runtime.py',
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
]

offsets = (0, )

train_dataloader = dict(dataset=dict(offsets=offsets))
val_dataloader = dict(batch_size=64, dataset=dict(offsets=offsets))
test_dataloader = val_dataloader

model = dict(
    data_preprocessor=dict(num_frames=len(offsets)),
    head=dict(decoder=_base_.codec))

train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=5)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=5,
        T_max=5,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
