"""Poseidon's fixture, by its authors' code
(github.com/CesareDavidePace/poseidon).

    python -m projects.released_weights.poseidon CLONE

The network is theirs on ViTPose-S, whose size and crops are fixed there, with
mmpretrain's transformer (1.2), which has to be installed; one clip, as theirs
mixes the clips of a batch. The first joints' heatmaps are kept.
"""
from pathlib import Path
from types import SimpleNamespace
from typing import Dict

import torch
from torch import Tensor, nn

from projects.released_weights.oracle import (import_release, load_rule,
                                              normalised, parse_clone,
                                              write_fixture)

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
    import_release(
        clone,
        easydict=dict(EasyDict=dict),
        posetimation=dict(get_cfg=None, update_config=None))
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
    return load_rule(Poseidon(config, phase='test'), rescale)


@torch.no_grad()
def main() -> None:
    model = build(parse_clone(__doc__))
    # BGR with the statistics of RGB, as their data sets read it
    clip = normalised(5, HEIGHT, WIDTH, 0, rgb=False)
    write_fixture('poseidon', model, model(clip[None])[:, :NUM_KEPT])


if __name__ == '__main__':
    main()
