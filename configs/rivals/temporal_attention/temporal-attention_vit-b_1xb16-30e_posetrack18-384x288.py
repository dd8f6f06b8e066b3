# Temporal attention on ViTPose-B, in TAR-ViTPose's released recipe.
_base_ = [
    '../../_base_/datasets/posetrack18_sequence.py',
    '../../_base_/models/temporal-attention_vit-b.py',
    '../../_base_/schedules/temporal-attention_30e.py',
]

train_dataloader = dict(batch_size=16)

model = dict(head=dict(offsets={{_base_.offsets}}, decoder={{_base_.codec}}))
