#!/usr/bin/env python
"""Train a model: MMPose's own training tool, all its options included.

::

    python tools/train.py CONFIG [--work-dir DIR] [--resume] [--amp] ...
"""
import sys

from mmpose_tdmi.engine.hooks.resume import worker_deaths_explained
from mmpose_tdmi.engine.optim_wrappers import cpu_amp_arguments
from mmpose_tdmi.utils.host import init_cpu_process_group, run_host_tool

if __name__ == '__main__':
    init_cpu_process_group(sys.argv)
    sys.argv = cpu_amp_arguments(sys.argv)
    with worker_deaths_explained():
        run_host_tool('train.py')
