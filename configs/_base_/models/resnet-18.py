# ResNet-18 at half its width with an FPN: the small models on a backbone
# that is not HRNet. The finest of the FPN's maps is the visual feature.
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='SequencePoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        channels_last=True),
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        out_indices=(0, 1, 2, 3)),
    neck=dict(
        type='FPN',
        in_channels=[32, 64, 128, 256],
        out_channels=32,
        num_outs=4),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
