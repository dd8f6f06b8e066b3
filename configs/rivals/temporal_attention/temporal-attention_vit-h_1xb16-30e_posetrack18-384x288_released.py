# The same on ViTPose-H, for its authors' weights.
_base_ = ['temporal-attention_vit-b_1xb16-30e_posetrack18-384x288_released.py']

model = dict(
    backbone=dict(arch='huge', drop_path_rate=0.55),
    head=dict(in_channels=1280),
    init_cfg=dict(
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-huge_8xb64-210e_'
        'coco-256x192-e32adcd4_20230314.pth'))
