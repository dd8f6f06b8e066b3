# Not in the paper: starts as the mean of the window's single-frame heatmaps,
# not as the key frame's.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(
    head=dict(visual_shortcut='window', offsets={{_base_.offsets}}))
