# The small PoseWarper: frozen single-frame model, learnt warp. Its heatmaps
# are those of a model trained on logits, so they are softmaxed before they
# are warped, and the loss is the paper's. It starts as the weighted average
# of the frames' heatmaps.
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
    '../../_base_/schedules/small_window_1e.py',
]

train_offsets = (-1, 0, 1)
single_frame = 'work_dirs/demo/single_frame/epoch_5.pth'

train_dataloader = dict(
    dataset=dict(offsets=train_offsets, random_range=(-2, 2)))

model = dict(
    backbone=dict(type='MultiStageHRNet', out_stages=(4, ), frozen=True),
    neck=dict(
        type='PoseWarpingNeck',
        in_channels=16,
        out_channels=17,
        offsets=_base_.offsets,
        frame_weights=(0.1, 0.25, 0.3, 0.25, 0.1),
        train_offsets=train_offsets,
        inner_channels=32,
        num_blocks=4,
        dilations=(1, 2, 3, 4, 6),
        heatmap_layer=dict(
            kernel_size=3,
            activation='softmax',
            sigma=_base_.codec.sigma,
            checkpoint=single_frame),
        init_cfg=_base_.fresh_init),
    head=dict(
        _delete_=True,
        type='HeatmapHead',
        in_channels=17,
        out_channels=17,
        deconv_out_channels=None,
        final_layer=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=_base_.codec),
    # the single-frame model's weights
    init_cfg=dict(type='Pretrained', checkpoint=single_frame))
