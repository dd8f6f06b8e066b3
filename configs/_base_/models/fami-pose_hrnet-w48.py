# FAMI-Pose (Liu et al., CVPR 2022) as its paper describes it: supporting
# frames' features are aligned to the key frame's as wholes, then locally,
# then merged; with its mutual information objective. Sizes, alpha and beta
# are those of the authors' released code.
_base_ = ['frozen_hrnet-w48.py']

model = dict(
    data_preprocessor=dict(num_frames=5),
    neck=dict(
        type='FAMIPoseNeck',
        in_channels=48,
        offsets=(-2, -1, 0, 1, 2),
        merge='after',
        transform='translation'),
    head=dict(
        type='FAMIPoseHead',
        in_channels=48,
        out_channels=17,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        mi_loss=dict(
            type='FAMIMutualInformationLoss',
            estimator='released',
            alpha=0.5,
            beta=0.1,
            label_init_cfg=dict(
                type='Pretrained',
                checkpoint={{_base_.single_frame}},
                prefix={{_base_.single_frame_layer}}))))
