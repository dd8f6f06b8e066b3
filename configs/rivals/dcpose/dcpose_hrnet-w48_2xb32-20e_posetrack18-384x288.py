# DCPose on PoseTrack18, in its authors' released recipe: frames t-1, t, t+1.
_base_ = [
    '../../_base_/datasets/posetrack18_sequence.py',
    '../../_base_/models/dcpose_hrnet-w48.py',
    '../../_base_/schedules/dcpose_20e.py',
]

offsets = {{_base_.model.neck.offsets}}

train_dataloader = dict(batch_size=32, dataset=dict(offsets=offsets))
val_dataloader = dict(dataset=dict(offsets=offsets))
test_dataloader = dict(dataset=dict(offsets=offsets))

model = dict(head=dict(decoder={{_base_.codec}}))
