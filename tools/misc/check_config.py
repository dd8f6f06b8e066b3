#!/usr/bin/env python
"""Check configs for the mistakes that people make with clips.

::

    python tools/misc/check_config.py CONFIG [CONFIG ...]
    python tools/misc/check_config.py CONFIG --data --model

Without options the config alone is looked at: windows of dataset and model,
codec and crops, keypoints, steps that fail on clips, boxes, evaluators,
names. ``--data`` also looks for the files and loads a sample of each phase,
``--model`` builds the model and lets a clip through it. Exits with 1 if there
is an error.
"""
import argparse

from mmengine.config import Config, DictAction

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.tooling.config_checks import (ERROR, check_config, check_data,
                                               check_model)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+')
    parser.add_argument(
        '--data', action='store_true', help='also look at the data')
    parser.add_argument(
        '--model', action='store_true', help='also build the model')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args()


@short_errors()
def main() -> None:
    args = parse_args()
    num_errors = 0
    for path in args.configs:
        config = Config.fromfile(path)
        if args.cfg_options is not None:
            config.merge_from_dict(args.cfg_options)
        findings = check_config(config)
        findings += check_data(config) if args.data else []
        findings += check_model(config) if args.model else []
        print(f'{path}: {len(findings)} findings'
              if findings else f'{path}: fine')
        for finding in findings:
            print(f'  {finding}')
        num_errors += sum(finding.level == ERROR for finding in findings)
    if num_errors:
        raise SystemExit(1)


if __name__ == '__main__':
    main()
