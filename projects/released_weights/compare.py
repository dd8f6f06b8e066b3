"""Models with released weights, held against the code of their release.

A row for each system: its released network's weights, drawn by
:mod:`~projects.released_weights.rule`, go through the converter of
``tools/model_converters`` into the model of its config; the heatmaps of that
and of the release, which lie in ``fixtures/``, are compared, and the poses
along a video with those of whole windows::

    python -m projects.released_weights.compare
"""
import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmpose.structures import PoseDataSample
from tabulate import tabulate

from mmpose_tdmi.apis.models import init_pose_model
from mmpose_tdmi.models.cost import clip_length
from projects.released_weights.rule import rule_crops, rule_weights

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / 'fixtures'
#: Modules of this folder, each with ``NAME``, ``CONFIG``, the file in
#: configs/rivals, ``OPTIONS``, changes to it that make it as small as the
#: release's code allows, and ``HOLDER``, the key of the release's weights;
#: perhaps ``rescale``, which changes weights in place that the rule gives.
SYSTEMS = ('tar_vitpose', 'poseidon', 'dcpose', 'posewarper', 'fami_pose')


class Row(NamedTuple):
    """What came of a system."""
    name: str
    num_weights: int
    scale: float  #: Largest absolute value of the release's heatmaps.
    difference: float  #: Largest, of ours to them.
    static: float  #: Of the heatmaps of a clip that stands still to them.


def compare(system: str, folder: Path) -> Row:
    """One system's row; its checkpoints are written to ``folder``."""
    module = importlib.import_module(f'projects.released_weights.{system}')
    shapes = json.loads((FIXTURES / f'{system}.json').read_text())
    official, out = folder / f'{system}.pth', folder / f'{system}_ours.pth'
    weights = rule_weights(shapes)
    if hasattr(module, 'rescale'):
        module.rescale(weights)
    weights = {f'module.{k}': x for k, x in weights.items()}
    torch.save({module.HOLDER: weights}, official)
    config = Config.fromfile(ROOT / module.CONFIG)
    config.merge_from_dict(module.OPTIONS)
    small = folder / f'{system}_small.py'
    config.dump(small)
    subprocess.run([
        sys.executable, ROOT / f'tools/model_converters/{system}.py', official,
        out, '--config', small
    ],
                   check=True,
                   cwd=ROOT)
    model = init_pose_model(config, out)

    expected = np.load(FIXTURES / f'{system}.npz')['heatmaps']
    num_frames = clip_length(model)
    width, height = model.head.decoder.input_size
    differences, static = [], []
    for seed, heatmaps in enumerate(expected):
        crops = rule_crops(num_frames, height, width, seed)
        key = np.repeat(crops[num_frames // 2][None], num_frames, 0)
        for clip, found in ((crops, differences), (key, static)):
            # of large maps not all joints' are kept
            ours = predict(model, clip)[:len(heatmaps)]
            found.append(np.abs(ours - heatmaps).max())
    return Row(module.NAME, len(shapes),
               np.abs(expected).max(), max(differences), min(static))


@torch.no_grad()
def predict(model: torch.nn.Module, crops: np.ndarray) -> np.ndarray:
    """The heatmaps (K, h, w) of a clip's crops (T, H, W, 3), BGR."""
    clip = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()
    sample = PoseDataSample(gt_fields=PixelData())
    data = model.data_preprocessor(
        dict(inputs=[clip], data_samples=[sample]), False)
    heatmaps = model.head.forward(model.extract_feat(data['inputs']))
    if hasattr(model.head, 'activate'):
        heatmaps = model.head.activate(heatmaps)
    return heatmaps[0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('systems', nargs='*', default=SYSTEMS)
    args = parser.parse_args()
    rows: List[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for system in args.systems:
            rows.append(compare(system, Path(folder)))
    print(
        tabulate(
            rows, ('system', 'weights', 'largest value', 'difference',
                   'a static clip\'s difference'),
            tablefmt='github',
            floatfmt='.2g'))


if __name__ == '__main__':
    main()
