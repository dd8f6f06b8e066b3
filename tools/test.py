#!/usr/bin/env python
"""Test a model: MMPose's own testing tool, all its options included.

::

    python tools/test.py CONFIG CHECKPOINT [--out FILE] [--show-dir DIR] ...
"""
import sys

from mmpose_tdmi.utils.host import init_cpu_process_group, run_host_tool

if __name__ == '__main__':
    init_cpu_process_group(sys.argv)
    run_host_tool('test.py')
