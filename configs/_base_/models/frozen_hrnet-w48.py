# A single-frame HRNet-W48 of PoseTrack18, frozen: what PoseWarper, DCPose and
# FAMI-Pose start from. MMPose's own weights, so that all start from the same
# (the systems' authors each trained theirs).
# The checkpoint is of MMPose 0.x, which calls its head `keypoint_head`; its
# last layer is the necks' heatmap layer.
single_frame = ('https://download.openmmlab.com/mmpose/top_down/hrnet/'
                'hrnet_w48_posetrack18_384x288-5fd6d3ff_20211130.pth')
single_frame_layer = 'keypoint_head.final_layer'

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='MultiStageHRNet',
        in_channels=3,
        out_stages=(4, ),
        frozen=True,
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
                num_channels=(48, 96, 192, 384))),
        init_cfg=dict(
            type='Pretrained', checkpoint=single_frame, prefix='backbone.')),
    # the releases test without flipping; here all systems share TDMI's
    # inference path
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True))
