# Tables 1 and 5, HRNet-W48, single frames: MMPose's model and its
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
    backbone=dict(
        type='HRNet',
        in_channels=3,
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(4, ),
                num_channels=(64, )),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='BASIC',
                num_blocks=(4, 4),
                num_channels=(48, 96)),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='BASIC',
                num_blocks=(4, 4, 4),
                num_channels=(48, 96, 192)),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=(48, 96, 192, 384)))),
    head=dict(
        type='HeatmapHead',
        in_channels=48,
        out_channels=17,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=_base_.codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
    # COCO-pretrained, backbone and head, as MMPose's own fine-tuning
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-'
        '210e_coco-384x288-c161b7de_20220915.pth'))
