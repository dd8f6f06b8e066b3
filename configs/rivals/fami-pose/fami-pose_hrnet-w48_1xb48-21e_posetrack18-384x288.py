# FAMI-Pose on PoseTrack18, in its authors' released recipe.
_base_ = [
    '../../_base_/datasets/posetrack18_sequence.py',
    '../../_base_/models/fami-pose_hrnet-w48.py',
    '../../_base_/schedules/fami-pose_21e.py',
]

train_dataloader = dict(batch_size=48)

model = dict(
    neck=dict(offsets={{_base_.offsets}}), head=dict(decoder={{_base_.codec}}))
