# TDMI-ST (Sec. 4.2): the visual feature is that of the whole clip.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(
    head=dict(
        visual='spatiotemporal',
        offsets={{_base_.offsets}},
        spatiotemporal=dict(groups=4)))
