#!/usr/bin/env python
"""A model as ONNX graphs: its frame phase, its window phase, whole clips.

Writes frame.onnx, window.onnx and clip.onnx, runs them in ONNX Runtime, and
compares the heatmaps with PyTorch's::

    python tools/deploy/export_onnx.py CONFIG CHECKPOINT --out-dir onnx

projects/onnxruntime_video/onnxruntime_video.py runs them along a video
without PyTorch. docs/deployment.md explains everything.
"""
import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import find_config, init_pose_model
from mmpose_tdmi.deploy import (DEFORM_CONVS, GRAPHS, ParityError, export_onnx,
                                measure_parity)
from mmpose_tdmi.deploy.onnx_graphs import DEFAULT_OPSET
from mmpose_tdmi.deploy.runtime import MAX_DIFFERENCE, MIN_SAME_PEAKS
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.files import check_outputs

#: In place of a checkpoint.
RANDOM = 'random'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a model of this package')
    parser.add_argument(
        'checkpoint',
        help="its weights, or 'random': to see whether a model can be "
        'exported before it is trained')
    parser.add_argument('--out-dir', type=Path, required=True)
    parser.add_argument(
        '--graphs',
        nargs='+',
        choices=GRAPHS,
        default=list(GRAPHS),
        help='default: all')
    parser.add_argument(
        '--deform-conv',
        choices=list(DEFORM_CONVS),
        default='operator',
        help="operator: ONNX's DeformConv (default); grid_sample: for "
        'runtimes without it')
    parser.add_argument(
        '--opset',
        type=int,
        default=DEFAULT_OPSET,
        help=f'default {DEFAULT_OPSET}, at least 19')
    parser.add_argument(
        '--programs',
        action='store_true',
        help='also write the torch.export programs, frame.pt2 and window.pt2')
    parser.add_argument(
        '--no-check',
        dest='check',
        action='store_false',
        help='do not compare with PyTorch')
    parser.add_argument(
        '--check-batches',
        type=int,
        nargs='+',
        default=[1, 3],
        metavar='B',
        help='clips per pass of the comparison (default 1 3)')
    return parser.parse_args()


def load(args: argparse.Namespace) -> nn.Module:
    if args.checkpoint != RANDOM:
        return init_pose_model(args.config, args.checkpoint, device='cpu')
    config = find_config(args.config, 'the config')
    config.model.pop('init_cfg', None)
    config.model.backbone.pop('init_cfg', None)
    return build_random_model(config)


def build_random_model(config: Config) -> nn.Module:
    """A config's model with weights with which every part counts: none is
    zero, none explodes."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model)
        model.dataset_meta = dataset_meta_from_config(config, 'test')
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        for x in module.parameters(recurse=False):
            if x.dim() > 1:
                std = 1.4 / x[0].numel()**0.5
                x.data.normal_(std=std, generator=generator)
            elif isinstance(module, (_BatchNorm, nn.LayerNorm)):
                x.data.uniform_(0.2, 0.8, generator=generator)
            else:
                x.data.normal_(std=0.1, generator=generator)
    model.cfg = config
    return model.eval()


def export(args: argparse.Namespace) -> None:
    names = [f'{graph}.onnx' for graph in args.graphs]
    if args.programs:
        names += [f'{phase}.pt2' for phase in GRAPHS[:2]]
    check_outputs([args.out_dir / name for name in names],
                  [args.config, args.checkpoint])
    model = load(args)
    written = export_onnx(
        model,
        args.out_dir,
        args.graphs,
        deform_conv=args.deform_conv,
        opset=args.opset,
        save_programs=args.programs)
    for path in written.values():
        print(f'written: {path} ({path.stat().st_size / 2**20:.1f} MiB)')
    can_check = 'clip' in written or {'frame', 'window'} <= set(written)
    if not args.check or not can_check:
        print('not compared with PyTorch')
        return
    for name, parity in measure_parity(model, written,
                                       args.check_batches).items():
        told = (f'{name}: heatmaps differ by at most '
                f'{parity.max_difference:.2g} (largest value '
                f'{parity.largest:.2g}), same argmax for '
                f'{parity.same_peaks:.2%} of {parity.num_joints} joints')
        print(told)
        if not parity.is_good:
            raise ParityError(
                f'{told}; expected at most {MAX_DIFFERENCE} and at least '
                f'{MIN_SAME_PEAKS:.1%}')


@short_errors(ImportError)
def main() -> None:
    export(parse_args())


if __name__ == '__main__':
    main()
