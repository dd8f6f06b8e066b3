"""What the modules of the systems share: the released code, made importable,
with weights by the rule, and the fixtures that it gives.
"""
import argparse
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Callable, Optional, Sequence

import numpy as np
import torch
import yaml
from mmengine.config import Config, ConfigDict
from torch import Tensor, nn
from torchvision import transforms
from torchvision.ops import DeformConv2d

from projects.released_weights.compare import FIXTURES
from projects.released_weights.rule import rule_crops, rule_weights


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


class ModulatedDeformConv(DeformConv2d):
    """Counts the groups of the offsets that it is given."""

    def __init__(self, *args, deformable_groups: int, **kwargs) -> None:
        super().__init__(*args, **kwargs)


def load_rule(model: nn.Module,
              rescale: Optional[Callable] = None) -> nn.Module:
    """Give a network all of its weights by the rule, changed in place."""
    weights = rule_weights({k: x.shape for k, x in model.state_dict().items()})
    if rescale is not None:
        rescale(weights)
    model.load_state_dict(weights)
    return model.eval()


def normalised(num_frames: int,
               height: int,
               width: int,
               seed: int,
               rgb: bool = True) -> Tensor:
    """Frames (T, 3, H, W) with the statistics of RGB, which they may not be.
    """
    transform = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    ])
    crops = rule_crops(num_frames, height, width, seed)
    return torch.stack(
        [transform(x[..., ::-1].copy() if rgb else x) for x in crops])


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
