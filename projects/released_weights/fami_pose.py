"""FAMI-Pose's fixture, by its authors' code (github.com/Pose-Group/FAMI-Pose).

    python -m projects.released_weights.fami_pose CLONE

The network is theirs, with HRNet as narrow and shallow, and crops as small, as
its fixed sizes allow, and kornia's (0.6), which has to be installed. The first
joints' heatmaps are kept.
"""
from pathlib import Path
from types import SimpleNamespace
from typing import Dict

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from projects.released_weights.oracle import (import_release, load_rule,
                                              normalised, parse_clone,
                                              release_config, small_options,
                                              write_fixture)

NAME = 'FAMI-Pose'
CONFIG = ('configs/rivals/fami-pose/'
          'fami-pose_hrnet-w48_1xb48-21e_posetrack17-384x288_released.py')
HOLDER = 'state_dict'
CHANNELS = (48, 8, 8, 8)
HEIGHT, WIDTH = 288, 288
OPTIONS = small_options(CHANNELS, HEIGHT, WIDTH)
NUM_KEPT = 4


def rescale(weights: Dict[str, Tensor]) -> None:
    """Halve what offsets and modulation are computed by: without a sigmoid,
    each of the four deformable convolutions in turn would have larger ones, to
    tens of cells, and rounding decide where it reads."""
    for name, value in weights.items():
        if name.startswith(('dcn_offset', 'dcn_mask')):
            value *= 0.5


def build(clone: Path) -> nn.Module:
    """The released network, for evaluation."""
    registry = SimpleNamespace(register=lambda: lambda kind: kind)
    import_release(
        clone,
        yacs=dict(),
        yacs__config=dict(CfgNode=ConfigDict),
        engine=dict(),
        engine__defaults=dict(TRAIN_PHASE='train'),
        engine__defaults__constant=dict(MODEL_REGISTRY=registry))
    from posetimation.config.defaults import _C
    from posetimation.zoo.Alignment import Alignment_V15
    configs = clone / 'configs/Alignment'
    return Alignment_V15(
        release_config(_C, CHANNELS, configs / 'Base_PoseTrack17.yaml',
                       configs / 'posetrack17/Alignment_V15.yaml'), 'test')


@torch.no_grad()
def predict(model: nn.Module, frames: Tensor) -> Tensor:
    """The heatmaps (1, K, h, w) of a clip, (5, 3, H, W), in order of time."""
    heatmaps, _ = model(frames[2:3], frames[[0, 1, 3, 4]].flatten(0, 1)[None])
    return heatmaps


def main() -> None:
    model = load_rule(build(parse_clone(__doc__)), rescale)
    heatmaps = [
        predict(model, normalised(5, HEIGHT, WIDTH, seed)) for seed in (0, 1)
    ]
    write_fixture('fami_pose', model, torch.cat(heatmaps)[:, :NUM_KEPT])


if __name__ == '__main__':
    main()
