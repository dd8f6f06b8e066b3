# Poseidon on ViTPose-H as its authors' code has it: blocks 10, 22 and 32, the
# position embedding of 256x192 crops, colours in the order that their decoder
# gives, BGR, with the statistics of RGB, no flipping. The model starts from
# MMPose's COCO weights, decoder included.
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        num_frames=5,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=False),
    backbone=dict(
        type='MultiStageViT',
        arch='huge',
        img_size=(256, 192),
        out_indices=(9, 21, 31),
        drop_path_rate=0.55),
    neck=dict(
        type='PoseidonNeck',
        in_channels=1280,
        map_size=(24, 18),
        offsets=(-2, -1, 0, 1, 2),
        num_heads=4),
    head=dict(
        type='HeatmapHead',
        in_channels=1280,
        out_channels=17,
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True)),
    test_cfg=dict(flip_test=False),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-huge_8xb64-210e_'
        'coco-256x192-e32adcd4_20230314.pth'))
