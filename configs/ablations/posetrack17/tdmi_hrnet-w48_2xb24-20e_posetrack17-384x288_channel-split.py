# Table 7 (c): useful and noisy motion are each half of the channels.
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]

model = dict(head=dict(factorisation='split'))
