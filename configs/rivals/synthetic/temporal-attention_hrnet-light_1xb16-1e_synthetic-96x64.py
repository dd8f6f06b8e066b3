# The small temporal attention. It starts as the single-frame model, whose
# weights are loaded: the restored feature is added with a scale of zero.
_base_ = [
    '../../_base_/datasets/synthetic_sequence.py',
    '../../_base_/models/hrnet-light.py',
    '../../_base_/schedules/small_window_1e.py',
]

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    backbone=dict(type='MultiStageHRNet', out_stages=(4, )),
    head=dict(
        type='TemporalAttentionHead',
        offsets=_base_.offsets,
        num_layers=2,
        num_heads=4,
        gated=True,
        test_activation='softmax',
        decoder=_base_.codec),
    # the single-frame model's weights
    init_cfg=dict(
        type='Pretrained',
        checkpoint='work_dirs/demo/single_frame/epoch_5.pth'))
