# Temporal attention; it starts as the single-frame model.
_base_ = ['window_base.py']

model = dict(
    head=dict(
        type='TemporalAttentionHead',
        in_channels=64,
        out_channels=14,
        offsets=_base_.offsets,
        num_layers=2,
        num_heads=4,
        gated=True,
        test_activation='softmax',
        deconv_out_channels=None,
        final_layer=dict(kernel_size=3, padding=1),
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        decoder=_base_.codec))
