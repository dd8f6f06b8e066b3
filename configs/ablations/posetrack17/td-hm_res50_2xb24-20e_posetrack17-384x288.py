# Table 1, SimpleBaseline ResNet-50, single frames: MMPose's model and its
# COCO weights, with our clips (of one frame), boxes, schedule and metric.
_base_ = [
    '../../_base_/datasets/posetrack17_sequence.py',
    '../../_base_/schedules/tdmi_20e.py',
]

offsets = (0, )

train_dataloader = dict(dataset=dict(offsets=offsets))
val_dataloader = dict(dataset=dict(offsets=offsets))
test_dataloader = dict(dataset=dict(offsets=offsets))

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        num_frames=len(offsets),
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=50),
    head=dict(
        type='HeatmapHead',
        in_channels=2048,
        out_channels=17,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=_base_.codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
    # COCO-pretrained, backbone and head, as MMPose's own fine-tuning
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-'
        '384x288-7b8db90e_20220923.pth'))
