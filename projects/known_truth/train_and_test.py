"""Train and test a system in one process.

The public tools would take a process each, and a third of a short piece's
time for starting them. Run as a module::

    python -m projects.known_truth.train_and_test CONFIG WORK_DIR

A system that is trained for no iteration is tested as it starts.

Shape shorthand: none.
"""
import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

import mmpose_tdmi  # noqa: F401  registers the modules
from . import known_motion  # noqa: F401  and a head of the benchmark's own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', type=Path)
    parser.add_argument('work_dir', type=Path)
    args = parser.parse_args()
    config = Config.fromfile(str(args.config))
    config.work_dir = str(args.work_dir)
    is_trained = config.train_cfg.get('max_iters') != 0
    config.resume = is_trained
    if not is_trained:
        config.train_cfg = config.train_dataloader = None
        config.optim_wrapper = config.param_scheduler = None
    runner = Runner.from_cfg(config)
    if is_trained:
        runner.train()
    else:
        runner.model.init_weights()
    runner.test()


if __name__ == '__main__':
    main()
