"""TAR-ViTPose's fixture, by its authors' code (github.com/zgspose/TARViTPose).

    python -m projects.released_weights.tar_vitpose CLONE

The network is theirs, on mmpretrain's ViT-S, which must be importable
(pip install --no-deps mmpretrain==1.2.0 modelindex einops). As in their
evaluation, crops are read as BGR and normalised with the means of RGB.
"""
import importlib.metadata
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import torch
from mmpose.apis import init_model
from torch import nn

from projects.released_weights.oracle import (import_release, load_rule,
                                              normalised, parse_clone,
                                              write_fixture)

NAME = 'TAR-ViTPose'
CONFIG = ('configs/rivals/temporal_attention/temporal-attention_vit-b_'
          '1xb16-30e_posetrack17-384x288_released.py')
HOLDER = 'model_state_dict'
#: Other than that of the position embedding, which is resized.
HEIGHT, WIDTH = 128, 96
OPTIONS = {
    'model.backbone.arch': 'small',
    'model.head.in_channels': 384,
    'model.head.decoder.input_size': (WIDTH, HEIGHT),
    'model.head.decoder.heatmap_size': (WIDTH // 4, HEIGHT // 4)
}


def build(clone: Path) -> nn.Module:
    """The released network, for these crops."""
    import_release(
        clone,
        easydict=dict(EasyDict=dict),
        posetimation=dict(get_cfg=None, update_config=None),
        utils__common=dict.fromkeys(['TRAIN_PHASE', 'VAL_PHASE',
                                     'TEST_PHASE']))
    sys.modules['importlib_metadata'] = importlib.metadata
    import mmpretrain  # noqa: F401
    from models.best import TAR_ViTPose
    vit = clone / ('models/vitpose/'
                   'td-hm_ViTPose-small_8xb64-210e_coco-256x192.py')
    config = SimpleNamespace(
        WINDOWS_SIZE=5,
        MODEL=SimpleNamespace(
            CONFIG_FILE=str(vit),
            CHECKPOINT_FILE=None,
            HEATMAP_SIZE=(WIDTH // 4, HEIGHT // 4),
            EMBED_DIM=384,
            NUM_JOINTS=17,
            MASK_THRESHOLD=0.2,
            NUM_LAYERS=6,
            USE_MASK=True))
    # their ViT's own weights are not needed
    with mock.patch.object(
            TAR_ViTPose, 'init_model',
            lambda path, *args, **kwargs: init_model(
                path,
                cfg_options={'model.backbone.init_cfg': None},
                device='cpu')):
        return load_rule(TAR_ViTPose.TAR_ViTPose(config))


@torch.no_grad()
def main() -> None:
    model = build(parse_clone(__doc__))
    clips = [normalised(5, HEIGHT, WIDTH, seed, rgb=False) for seed in (0, 1)]
    write_fixture('tar_vitpose', model, model(torch.stack(clips)))


if __name__ == '__main__':
    main()
