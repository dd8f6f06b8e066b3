# Eq. 2 with the authors' two blocks a stage; the base has 3, 3, 2, 2.
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]

model = dict(neck=dict(num_blocks=(2, 2, 2, 2)))
