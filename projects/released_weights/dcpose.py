"""DCPose's fixture, by its authors' code (github.com/Pose-Group/DCPose).

    python -m projects.released_weights.dcpose CLONE

The network is theirs, with HRNet as narrow and shallow as their config allows.
Their CUDA extension, modulated deformable convolution, is torchvision's; what
they put on a GPU stays where it is.
"""
from pathlib import Path
from unittest import mock

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from projects.released_weights.oracle import (ModulatedDeformConv,
                                              import_release, load_rule,
                                              normalised, parse_clone,
                                              release_config, small_options,
                                              write_fixture)

NAME = 'DCPose'
CONFIG = ('configs/rivals/dcpose/'
          'dcpose_hrnet-w48_2xb32-20e_posetrack17-384x288_released.py')
HOLDER = 'state_dict'
CHANNELS = (8, 16, 32, 64)
HEIGHT, WIDTH = 128, 96

OPTIONS = small_options(CHANNELS, HEIGHT, WIDTH)
OPTIONS['model.neck.in_channels'] = CHANNELS[0]


def build(clone: Path) -> nn.Module:
    """The released network, on the CPU."""
    import_release(
        clone,
        yacs=dict(),
        yacs__config=dict(CfgNode=ConfigDict),
        thirdparty__deform_conv=dict(
            DeformConv=nn.Identity, ModulatedDeformConv=ModulatedDeformConv))
    from posetimation.config.defaults import _C
    from posetimation.zoo import build_model
    configs = clone / 'configs/posetimation/DcPose'
    return build_model(
        release_config(_C, CHANNELS, configs / 'Base_PoseTrack17.yaml',
                       configs / 'posetrack17/model_RSN.yaml'), 'test')


@torch.no_grad()
def predict(model: nn.Module, frames: Tensor) -> Tensor:
    """The heatmaps (1, K, h, w) of a clip, (3, 3, H, W), in order of time."""
    # the key frame first; it is one frame from either other
    return model(
        frames[[1, 0, 2]].flatten(0, 1)[None], margin=torch.tensor([[1, 1]]))


def main() -> None:
    clone = parse_clone(__doc__)
    with mock.patch.object(nn.Module, 'cuda', lambda self: self), \
            mock.patch.object(Tensor, 'cuda', lambda self: self):
        model = load_rule(build(clone))
        heatmaps = [
            predict(model, normalised(3, HEIGHT, WIDTH, seed))
            for seed in (0, 1)
        ]
    write_fixture('dcpose', model, torch.cat(heatmaps))


if __name__ == '__main__':
    main()
