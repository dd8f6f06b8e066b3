r"""Make Poseidon's released weights a checkpoint of this package.

The address of the authors' networks is on the page of their code,
github.com/CesareDavidePace/poseidon.

Examples:
    python tools/model_converters/poseidon.py poseidon_vith.pt poseidon.pth
    python tools/infer_video.py my.mp4 \
        poseidon_vit-h_1xb16-30e_posetrack18-384x288_released poseidon.pth
"""
from mmpose_tdmi.tooling import Weights, convert_released, take

CONFIG = 'poseidon_vit-h_1xb16-30e_posetrack18-384x288_released'
NAMES = {
    r'extract_layers\.model\.(.+)': r'backbone.\1',
    r'deconv_layer\.(.+)': r'head.deconv_layers.\1',
    r'final_layer\.(.+)': r'head.final_layer.\1',
    # the same layers under other names, loaded before these
    r'(model|backbone)\..+': None,
    r'feature_fusion\.ppm\.paths\.(\d)\.1\.(.+)':
    r'neck.pyramid.paths.\1.conv.\2',
    r'feature_fusion\.ppm\.paths\.(\d)\.2\.(.+)':
    r'neck.pyramid.paths.\1.bn.\2',
    r'feature_fusion\.fusion_conv\.(.+)': r'neck.pyramid.fusion.conv.\1',
    r'feature_fusion\.fusion_norm\.(.+)': r'neck.pyramid.fusion.bn.\1',
    r'feature_fusion\.attention_fusion\.attention\.(.+)':
    r'neck.depth_attention.\1',
    r'feature_fusion\.attention_fusion\.norm\.(.+)': r'neck.depth_norm.\1',
    r'feature_fusion\.attention_fusion\.final_proj\.(.+)':
    r'neck.depth_projection.\1',
    r'adaptive_weighting\.frame_quality_estimator\.(.+)':
    r'neck.frame_quality.\1',
    r'self_attention\.(.+)': r'neck.context_attention.\1',
    r'cross_attention\.mha\.(.+)': r'neck.key_attention.\1',
    r'layer_norm\.(.+)': r'neck.key_norm.\1',
    # by their blocks' numbers, ViT-S's or ViT-H's
    r'intermediate_layer_norms\.layer(?:3|9)\.(.+)': r'neck.map_norms.0.\1',
    r'intermediate_layer_norms\.layer(?:7|21)\.(.+)': r'neck.map_norms.1.\1',
}


def convert(left: Weights) -> Weights:
    return take(left, NAMES)


if __name__ == '__main__':
    convert_released(__doc__, CONFIG, convert)
