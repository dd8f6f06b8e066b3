# FAMI-Pose as its authors' code has it: the supporting frames are merged
# before their local calibration, missing frames are replaced by its rule, and
# tests do not flip.
_base_ = ['fami-pose_hrnet-w48_1xb48-21e_posetrack17-384x288.py']

padding = 'released'

train_dataloader = dict(dataset=dict(padding=padding))
val_dataloader = dict(dataset=dict(padding=padding))
test_dataloader = dict(dataset=dict(padding=padding))

model = dict(neck=dict(merge='before'), test_cfg=dict(flip_test=False))
