#!/usr/bin/env python
"""Print a whole config: MMPose's own tool, all its options included.

::

    python tools/analysis_tools/print_config.py CONFIG [--options key=value]
"""
import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.utils.host_tools import run_host_tool

if __name__ == '__main__':
    run_host_tool('analysis_tools/print_config.py')
