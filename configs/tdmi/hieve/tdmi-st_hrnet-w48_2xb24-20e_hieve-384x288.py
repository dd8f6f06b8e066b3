_base_ = ['tdmi_hrnet-w48_2xb24-20e_hieve-384x288.py']

model = dict(head=dict(visual='spatiotemporal', offsets={{_base_.offsets}}))
