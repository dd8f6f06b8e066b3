"""How tools end on errors that are their user's to mend; the host's tools, and
what these lack on machines without accelerators; released weights and data
sets, converted.
"""
import argparse
import os
import re
import runpy
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import (Any, Callable, Dict, Iterator, List, Mapping, Optional,
                    Sequence)

import mmpose
import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from tabulate import tabulate
from torch import Tensor

from mmpose_tdmi.apis.models import find_config, require_file, require_weights
from mmpose_tdmi.datasets.converters.common import (COUNTS, Conversion,
                                                    DatasetFormat)
from mmpose_tdmi.utils.checkpoints import load
from mmpose_tdmi.utils.files import atomic_path, check_outputs

#: Weights by name.
Weights = Dict[str, Tensor]
#: Videos per split and pose annotations in all, of the paper's Section 4.1.
PAPER_FIGURES: Dict[str, Dict[str, Any]] = dict(
    posetrack17=dict(videos=dict(train=250, val=50), persons=80144),
    posetrack18=dict(videos=dict(train=593, val=170), persons=153615),
    posetrack21=dict(videos=dict(train=593, val=170), persons=177164),
    hieve=dict(videos=dict(train=19, test=13), persons=1099357))
_CPU_AMP = 'optim_wrapper.type=CpuAmpOptimWrapper'


@contextmanager
def short_errors(*expected: type) -> Iterator[None]:
    """End the process with one line on bad input, files, configs, and what
    else is ``expected``; what is left, a bug, keeps its traceback.

    A config's are those that come up while it is executed, or that MMEngine
    raises itself: a key that a config lacks, a name that is in no registry.
    """
    try:
        yield
    except Exception as error:
        text, where = str(error), ''
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code is Config.fromfile.__code__:
                where = f'{frame.f_locals["filename"]}: '
        folder = Path(frame.f_code.co_filename).parent.parts[-2:]
        if not isinstance(error, (OSError, ValueError, *expected)):
            text = f'{type(error).__name__}: {text}'
            if not where and folder not in (('mmengine', 'config'),
                                            ('mmengine', 'registry')):
                raise
        raise SystemExit(f'error: {where}{text}') from error


def run_host_tool(name: str) -> None:
    """Run one of MMPose's tools in this process with the present command line.

    MMEngine refuses mixed precision where there is no accelerator, and starts
    a process group on CUDA devices only, but uses one that is already there.
    The model wrapper must then be told that there is no device, too:
    ``model_wrapper_cfg=dict(type='MMDistributedDataParallel',
    device_ids=None)``. ``name`` is relative to MMPose's tools folder.
    """
    tool = Path(mmpose.__file__).parent / '.mim' / 'tools' / name
    if not tool.is_file():
        raise FileNotFoundError(
            f'mmpose was installed without its tools: expected {tool}')
    if get_device() == 'cpu':
        launched = '--launcher=pytorch' in sys.argv or (
            '--launcher', 'pytorch') in zip(sys.argv, sys.argv[1:])
        if launched and 'RANK' in os.environ:
            notice = 'no accelerator: processes talk through gloo'
            print(notice, file=sys.stderr)
            torch.distributed.init_process_group('gloo')
        sys.argv = cpu_amp_arguments(sys.argv)
    runpy.run_path(str(tool), run_name='__main__')


def cpu_amp_arguments(arguments: Sequence[str]) -> List[str]:
    """A training's command line, so that ``--amp`` works on CPUs: by
    ``--cfg-options``, which the host's tool applies after its own wrapper."""
    arguments, option = list(arguments), '--cfg-options'
    if '--amp' in arguments:
        notice = 'no accelerator: --amp is bfloat16 autocast on the CPU'
        print(notice, file=sys.stderr)
        arguments += [] if option in arguments else [option]
        arguments.insert(arguments.index(option) + 1, _CPU_AMP)
    return arguments


def take(weights: Weights, names: Mapping[str, Optional[str]]) -> Weights:
    """Take out of ``weights`` those whose names a pattern of ``names`` matches
    as a whole, one pattern after the other, renamed as by :func:`re.sub`; none
    without a name: the network that was released holds them and does not use
    them."""
    taken = {}
    for pattern, name in names.items():
        for key in [key for key in weights if re.fullmatch(pattern, key)]:
            value = weights.pop(key)
            if name is not None:
                taken[re.sub(pattern, name, key)] = value
    return taken


def fold_biases(weights: Weights) -> None:
    """Make the bias of each convolution before a batch normalisation, which
    our networks have without, part of its mean: the output is the same."""
    for name in [x for x in weights if x.endswith('.conv.bias')]:
        mean = name.replace('.conv.bias', '.bn.running_mean')
        if mean in weights:
            weights[mean] = weights[mean] - weights.pop(name)


