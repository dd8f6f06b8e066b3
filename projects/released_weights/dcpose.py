"""DCPose's fixture, by its authors' code (github.com/Pose-Group/DCPose).

    python -m projects.released_weights.dcpose CLONE

The network is theirs, with HRNet as narrow and shallow as their config allows.
Their CUDA extension, modulated deformable convolution, is torchvision's; what
they put on a GPU stays where it is.
"""
import argparse
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Callable, Optional, Sequence
from unittest import mock

import numpy as np
import torch
import yaml
from mmengine.config import Config, ConfigDict
from torch import Tensor, nn
from torchvision import transforms
from torchvision.ops import DeformConv2d

from projects.released_weights.compare import FIXTURES
from projects.released_weights.rule import rule_crops, rule_weights

NAME = 'DCPose'
CONFIG = ('configs/rivals/dcpose/'
          'dcpose_hrnet-w48_2xb32-20e_posetrack17-384x288_released.py')
HOLDER = 'state_dict'
CHANNELS = (8, 16, 32, 64)
HEIGHT, WIDTH = 128, 96


def small_options(channels: Sequence[int], height: int, width: int) -> dict:
    """Changes to a config: HRNet's channels, one block of each kind, crops."""
    stages = {
        f'model.backbone.extra.stage{n}':
        dict(num_modules=1, num_blocks=(1, ) * n, num_channels=channels[:n])
        for n in (2, 3, 4)
    }
    return {
        **stages, 'model.head.decoder.input_size': (width, height),
        'model.head.decoder.heatmap_size': (width // 4, height // 4)
    }


OPTIONS = small_options(CHANNELS, HEIGHT, WIDTH)
OPTIONS['model.neck.in_channels'] = CHANNELS[0]


class ModulatedDeformConv(DeformConv2d):
    """Counts the groups of the offsets that it is given."""

    def __init__(self, *args, deformable_groups: int, **kwargs) -> None:
        super().__init__(*args, **kwargs)


def import_release(clone: Path, **modules) -> None:
    """Make a clone's modules importable, and these others."""
    sys.path.insert(0, str(clone))
    for name, content in modules.items():
        name = name.replace('__', '.')
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)


def release_config(defaults: ConfigDict, channels: Sequence[int], *files:
                   Path) -> Config:
    """The release's settings, with HRNet's channels and one block of each
    kind; no weights are looked for."""
    config = Config(dict(defaults))
    for file in files:
        config.merge_from_dict(yaml.safe_load(file.read_text()))
    for n in (2, 3, 4):
        config.MODEL.EXTRA[f'STAGE{n}'].update(
            NUM_MODULES=1, NUM_BLOCKS=[1] * n, NUM_CHANNELS=channels[:n])
    config.MODEL.update(PRETRAINED='', BACKBONE_PRETRAINED='')
    return config


def load_rule(model: nn.Module,
              rescale: Optional[Callable] = None) -> nn.Module:
    """Give a network all of its weights by the rule, changed in place."""
    weights = rule_weights({k: x.shape for k, x in model.state_dict().items()})
    if rescale is not None:
        rescale(weights)
    model.load_state_dict(weights)
    return model.eval()


def normalised(num_frames: int, height: int, width: int, seed: int) -> Tensor:
    """Frames (T, 3, H, W), RGB, as both releases evaluate."""
    transform = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    ])
    crops = rule_crops(num_frames, height, width, seed)
    return torch.stack([transform(x[..., ::-1].copy()) for x in crops])


def write_fixture(system: str, model: nn.Module, heatmaps: Tensor) -> None:
    """Keep (S, K, h, w) and the names and shapes of a network's weights."""
    FIXTURES.mkdir(exist_ok=True)
    np.savez_compressed(FIXTURES / f'{system}.npz', heatmaps=heatmaps.numpy())
    shapes = {k: list(x.shape) for k, x in model.state_dict().items()}
    (FIXTURES / f'{system}.json').write_text(json.dumps(shapes) + '\n')


def parse_clone(doc: str) -> Path:
    """The command line of a fixture's module."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument('clone', type=Path, help='of the release')
    return parser.parse_args().clone


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
