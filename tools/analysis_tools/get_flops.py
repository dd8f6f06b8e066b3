#!/usr/bin/env python
"""Parameters and multiply-accumulates of a config's model for one clip.

::

    python tools/analysis_tools/get_flops.py CONFIG
    python tools/analysis_tools/get_flops.py CONFIG --input-shape 256 192

Counted for a clip of the config's T frames, module by module; deformable
convolutions count as plain ones of their size, and are also listed by
themselves.
"""
import argparse

from mmengine.config import DictAction
from tabulate import tabulate

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import clip_cost
from mmpose_tdmi.tooling import short_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument(
        '--input-shape',
        '--shape',
        type=int,
        nargs='+',
        metavar='PIXELS',
        help='height and width of the crops, or one number for both '
        "(default: the decoder's input size)")
    parser.add_argument(
        '--depth',
        type=int,
        default=2,
        help='how deep modules are listed (default 2)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args()


@short_errors()
def main() -> None:
    args = parse_args()
    shape = args.input_shape
    if shape is not None:
        if len(shape) > 2 or min(shape) < 1:
            raise SystemExit('error: --input-shape takes one or two positive '
                             f'numbers, got {shape}')
        shape = (shape[0], shape[-1])
    cost = clip_cost(args.config, shape, args.depth, args.cfg_options)
    total = cost.modules[0]
    height, width = cost.shape
    print(f'Input: a clip of T = {cost.num_frames} frames, {height}x{width} '
          '(height x width)')
    print(f'Parameters: {total.params / 1e6:.3f} M, '
          f'{total.trainable / 1e6:.3f} M of them trained')
    print(f'Multiply-accumulates: {total.macs / 1e9:.3f} G a clip, '
          f'{2 * total.macs / 1e9:.3f} GFLOPs, '
          f'{total.macs / 1e9 / cost.num_frames:.3f} G for each of its frames')
    print(f'Deformable convolutions: {len(cost.deformable)}, '
          f'{sum(x.macs for x in cost.deformable) / 1e9:.3f} GMAC of these')
    print(
        tabulate([(x.name or '(all)', f'{x.params:,}', f'{x.trainable:,}',
                   f'{x.macs / 1e9:.3f}', f'{x.macs / (total.macs or 1):.1%}')
                  for x in cost.modules],
                 ['module', 'params', 'trained', 'GMAC', 'share'],
                 'plain',
                 disable_numparse=True,
                 colalign=['left'] + ['right'] * 4))


if __name__ == '__main__':
    main()
