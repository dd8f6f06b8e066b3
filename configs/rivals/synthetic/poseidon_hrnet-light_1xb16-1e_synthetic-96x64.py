# The small Poseidon, of HRNet's last three stages. Backbone and last layer
# start as the single-frame model's; its design has no start as that model.
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
    '../../_base_/schedules/small_window_1e.py',
]

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    backbone=dict(type='MultiStageHRNet', out_stages=(2, 3, 4)),
    neck=dict(
        type='PoseidonNeck',
        in_channels=16,
        map_size=(24, 16),
        offsets=_base_.offsets,
        num_heads=4),
    head=dict(decoder=_base_.codec),
    # the single-frame model's weights
    init_cfg=dict(
        type='Pretrained',
        checkpoint='work_dirs/demo/single_frame/epoch_5.pth'))
