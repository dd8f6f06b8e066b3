"""PoseWarper's fixture, by its authors' code
(github.com/facebookresearch/PoseWarper).

    python -m projects.released_weights.posewarper CLONE

The network is theirs, with HRNet as narrow and shallow as their config allows;
the 20 residual blocks of the warping are fixed. Their CUDA extension,
deformable convolution, is torchvision's; what they put on a GPU stays where it
is.
"""
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from projects.released_weights.oracle import (ModulatedDeformConv, load_rule,
                                              normalised, parse_clone,
                                              release_config, small_options,
                                              write_fixture)

NAME = 'PoseWarper'
CONFIG = ('configs/rivals/posewarper/'
          'posewarper_hrnet-w48_8xb8-20e_posetrack17-384x288_released.py')
HOLDER = 'state_dict'
SETTINGS = ('experiments/posetrack/hrnet/w48_384x288_adam_lr1e-4_PoseWarper_'
            'inference_temporal_pose_aggregation.yaml')
CHANNELS = (8, 16, 32, 64)
HEIGHT, WIDTH = 96, 64
OPTIONS = small_options(CHANNELS, HEIGHT, WIDTH)
OPTIONS['model.neck.in_channels'] = CHANNELS[0]


class DeformConv(ModulatedDeformConv):
    """Without modulation."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, bias=False, **kwargs)


def build(clone: Path) -> nn.Module:
    """The released network, for evaluation."""
    settings = release_config(ConfigDict(), CHANNELS, clone / SETTINGS)
    stand_in = SimpleNamespace(DeformConv=DeformConv)
    with mock.patch.dict(sys.modules, deform_conv=stand_in):
        release = runpy.run_path(
            str(clone / 'lib/models/pose_hrnet_PoseAgg.py'))
    model = release['get_pose_net'](settings, is_train=False)
    return load_rule(model)


@torch.no_grad()
def predict(model: nn.Module, seed: int) -> Tensor:
    """The heatmaps (1, K, h, w) of a clip."""
    frames = normalised(5, HEIGHT, WIDTH, seed)
    # the key frame, one and two before it, one and two after it
    return model(frames[[2, 1, 0, 3, 4]].flatten(0, 1)[None])


def main() -> None:
    clone = parse_clone(__doc__)
    with mock.patch.object(nn.Module, 'cuda', lambda self: self), \
            mock.patch.object(Tensor, 'cuda', lambda self: self):
        model = build(clone)
        heatmaps = torch.cat([predict(model, seed) for seed in (0, 1)])
    write_fixture('posewarper', model, heatmaps)


if __name__ == '__main__':
    main()
