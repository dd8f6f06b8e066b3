r"""Make weights trained with FAMI-Pose's released code a checkpoint of this
package.

The code is at github.com/Pose-Group/FAMI-Pose; its authors have published no
weights. Its single-frame heatmap layer, which nothing but the mutual
information objective reads, becomes that of ours.

Examples:
    python tools/model_converters/fami_pose.py epoch_20_state.pth fami.pth
    python tools/infer_video.py my.mp4 \
        fami-pose_hrnet-w48_1xb48-21e_posetrack17-384x288_released \
        fami.pth
"""
import torch

from mmpose_tdmi.tooling import Weights, convert_released, fold_biases, take

CONFIG = 'fami-pose_hrnet-w48_1xb48-21e_posetrack17-384x288_released'
LOCAL = 'neck.local_calibration'
NAMES = {
    r'hrnet\.final_layer\.(\w+)': r'head.mi_loss.estimator.label_layer.\1',
    r'hrnet\.(.+)': r'backbone.\1',
    r'combined_feat_layers\.layers\.(.+)':
    rf'{LOCAL}.context_blocks.blocks.\1',
    r'sup_agg_block\.layers\.(.+)': r'neck.merge_blocks.blocks.\1',
    r'init_feature_agg_block\.layers\.(.+)':
    r'neck.aggregation.blocks.blocks.\1',
    r'agg_final_layer\.(\w+)': r'head.final_layer.\1',
}
CONVOLUTIONS = ('context_deform1', 'context_deform2', 'align_deform1',
                'align_deform2')


def convert(left: Weights) -> Weights:
    names = dict(NAMES)
    for number, name in enumerate(CONVOLUTIONS, 1):
        names[rf'dcn_{number}\.(\w+)'] = rf'{LOCAL}.{name}.conv.\1'
        names[rf'dcn_(offset|mask)_{number}\.conv\.(\w+)'] = (
            rf'{LOCAL}.{name}.estimator.\1_conv.\2')
    parts = {f'{i + 1}': f'reduction.{i}' for i in range(5)}
    parts.update({f'{i + 5}': f'estimate.{i}' for i in (2, 3, 4)})
    parts[r'0\.layers'] = 'difference.blocks'
    for theirs, ours in parts.items():
        names[rf'feat_global_offset_layers\.{theirs}\.(.+)'] = (
            rf'neck.global_alignment.{ours}.\1')
    converted = take(left, names)
    # the key frame's map comes first there, and second here
    for name in ('conv1', 'downsample.0'):
        name = f'neck.aggregation.blocks.blocks.0.{name}.weight'
        if name in converted:
            converted[name] = torch.cat(
                converted[name].chunk(2, dim=1)[::-1], dim=1)
    fold_biases(converted)
    return converted


if __name__ == '__main__':
    convert_released(__doc__, CONFIG, convert)
