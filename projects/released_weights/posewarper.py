"""PoseWarper's fixture, by its authors' code
(github.com/facebookresearch/PoseWarper).

    python -m projects.released_weights.posewarper CLONE

The network is theirs, with HRNet as narrow and shallow as their config allows;
the 20 residual blocks of the warping are fixed. Their CUDA extension,
deformable convolution, is torchvision's; what they put on a GPU stays where it
is.
"""
import argparse
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Dict
from unittest import mock

import numpy as np
import torch
import yaml
from mmengine.config import ConfigDict
from torch import Tensor, nn
from torchvision.ops import DeformConv2d

from projects.released_weights.compare import FIXTURES
from projects.released_weights.rule import rule_crops, rule_weights

NAME = 'PoseWarper'
CONFIG = ('configs/rivals/posewarper/'
          'posewarper_hrnet-w48_8xb8-20e_posetrack17-384x288_released.py')
HOLDER = 'state_dict'
SETTINGS = ('experiments/posetrack/hrnet/w48_384x288_adam_lr1e-4_PoseWarper_'
            'inference_temporal_pose_aggregation.yaml')
CHANNELS = (8, 16, 32, 64)
HEIGHT, WIDTH = 96, 64
OPTIONS: Dict = {
    'model.neck.in_channels': CHANNELS[0],
    'model.head.decoder.input_size': (WIDTH, HEIGHT),
    'model.head.decoder.heatmap_size': (WIDTH // 4, HEIGHT // 4)
}
for n in (2, 3, 4):
    OPTIONS[f'model.backbone.extra.stage{n}'] = dict(
        num_modules=1, num_blocks=(1, ) * n, num_channels=CHANNELS[:n])


class DeformConv(DeformConv2d):
    """Counts the groups of the offsets that it is given."""

    def __init__(self, *args, deformable_groups: int, **kwargs) -> None:
        super().__init__(*args, bias=False, **kwargs)


def build(clone: Path) -> nn.Module:
    """The released network, for evaluation."""
    settings = ConfigDict(yaml.safe_load((clone / SETTINGS).read_text()))
    for n in (2, 3, 4):
        settings.MODEL.EXTRA[f'STAGE{n}'].update(
            NUM_MODULES=1, NUM_BLOCKS=[1] * n, NUM_CHANNELS=CHANNELS[:n])
    stand_in = SimpleNamespace(DeformConv=DeformConv)
    with mock.patch.dict(sys.modules, deform_conv=stand_in):
        release = runpy.run_path(
            str(clone / 'lib/models/pose_hrnet_PoseAgg.py'))
    model = release['get_pose_net'](settings, is_train=False)
    weights = rule_weights({k: x.shape for k, x in model.state_dict().items()})
    model.load_state_dict(weights)
    return model.eval()


@torch.no_grad()
def predict(model: nn.Module, seed: int) -> Tensor:
    """The heatmaps (1, K, h, w) of a clip."""
    frames = torch.from_numpy(rule_crops(5, HEIGHT, WIDTH, seed)).flip(-1)
    mean = torch.tensor([0.485, 0.456, 0.406])
    std = torch.tensor([0.229, 0.224, 0.225])
    frames = ((frames / 255 - mean) / std).permute(0, 3, 1, 2)
    # the key frame, one and two before it, one and two after it
    return model(frames[[2, 1, 0, 3, 4]].flatten(0, 1)[None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('clone', type=Path, help='of the release')
    clone = parser.parse_args().clone
    with mock.patch.object(nn.Module, 'cuda', lambda self: self), \
            mock.patch.object(Tensor, 'cuda', lambda self: self):
        model = build(clone)
        heatmaps = torch.cat([predict(model, seed) for seed in (0, 1)])
    FIXTURES.mkdir(exist_ok=True)
    np.savez_compressed(FIXTURES / 'posewarper.npz', heatmaps=heatmaps.numpy())
    shapes = {k: list(x.shape) for k, x in model.state_dict().items()}
    (FIXTURES / 'posewarper.json').write_text(json.dumps(shapes) + '\n')


if __name__ == '__main__':
    main()
