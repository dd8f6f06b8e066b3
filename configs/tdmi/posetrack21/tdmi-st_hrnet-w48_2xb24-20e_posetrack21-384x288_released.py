# TDMI-ST with every known choice of the authors' code.
_base_ = ['tdmi_hrnet-w48_2xb24-20e_posetrack21-384x288_released.py']

model = dict(
    head=dict(
        visual='spatiotemporal',
        offsets={{_base_.offsets}},
        spatiotemporal=dict(mask='none', offset_init='normal')))
