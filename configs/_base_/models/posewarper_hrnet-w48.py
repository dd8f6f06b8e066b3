# PoseWarper (Bertasius et al., NeurIPS 2019), its second stage: the frozen
# single-frame model's heatmaps are warped between frames. Sizes and weights
# are those of the authors' released code. A training pair is drawn from a
# clip of three frames, at test five are averaged.
_base_ = ['frozen_hrnet-w48.py']

model = dict(
    neck=dict(
        type='PoseWarpingNeck',
        in_channels=48,
        out_channels=17,
        offsets=(-2, -1, 0, 1, 2),
        frame_weights=(0.1, 0.25, 0.3, 0.25, 0.1),
        train_offsets=(-1, 0, 1),
        train_frames='one',
        inner_channels=128,
        num_blocks=20,
        dilations=(3, 6, 12, 18, 24),
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
