# One epoch of a small model that starts as a trained single-frame model: the
# window's layers, which are new, learn fast, what was loaded slowly. They do
# not start at the paper's N(0, 0.001) (`fresh_init` instead): before a
# normalisation, an Adam step of such a size changes a weight as much as all
# steps before it, and in a short training nothing comes of them
# (projects/known_truth/known_truth.md).
_base_ = ['small_1e.py']

fresh_init = [
    dict(type='Kaiming', layer='Conv2d'),
    # the identity, since offsets start at 0 and the modulation at 1/2
    dict(type='mmpose.Dirac', layer='DeformableConv2d', gain=2.),
    dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
]

optim_wrapper = dict(
    optimizer=dict(lr=4e-3),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'final_layer': dict(lr_mult=0.1),
            # of deformable convolutions: a step must not be a cell
            'offset_conv': dict(lr_mult=0.1),
            'mask_conv': dict(lr_mult=0.1),
            'offset_layers': dict(lr_mult=0.1),
            'mask_layers': dict(lr_mult=0.1),
            # scales that start at zero and decide what the window is worth
            'shortcut_norm': dict(lr_mult=10.),
            'restoration.gate': dict(lr_mult=10.)
        }))
