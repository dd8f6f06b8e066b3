# Table 7 (a): TDE and RDM without the mutual information objective.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(head=dict(mi_loss=None))
