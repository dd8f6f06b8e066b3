# The same on ViTPose-S.
_base_ = ['temporal-attention_vit-b_1xb16-30e_posetrack21-384x288.py']

model = dict(
    backbone=dict(arch='small', drop_path_rate=0.1),
    head=dict(in_channels=384),
    init_cfg=dict(
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-small_8xb64-'
        '210e_coco-256x192-62d7a712_20230314.pth'))
