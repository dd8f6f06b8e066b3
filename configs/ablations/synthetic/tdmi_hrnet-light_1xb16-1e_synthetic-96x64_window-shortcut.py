# Not in the paper: starts as the mean of the window's single-frame heatmaps,
# not as the key frame's.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(head=dict(visual_shortcut='window', offsets={{_base_.offsets}}))
# like the other weights that start at zero and decide what the window is worth
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(window_shortcut=dict(lr_mult=10.))))
