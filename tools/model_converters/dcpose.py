r"""Make DCPose's released weights a checkpoint of this package.

The authors' networks for PoseTrack are at github.com/Pose-Group/DCPose
(docs/Installation.md).

Examples:
    python tools/model_converters/dcpose.py PoseTrack17_DCPose.pth dcpose.pth
    python tools/infer_video.py my.mp4 \
        dcpose_hrnet-w48_2xb32-20e_posetrack17-384x288_released \
        dcpose.pth
"""
from mmpose_tdmi.tooling import Weights, convert_released, fold_biases, take

CONFIG = 'dcpose_hrnet-w48_2xb32-20e_posetrack17-384x288_released'
STEPS = dict(
    diff_temporal_fuse='residual_fusion',
    support_temporal_fuse='temporal_merger',
    offset_mask_combine_conv='correction')
LAYERS = {
    r'offsets_list\.(\d+)\.0': 'offset_layers',
    r'masks_list\.(\d+)\.0': 'mask_layers',
    r'modulated_deform_conv_list\.(\d+)\.deform_conv': 'deform_conv_layers'
}


def convert(left: Weights) -> Weights:
    single = r'rough_pose_estimation_net\.'
    names = {
        rf'{single}final_layer\.(\w+)': r'neck.heatmap_layer.\1',
        rf'{single}(.+)': r'backbone.\1'
    }
    for theirs, ours in STEPS.items():
        ours = rf'neck.{ours}.blocks.blocks.\1.'
        theirs = rf'{theirs}\.layers\.(\d+)\.'
        names[rf'{theirs}conv_bn_relu3\.(.+)'] = rf'{ours}conv_bn3.\2'
        names[rf'{theirs}(.+)'] = rf'{ours}\2'
    for theirs, ours in LAYERS.items():
        names[rf'{theirs}\.(\w+)'] = rf'neck.correction.{ours}.\1.\2'
    converted = take(left, names)
    fold_biases(converted)
    return converted


if __name__ == '__main__':
    convert_released(__doc__, CONFIG, convert)
