# All of TDMI: Table 5 (b), 6 (d), 7 (b).
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']
