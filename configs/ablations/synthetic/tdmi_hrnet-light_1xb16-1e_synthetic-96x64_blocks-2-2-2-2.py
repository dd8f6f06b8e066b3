# Eq. 2 with the authors' two blocks a stage; the base has one.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(neck=dict(num_blocks=(2, 2, 2, 2)))
