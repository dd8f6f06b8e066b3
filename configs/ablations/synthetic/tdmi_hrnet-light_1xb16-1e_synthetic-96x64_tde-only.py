# Table 5 (a), and Table 7 without RDM: the motion feature is used as it is.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(head=dict(factorisation='none', mi_loss=None))
