# There is no variant after the authors' code here: its label terms rest on a
# heatmap layer of COCO's 17 keypoints, HiEve has 14.
_base_ = [
    '../../_base_/datasets/hieve_sequence.py',
    '../../_base_/models/tdmi_hrnet-w48.py',
    '../../_base_/schedules/tdmi_20e.py',
]

val_cfg = None
default_hooks = dict(
    checkpoint=dict(save_best=None),
    # no head boxes here
    badcase=dict(metric='oks'))

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    neck=dict(offsets=_base_.offsets),
    head=dict(out_channels=14, decoder=_base_.codec))
