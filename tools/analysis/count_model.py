"""Print the parameters and multiply-accumulates of a config's model.

Example:
    python tools/analysis/count_model.py CONFIG --depth 2
"""
import argparse
from typing import Optional, Sequence

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from mmpose_tdmi.models.complexity import count_model


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--shape',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='size of the crops; default: the decoder\'s input size')
    parser.add_argument(
        '--depth', type=int, default=2, help='how deep modules are listed')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    config = Config.fromfile(args.config)
    if args.cfg_options is not None:
        config.merge_from_dict(args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmpose'))
    model = MODELS.build(config.model)
    shape = args.shape
    if shape is None:
        decoder = getattr(model.head, 'decoder', None)
        if decoder is None:
            raise ValueError(f'{args.config}: the head has no decoder that '
                             'tells the input size, give --shape H W')
        width, height = decoder.input_size
        shape = (height, width)
    window = getattr(getattr(model, 'neck', None), 'window', None)
    num_frames = 1 if window is None else window.num_frames

    counts = count_model(model, tuple(shape), num_frames, depth=args.depth)
    print(f'{args.config}: {num_frames} frame(s) of {shape[0]}x{shape[1]}')
    print(f'{"module":44}{"params":>14}{"trainable":>14}{"GMAC":>10}')
    for count in counts:
        print(f'{count.name or "(all)":44}{count.params:14,}'
              f'{count.trainable:14,}{count.macs / 1e9:10.3f}')


if __name__ == '__main__':
    main()
