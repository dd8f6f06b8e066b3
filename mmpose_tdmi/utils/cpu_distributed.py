"""Several processes on a machine without accelerators.

MMEngine starts its process group on CUDA devices only, but uses one that is
already there; this module starts it with gloo where there is no device. The
model wrapper must then be told that there is none, too:
``model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None)``.
"""
import os
import sys
from typing import Sequence

import torch.distributed
from mmengine.device import get_device


def init_cpu_process_group(arguments: Sequence[str]) -> bool:
    """Start gloo if a CPU-only process was launched as one of several.

    Args:
        arguments (Sequence[str]): The command line; only ``--launcher
            pytorch`` counts.

    Returns:
        bool: Whether the process group was started here.
    """
    launched = 'pytorch' in _launchers(arguments) and 'RANK' in os.environ
    if not launched or get_device() != 'cpu':
        return False
    print('no accelerator: the processes talk through gloo', file=sys.stderr)
    torch.distributed.init_process_group('gloo')
    return True


def _launchers(arguments: Sequence[str]) -> Sequence[str]:
    joined = [
        a.partition('=')[2] for a in arguments if a.startswith('--launcher=')
    ]
    following = [
        b for a, b in zip(arguments, arguments[1:]) if a == '--launcher'
    ]
    return joined + following
