# Table 7 (a): TDE and RDM without the mutual information objective.
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]

model = dict(head=dict(mi_loss=None))
