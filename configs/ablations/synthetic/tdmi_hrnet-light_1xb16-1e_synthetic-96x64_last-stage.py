# Table 6 (a): differences of the last stage only, no modulation.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(neck=dict(stages=(-1, ), modulation=None))
