# Poseidon on ViTPose-H in its authors' recipe, for training and for their
# weights (tools/model_converters/poseidon.py).
_base_ = [
    '../../_base_/datasets/posetrack21_sequence.py',
    '../../_base_/models/poseidon_vit-h.py',
    '../../_base_/schedules/temporal-attention_30e.py',
]

train_dataloader = dict(batch_size=16)

model = dict(
    neck=dict(offsets={{_base_.offsets}}), head=dict(decoder={{_base_.codec}}))
