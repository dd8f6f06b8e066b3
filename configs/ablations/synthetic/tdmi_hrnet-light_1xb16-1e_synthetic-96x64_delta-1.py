# A window of delta = 1; the base's is 2.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

offsets = (-1, 0, 1)

train_dataloader = dict(dataset=dict(offsets=offsets))
val_dataloader = dict(dataset=dict(offsets=offsets))
test_dataloader = dict(dataset=dict(offsets=offsets))
model = dict(
    data_preprocessor=dict(num_frames=len(offsets)),
    neck=dict(offsets=offsets))
