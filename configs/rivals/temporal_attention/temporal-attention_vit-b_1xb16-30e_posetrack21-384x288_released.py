# TAR-ViTPose on ViTPose-B as its authors' code evaluates it, for their weights
# (tools/model_converters/tar_vitpose.py): without flipping, BGR normalised as
# if it were RGB, position embeddings of 256x192 resized.
_base_ = ['temporal-attention_vit-b_1xb16-30e_posetrack21-384x288.py']

model = dict(
    data_preprocessor=dict(bgr_to_rgb=False),
    backbone=dict(img_size=(256, 192)),
    head=dict(released=True),
    test_cfg=dict(flip_test=False))