@short_errors()
def convert_released(doc: str, config: str,
                     convert: Callable[[Weights], Weights]) -> None:
    """Run a tool that makes a checkpoint of this package from a released one.

    Args:
        doc: The tool's docstring.
        config: Name of the config whose model the weights are of.
        convert: Takes everything out of the released weights, without
            ``module.`` before their names, and gives the model's.
    """
    parser = argparse.ArgumentParser(
        description=doc.splitlines()[0],
        epilog=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('official', type=Path, help='the released checkpoint')
    parser.add_argument('out', type=Path, help='the checkpoint to be written')
    parser.add_argument(
        '--config',
        default=config,
        help='path or name of the config (default: %(default)s)')
    args = parser.parse_args()
    require_file(args.official, 'the released checkpoint')
    check_outputs([args.out], [args.official])
    content = load(args.official)
    for key in ('model_state_dict', 'state_dict'):
        if isinstance(content.get(key), dict):
            content = content[key]
    left = {re.sub(r'^module\.', '', key): x for key, x in content.items()}
    if not all(isinstance(value, Tensor) for value in left.values()):
        raise ValueError(f'{args.official}: expected the weights of a model, '
                         'as model_state_dict, state_dict or by themselves')
    converted = convert(left)
    loaded = find_config(args.config, 'the config')
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(loaded.model)
    unused = [*left, *(converted.keys() - model.state_dict().keys())]
    if unused:
        raise ValueError(
            f'{args.official}: {len(unused)} weights have no place in the '
            f'model of {args.config}, such as {sorted(unused)[:3]}')
    weights = require_weights(model, dict(converted), args.official)
    with atomic_path(args.out) as temporary:
        torch.save(dict(meta={}, state_dict=weights), temporary)
    print(f'{args.out}: {len(weights)} weights of '
          f'{sum(x.numel() for x in weights.values()) / 1e6:.1f} M values')


def describe(counts: Dict[str, Dict[str, int]]) -> str:
    """A table of what splits hold; ``persons`` are pose annotations."""
    rows = [['split', *(name.replace('_', ' ') for name in COUNTS)]]
    for split, found in counts.items():
        rows.append([split, *(f'{found[name]:,}' for name in COUNTS)])
    return tabulate(
        rows, tablefmt='plain', stralign='right', disable_numparse=True)


def compare_with_paper(dataset: str,
                       counts: Dict[str, Dict[str, int]]) -> List[str]:
    """Compare converted splits with the paper's figures, a line for each.

    A split with fewer videos than the paper's is a part of the set, about
    which the figures say nothing. Persons are compared where all splits are
    whole and have labels.
    """

    def line(what: str, found: int, expected: int, said: str = '') -> str:
        if not said:
            said = f'differs by {found - expected:+,}'
            said = said if found != expected else 'equal'
        return f'{found:,} {what}, {expected:,} in the paper: {said}'

    paper, partial = PAPER_FIGURES[dataset], 'partial set, not checked'
    lines, persons, said = [], 0, ''
    for split, expected in paper['videos'].items():
        found = counts.get(split, dict(videos=0, persons=0))
        persons += found['persons']
        videos, reason = found['videos'], ''
        if videos < expected:
            reason = partial if videos else 'not converted, not checked'
        if videos != expected:
            said = partial
        lines.append(f'{split}: {line("videos", videos, expected, reason)}')
    has_test = 'test' in paper['videos']
    if not said and has_test and not counts['test']['persons']:
        said = ('not checked: the figure counts the test videos, whose '
                'labels are not public')
    return [*lines, line('pose annotations', persons, paper['persons'], said)]


@short_errors()
def convert_dataset(doc: str, form: DatasetFormat,
                    convert: Callable[..., Conversion],
                    **more: Dict[str, Any]) -> None:
    """A converter's command line: convert the splits asked for and print what
    they hold. ``more`` are options that ``convert`` takes beside the common
    ones, as argparse declares them."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument(
        'data_root', type=Path, help='the official folder, as unpacked')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=form.splits,
        default=list(PAPER_FIGURES[form.name]['videos']),
        help='splits to convert (default: %(default)s)')
    parser.add_argument(
        '--out',
        type=Path,
        help='folder of the results (default: DATA_ROOT/annotations)')
    parser.add_argument(
        '--workers', type=int, default=1, help='processes (default 1)')
    for name, declared in more.items():
        parser.add_argument(f'--{name}', **declared)
    options = vars(parser.parse_args())
    root, splits = options.pop('data_root'), options.pop('split')
    counts = {}
    for split in dict.fromkeys(splits):
        result = convert(root, split, progress=True, **options)
        counts[split] = result.counts
        print(f'{result.path}: '
              f'{"written" if result.written else "unchanged, kept"}')
    print(describe(counts))
    print('\n'.join(compare_with_paper(form.name, counts)))
