# Table 5 (a), and Table 7 without RDM: the motion feature is used as it is.
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]

model = dict(head=dict(factorisation='none', mi_loss=None))
