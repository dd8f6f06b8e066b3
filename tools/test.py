#!/usr/bin/env python
"""Test a model: MMPose's own testing tool, all its options included.

::

    python tools/test.py CONFIG CHECKPOINT [--out FILE] [--show-dir DIR] ...
"""
from mmpose_tdmi.tooling import run_host_tool

if __name__ == '__main__':
    run_host_tool('test.py')
