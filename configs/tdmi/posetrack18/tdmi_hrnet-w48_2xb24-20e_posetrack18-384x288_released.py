# TDMI with every known choice of the authors' code in place of the paper's
# (docs/model.md lists them).
_base_ = [
    '../../_base_/datasets/posetrack18_sequence.py',
    '../../_base_/models/tdmi_hrnet-w48_released.py',
    '../../_base_/schedules/tdmi_20e.py',
]

padding = 'released'

train_dataloader = dict(dataset=dict(padding=padding))
val_dataloader = dict(dataset=dict(padding=padding))
test_dataloader = dict(dataset=dict(padding=padding))

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    neck=dict(offsets=_base_.offsets),
    head=dict(decoder=_base_.codec))
