# Table 5, Op-Flow: RAFT's flow in place of the differences. Without RDM, as
# the TDE that the paper compares it with. The first training downloads RAFT's
# weights. The crops are doubled for RAFT, which takes none this small.
_base_ = ['tdmi_hrnet-light_1xb16-1e_synthetic-96x64_tde-only.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='BackboneWithFrames',
        backbone={{_base_.model.backbone}}),
    neck=dict(
        _delete_=True,
        type='OpticalFlowNeck',
        in_channels=(16, 16, 16, 16),
        out_channels=16,
        offsets={{_base_.offsets}},
        mean={{_base_.model.data_preprocessor.mean}},
        std={{_base_.model.data_preprocessor.std}},
        num_blocks=1,
        flow=dict(arch='small', weights='C_T_V2', frame_scale=2.)))
