# The same on ViTPose-S, of which the authors take blocks 4, 8 and 12.
_base_ = ['poseidon_vit-h_1xb16-30e_posetrack18-384x288_released.py']

model = dict(
    backbone=dict(arch='small', out_indices=(3, 7, 11), drop_path_rate=0.1),
    neck=dict(in_channels=384),
    head=dict(in_channels=384),
    init_cfg=dict(
        checkpoint='https://download.openmmlab.com/mmpose/v1/'
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-small_8xb64-'
        '210e_coco-256x192-62d7a712_20230314.pth'))
