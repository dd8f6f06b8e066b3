# The neck of frame_attention.py between a stock backbone and a head for
# single frames, trained on the demo's generated clips.
_base_ = [
    '../../configs/_base_/datasets/synthetic_sequence.py',
    '../../configs/_base_/models/hrnet-light.py',
    '../../configs/_base_/schedules/small_1e.py',
]

# the module's folder must be on PYTHONPATH
custom_imports = dict(
    imports=['mmpose_tdmi', 'frame_attention'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(num_frames=len(_base_.offsets)),
    neck=dict(
        type='FrameAttentionNeck', in_channels=16, offsets=_base_.offsets),
    head=dict(decoder=_base_.codec))
