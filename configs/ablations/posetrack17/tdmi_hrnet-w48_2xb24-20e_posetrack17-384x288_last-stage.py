# Table 6 (a): differences of the last stage only, no modulation.
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]

model = dict(neck=dict(stages=(-1, ), modulation=None))
