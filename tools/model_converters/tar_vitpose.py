r"""Make TAR-ViTPose's released weights a checkpoint of this package.

The authors' networks for PoseTrack are linked from the README of
github.com/zgspose/TARViTPose. --config tells the size: vit-b or vit-h.

Examples:
    python tools/model_converters/tar_vitpose.py OFFICIAL.pt tar_vit-b.pth
    python tools/infer_video.py my.mp4 \
        temporal-attention_vit-b_1xb16-30e_posetrack17-384x288_released \
        tar_vit-b.pth
"""
from mmpose_tdmi.tooling import Weights, convert_released, take

CONFIG = 'temporal-attention_vit-b_1xb16-30e_posetrack17-384x288_released'
LAYERS = {
    'masked_attention_layers': ('frame_attention', 'frame_norm'),
    'self_attention_layers': ('joint_attention', 'joint_norm')
}


def attention(left: Weights, theirs: str, ours: str, norm: str) -> Weights:
    """Take out an attention with its normalisation; query, key and value are
    one matrix there."""
    converted = take(
        left, {
            rf'{theirs}\.norm\.(\w+)': rf'{norm}.\1',
            rf'{theirs}\.mha\.out_proj\.(\w+)': rf'{ours}.output.\1'
        })
    for kind in ('weight', 'bias'):
        packed = left.pop(f'{theirs}.mha.in_proj_{kind}')
        for name, part in zip(('query', 'key', 'value'), packed.chunk(3)):
            converted[f'{ours}.{name}.{kind}'] = part.clone()
    return converted


def convert(left: Weights) -> Weights:
    converted = take(
        left,
        {
            # the same tensors once more
            r'model\.(backbone|head)\..+': None,
            r'(backbone\..+)': r'\1',
            r'heatmap_head\.0\.(.+)': r'head.deconv_layers.\1',
            r'heatmap_head\.1\.(.+)': r'head.final_layer.\1'
        })
    converted['head.aggregation.joint_queries'] = (
        left.pop('query_feat.weight') + left.pop('query_pe.weight'))
    for index in range(len({x for x in left if x.endswith('fc1.weight')})):
        layer = f'head.aggregation.layers.{index}'
        for theirs, (ours, norm) in LAYERS.items():
            converted.update(
                attention(left, f'{theirs}.{index}', f'{layer}.{ours}',
                          f'{layer}.{norm}'))
        theirs = rf'ffn_layers\.{index}\.'
        converted.update(
            take(
                left, {
                    rf'{theirs}fc1\.(\w+)': rf'{layer}.perceptron.0.\1',
                    rf'{theirs}fc2\.(\w+)': rf'{layer}.perceptron.2.\1',
                    rf'{theirs}norm\.(\w+)': rf'{layer}.perceptron_norm.\1'
                }))
    converted.update(
        attention(left, 'cross_attention', 'head.restoration.attention',
                  'head.restoration.norm'))
    return converted


if __name__ == '__main__':
    convert_released(__doc__, CONFIG, convert)
