# Fine-tuning of the small TDMI on a few seconds of labelled real video
# (projects/demo/finetune_real_motion.py sets annotation files and weights).
_base_ = ['../synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

data_root = 'work_dirs/real_motion/data/'

train_dataloader = dict(batch_size=8, dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
val_evaluator = dict(ann_file=data_root + 'annotations/synthetic_val.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=12, val_interval=12)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=12,
        T_max=12,
        eta_min=1e-6,
        by_epoch=True,
        convert_to_iter_based=True)
]

auto_scale_lr = dict(base_batch_size=8)
