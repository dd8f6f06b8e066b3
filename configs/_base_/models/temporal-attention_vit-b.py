# Joint queries over the frames of a clip on ViTPose-B, of the kind of
# TAR-ViTPose (Fang et al., CVPR 2026): six layers, four heads, threshold 0.2.
# They start from a ViTPose of their own; this starts from MMPose's COCO
# weights, decoder included (COCO's joints are not PoseTrack18's: its last
# layer is learnt anew).
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        num_frames=5,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='MultiStageViT',
        arch='base',
        img_size=(384, 288),
        out_indices=(-1, ),
        drop_path_rate=0.3),
    head=dict(
        type='TemporalAttentionHead',
        in_channels=768,
        out_channels=17,
        offsets=(-2, -1, 0, 1, 2),
        num_layers=6,
        num_heads=4,
        region_threshold=0.2,
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True)),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-base_8xb64-210e_'
        'coco-256x192-216eae50_20230314.pth'))
