#!/usr/bin/env python
"""Train a model: MMPose's own training tool, all its options included.

::

    python tools/train.py CONFIG [--work-dir DIR] [--resume] [--amp] ...
"""
from mmpose_tdmi.tooling import run_host_tool

if __name__ == '__main__':
    run_host_tool('train.py')
