# TDMI on ViTPose-S, loaded from MMPose's COCO weights. `offsets`, `decoder`
# and the number of frames come from the config that joins it with a dataset.
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='MultiStageViT',
        arch='small',
        img_size=(256, 192),
        out_indices=(2, 5, 8, 11),
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/v1/'
            'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-small_8xb64-'
            '210e_coco-256x192-62d7a712_20230314.pth',
            prefix='backbone.')),
    neck=dict(
        type='TemporalDifferenceNeck',
        # MMPose's: from stride 16 to stride 4
        pre_neck=dict(type='FeatureMapProcessor', scale_factor=4.0),
        in_channels=(384, 384, 384, 384),
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
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
