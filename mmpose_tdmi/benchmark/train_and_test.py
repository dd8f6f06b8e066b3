"""Train and test a system in one process.

The public tools would take a process each, and a third of a short piece's
time for starting them. Run as a module::

    python -m mmpose_tdmi.benchmark.train_and_test CONFIG WORK_DIR

Shape shorthand: none.
"""
import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

import mmpose_tdmi  # noqa: F401  registers the modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', type=Path)
    parser.add_argument('work_dir', type=Path)
    args = parser.parse_args()
    config = Config.fromfile(str(args.config))
    config.work_dir = str(args.work_dir)
    config.resume = True
    runner = Runner.from_cfg(config)
    runner.train()
    runner.test()


if __name__ == '__main__':
    main()
