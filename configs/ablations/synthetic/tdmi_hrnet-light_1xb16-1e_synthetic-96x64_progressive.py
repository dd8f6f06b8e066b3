# Table 6 (c): progressive accumulation without modulation.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(neck=dict(modulation=None))
