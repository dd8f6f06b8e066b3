# PoseWarper on PoseTrack21, in its authors' released recipe: supporting frames
# within 2 of the key frame. The weights that MMPose 0.x published for it
# (PoseTrack18) load as they are:
# --cfg-options load_from=https://download.openmmlab.com/mmpose/top_down/
# posewarper/hrnet_w48_posetrack18_384x288_posewarper_stage2-
# 4abf88db_20211130.pth
_base_ = [
    '../../_base_/datasets/posetrack21_sequence.py',
    '../../_base_/models/posewarper_hrnet-w48.py',
    '../../_base_/schedules/posewarper_20e.py',
]

train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        offsets={{_base_.model.neck.train_offsets}}, random_range=(-2, 2)))

model = dict(head=dict(decoder={{_base_.codec}}))
