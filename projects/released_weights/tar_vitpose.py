"""TAR-ViTPose's fixture, by its authors' code (github.com/zgspose/TARViTPose).

    python -m projects.released_weights.tar_vitpose CLONE

The network is theirs, on mmpretrain's ViT-S, which must be importable
(pip install --no-deps mmpretrain==1.2.0 modelindex einops). As in their
evaluation, crops are read as BGR and normalised with the means of RGB.
"""
import argparse
import importlib.metadata
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import numpy as np
import torch
from mmpose.apis import init_model
from torchvision import transforms

from projects.released_weights.compare import FIXTURES
from projects.released_weights.rule import rule_crops, rule_weights

NAME = 'TAR-ViTPose'
CONFIG = ('configs/rivals/temporal_attention/temporal-attention_vit-s_'
          '1xb16-30e_posetrack17-384x288_released.py')
HOLDER = 'model_state_dict'
#: Other than that of the position embedding, which is resized.
HEIGHT, WIDTH = 128, 96
OPTIONS = {
    'model.head.decoder.input_size': (WIDTH, HEIGHT),
    'model.head.decoder.heatmap_size': (WIDTH // 4, HEIGHT // 4)
}


def build_release(clone: Path) -> torch.nn.Module:
    """The authors' network for these crops."""
    sys.path.insert(0, str(clone))
    # which its file imports, and the network does not compute with
    for name, names in (('easydict', ['EasyDict']), ('utils.common', [
            'TRAIN_PHASE', 'VAL_PHASE', 'TEST_PHASE'
    ]), ('posetimation', ['get_cfg', 'update_config'])):
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(dict.fromkeys(names))
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
            TAR_ViTPose, 'init_model', lambda path, *args, **kwargs:
            init_model(path, cfg_options={'model.backbone.init_cfg': None},
                       device='cpu')):
        return TAR_ViTPose.TAR_ViTPose(config)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('clone', type=Path)
    model = build_release(parser.parse_args().clone).eval()
    shapes = {name: list(x.shape) for name, x in model.state_dict().items()}
    model.load_state_dict(rule_weights(shapes))
    transform = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    ])
    heatmaps = []
    for seed in range(2):
        clip = torch.stack([
            transform(crop) for crop in rule_crops(5, HEIGHT, WIDTH, seed)
        ])
        heatmaps.append(model(clip[None])[0].numpy())
    np.savez_compressed(FIXTURES / 'tar_vitpose.npz', heatmaps=heatmaps)
    (FIXTURES / 'tar_vitpose.json').write_text(json.dumps(shapes, indent=0))


if __name__ == '__main__':
    main()
