# Table 7 (c): useful and noisy motion are each half of the channels.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(head=dict(factorisation='split'))
