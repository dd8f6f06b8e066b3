# Table 6 (b): stages are concatenated and convolved, no modulation.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(neck=dict(fusion='concat', modulation=None))
