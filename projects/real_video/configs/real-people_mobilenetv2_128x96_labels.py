# What is done about exchanged sides, one at a time: two epochs from ImageNet
# on the labels as they are; `--cfg-options` of ../README.md change one thing.
_base_ = ['real-people_mobilenetv2_128x96_first.py']

train_cfg = dict(max_epochs=2, val_interval=2)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=2,
        T_max=2,
        eta_min=2e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
custom_imports = dict(
    imports=[*_base_.custom_imports.imports, 'projects.real_video.side_noise'])
