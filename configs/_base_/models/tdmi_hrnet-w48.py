# TDMI on HRNet-W48 (Sec. 3). `offsets`, `decoder` and `out_channels` come
# from the dataset and are filled in by the config that joins the two.
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
        # COCO-pretrained, as in the paper
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/v1/'
            'body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-'
            '210e_coco-384x288-c161b7de_20220915.pth',
            prefix='backbone.')),
    neck=dict(
        type='TemporalDifferenceNeck',
        in_channels=(48, 48, 48, 48),
        out_channels=48,
        num_blocks=(3, 3, 2, 2)),
    head=dict(
        type='DisentanglementHead',
        in_channels=48,
        out_channels=17,
        visual='key_frame',
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        mi_loss=dict(type='MutualInformationLoss', estimator='vsd',
                     alpha=1.0)),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True))
