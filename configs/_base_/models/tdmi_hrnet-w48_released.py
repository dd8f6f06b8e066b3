# TDMI with every known choice of the authors' code in place of the paper's
# (docs/model.md lists them). The padding at a video's ends belongs to the
# dataset: the config that joins the two sets it.
_base_ = ['tdmi_hrnet-w48.py']

model = dict(
    neck=dict(
        num_blocks=(2, 2, 2, 2),
        skip_projection='always',
        accumulation=dict(unit='residual', num_units=1, on_first=False),
        modulation=dict(
            groups=12,
            offset_input='key_and_difference',
            chains='shared',
            num_blocks=1,
            offset_dilation=3,
            offset_init='normal',
            mask='none')),
    head=dict(
        skip_projection='always',
        mi_loss=dict(
            estimator='released',
            # the frozen heatmap layer of the COCO-pretrained HRNet
            label_init_cfg=dict(
                type='Pretrained',
                checkpoint={{_base_.model.backbone.init_cfg.checkpoint}},
                prefix='head.final_layer'))))
