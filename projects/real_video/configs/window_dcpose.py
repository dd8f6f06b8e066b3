# DCPose: the single-frame model's heatmaps of three frames, corrected.
_base_ = ['window_base.py']

offsets = (-1, 0, 1)

train_dataloader = dict(dataset=dict(offsets=offsets))
test_dataloader = dict(dataset=dict(offsets=offsets))

model = dict(
    data_preprocessor=dict(num_frames=len(offsets)),
    neck=dict(
        type='DCPoseNeck',
        in_channels=64,
        out_channels=14,
        offsets=offsets,
        correction_channels=32,
        dilations=(1, 2, 3, 4, 6),
        mask='sigmoid',
        heatmap_layer=dict(
            kernel_size=3,
            activation='softmax',
            sigma=_base_.codec.sigma,
            checkpoint=_base_.single_frame),
        init_cfg=_base_.fresh_init),
    head=dict(
        type='SpatialSoftmaxHead',
        in_channels=14,
        out_channels=14,
        deconv_out_channels=None,
        final_layer=None,
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        decoder=_base_.codec))
