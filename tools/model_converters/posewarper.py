r"""Make PoseWarper's released weights a checkpoint of this package.

Two releases are taken:

- the authors', what their tools/train.py writes for its
  ..._PoseWarper_train.yaml: final_state.pth or checkpoint.pth. The link to
  their trained networks is in github.com/facebookresearch/PoseWarper
  (PoseWarper_supp_files.zip);
- MMPose 0.x's, hrnet_w48_posetrack18_384x288_posewarper_stage2-4abf88db_\
20211130.pth, its own training on PoseTrack18. It can also be used as it is.

Examples:
    python tools/model_converters/posewarper.py final_state.pth posewarper.pth
    python tools/infer_video.py my.mp4 \
        posewarper_hrnet-w48_8xb8-20e_posetrack17-384x288_released \
        posewarper.pth
"""
from mmpose_tdmi.tooling import Weights, convert_released, take

CONFIG = 'posewarper_hrnet-w48_8xb8-20e_posetrack17-384x288_released'


def convert(left: Weights) -> Weights:
    names = {
        # MMPose's
        r'((?:backbone|neck\.trans_layer)\..+)': r'\1',
        r'neck\.(.+)': r'neck.warping.\1'
    }
    # the authors'; layers are counted from 1
    for theirs, ours in (('offsets', 'offset_layers'), ('deform_conv',
                                                        'deform_conv_layers')):
        for n in range(1, 6):
            names[rf'{theirs}{n}\.weight'] = (
                f'neck.warping.{ours}.{n - 1}.weight')
    names[r'(offset_feats\..+)'] = r'neck.warping.\1'
    names[r'final_layer\.(.+)'] = r'neck.trans_layer.\1'
    names[r'(.+)'] = r'backbone.\1'
    return take(left, names)


if __name__ == '__main__':
    convert_released(__doc__, CONFIG, convert)
