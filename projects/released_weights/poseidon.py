"""Poseidon's fixture, by its authors' code
(github.com/CesareDavidePace/poseidon).

    python -m projects.released_weights.poseidon CLONE

The network is theirs on ViTPose-S, whose size and crops are fixed there, with
mmpretrain's transformer (1.2), which has to be installed; one clip, as theirs
mixes the clips of a batch. The first joints' heatmaps are kept.
"""
import argparse
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Dict

import numpy as np
import torch
from torch import Tensor, nn

from projects.released_weights.compare import FIXTURES
from projects.released_weights.rule import rule_crops, rule_weights

NAME = 'Poseidon'
CONFIG = ('configs/rivals/poseidon/'
          'poseidon_vit-s_1xb16-30e_posetrack18-384x288_released.py')
HOLDER = 'model_state_dict'
OPTIONS = {}
HEIGHT, WIDTH = 384, 288
NUM_KEPT = 8


def rescale(weights: Dict[str, Tensor]) -> None:
    """Steeper attentions and frame weights: by the rule alone both are flat to
    a thousandth, and frames hardly matter."""
    for name, value in weights.items():
        if name.endswith('in_proj_weight'):
            value[:len(value) // 3 * 2] *= 8  # of queries and keys
    weights['adaptive_weighting.frame_quality_estimator.4.weight'] *= 100


def build(clone: Path, name: str = 'small', channels: int = 384) -> nn.Module:
    """The released network, for evaluation."""
    sys.path.insert(0, str(clone))
    sys.modules['easydict'] = ModuleType('easydict')
    sys.modules['easydict'].EasyDict = dict
    sys.modules['posetimation'] = ModuleType('posetimation')
    vars(sys.modules['posetimation']).update(get_cfg=None, update_config=None)
    from models.best.Poseidon import Poseidon
    file, = (clone / 'models/vitpose').glob(f'td-hm_ViTPose-{name}_*.py')
    config = SimpleNamespace(
        WINDOWS_SIZE=5,
        MODEL=SimpleNamespace(
            CONFIG_FILE=str(file),
            CHECKPOINT_FILE=None,
            EMBED_DIM=channels,
            FREEZE_WEIGHTS=False,
            HEATMAP_SIZE=(72, 96),
            NUM_JOINTS=17))
    model = Poseidon(config, phase='test')
    shapes = {k: x.shape for k, x in model.state_dict().items()}
    weights = rule_weights(shapes)
    rescale(weights)
    model.load_state_dict(weights)
    return model.eval()


@torch.no_grad()
def predict(model: nn.Module, seed: int = 0) -> Tensor:
    """The heatmaps (1, K, h, w) of a clip: BGR with the statistics of RGB, as
    their data sets read it."""
    frames = torch.from_numpy(rule_crops(5, HEIGHT, WIDTH, seed)) / 255
    mean, std = (
        torch.tensor(x)
        for x in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return model(((frames - mean) / std).permute(0, 3, 1,
                                                 2).contiguous()[None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('clone', type=Path, help='of the release')
    model = build(parser.parse_args().clone)
    heatmaps = predict(model)
    np.savez_compressed(
        FIXTURES / 'poseidon.npz', heatmaps=heatmaps[:, :NUM_KEPT].numpy())
    shapes = {k: list(x.shape) for k, x in model.state_dict().items()}
    (FIXTURES / 'poseidon.json').write_text(json.dumps(shapes) + '\n')


if __name__ == '__main__':
    main()
