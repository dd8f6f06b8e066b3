# The mutual information terms as the authors' code computes them.
_base_ = [
    '../../tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py'
]

model = dict(
    head=dict(
        mi_loss=dict(
            estimator='released',
            # the frozen heatmap layer of the COCO-pretrained HRNet
            label_init_cfg=dict(
                type='Pretrained',
                checkpoint={{_base_.model.backbone.init_cfg.checkpoint}},
                prefix='head.final_layer'))))
