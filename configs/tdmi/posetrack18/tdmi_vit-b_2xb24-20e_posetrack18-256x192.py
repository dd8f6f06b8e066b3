# The same on ViTPose-B.
_base_ = ['tdmi_vit-s_2xb24-20e_posetrack18-256x192.py']

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.3,
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmpose/v1/'
            'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-base_8xb64-'
            '210e_coco-256x192-216eae50_20230314.pth')),
    neck=dict(in_channels=(768, 768, 768, 768)))

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
