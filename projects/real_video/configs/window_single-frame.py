# The single frame on the same clips: its heatmap layer is trained on.
_base_ = ['window_base.py']

model = dict(
    data_preprocessor=dict(num_frames=1),
    head=dict(
        type='SpatialSoftmaxHead',
        in_channels=64,
        out_channels=14,
        deconv_out_channels=None,
        final_layer=dict(kernel_size=3, padding=1),
        loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True),
        decoder=_base_.codec))
train_dataloader = dict(dataset=dict(offsets=(0, )))
test_dataloader = dict(dataset=dict(offsets=(0, )))
