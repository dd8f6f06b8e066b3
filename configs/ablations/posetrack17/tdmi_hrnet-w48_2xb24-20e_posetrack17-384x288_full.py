# All of TDMI: Table 5 (b), 6 (d), 7 (b).
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]
