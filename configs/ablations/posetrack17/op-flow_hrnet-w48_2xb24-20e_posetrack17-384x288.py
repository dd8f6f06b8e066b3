# Table 5, Op-Flow: RAFT's flow in place of the differences. Without RDM, as
# the TDE that the paper compares it with. The first training downloads RAFT's
# weights.
_base_ = ['tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288_tde-only.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='BackboneWithFrames',
        backbone={{_base_.model.backbone}}),
    neck=dict(
        _delete_=True,
        type='OpticalFlowNeck',
        in_channels=(48, 48, 48, 48),
        out_channels=48,
        offsets={{_base_.offsets}},
        mean={{_base_.model.data_preprocessor.mean}},
        std={{_base_.model.data_preprocessor.std}},
        num_blocks=3,
        flow=dict(arch='large', weights='C_T_SKHT_V2')))
