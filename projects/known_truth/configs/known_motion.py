# What a row of the benchmark with known truth is tested with, nobody's method
# (projects/known_truth/known_motion.py): the weights and the layer of the
# small PoseWarper, the joints' true motion in the place of its warp.
_base_ = [
    '../../../configs/rivals/synthetic/'
    'posewarper_hrnet-light_1xb16-1e_synthetic-96x64.py'
]

model = dict(
    neck=None,
    head=dict(
        _delete_=True,
        type='KnownMotionHead',
        in_channels=16,
        out_channels=17,
        offsets={{_base_.offsets}},
        frame_weights={{_base_.model.neck.frame_weights}},
        heatmap_layer={{_base_.model.neck.heatmap_layer}},
        decoder={{_base_.codec}}))
