# DCPose (Liu et al., CVPR 2021): the frozen single-frame model's heatmaps,
# corrected by those of the frame before and after. Sizes are those of the
# authors' released configs (DcPose_RSN).
_base_ = ['frozen_hrnet-w48.py']

model = dict(
    data_preprocessor=dict(num_frames=3),
    neck=dict(
        type='DCPoseNeck',
        in_channels=48,
        out_channels=17,
        offsets=(-1, 0, 1),
        fusion_channels=34,
        fusion_blocks=2,
        merger_blocks=1,
        correction_channels=64,
        correction_blocks=2,
        dilations=(3, 6, 9, 12, 15),
        mask='none',
        heatmap_layer=dict(
            checkpoint={{_base_.single_frame}},
            prefix={{_base_.single_frame_layer}})),
    # the neck gives heatmaps
    head=dict(
        type='HeatmapHead',
        in_channels=17,
        out_channels=17,
        deconv_out_channels=None,
        final_layer=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True)))
