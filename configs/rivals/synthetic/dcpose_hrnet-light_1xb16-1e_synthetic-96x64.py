# The small DCPose: frozen single-frame model, whose softmaxed heatmaps are
# corrected. The correction gives logits and is trained as TDMI's small model.
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
    '../../_base_/schedules/small_window_1e.py',
]

offsets = (-1, 0, 1)
single_frame = 'work_dirs/demo/single_frame/epoch_5.pth'

train_dataloader = dict(dataset=dict(offsets=offsets))
val_dataloader = dict(dataset=dict(offsets=offsets))
test_dataloader = dict(dataset=dict(offsets=offsets))

model = dict(
    data_preprocessor=dict(num_frames=len(offsets)),
    backbone=dict(type='MultiStageHRNet', out_stages=(4, ), frozen=True),
    neck=dict(
        type='DCPoseNeck',
        in_channels=16,
        out_channels=17,
        offsets=offsets,
        correction_channels=32,
        dilations=(1, 2, 3, 4, 6),
        mask='sigmoid',
        heatmap_layer=dict(
            kernel_size=3,
            activation='softmax',
            sigma=_base_.codec.sigma,
            checkpoint=single_frame),
        init_cfg=_base_.fresh_init),
    head=dict(in_channels=17, final_layer=None, decoder=_base_.codec),
    # the single-frame model's weights
    init_cfg=dict(type='Pretrained', checkpoint=single_frame))
