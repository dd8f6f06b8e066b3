_base_ = [
    '../../_base_/datasets/posetrack21_sequence.py',
    '../../_base_/models/tdmi_hrnet-w48.py',
    '../../_base_/schedules/tdmi_20e.py',
]

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    neck=dict(offsets=_base_.offsets),
    head=dict(decoder=_base_.codec))
