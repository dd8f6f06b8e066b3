"""MMPose's own models along a video, held against its inference on images.

A row for each of its configs below: the largest distance in pixels between
the keypoints of :class:`VideoPoseInferencer` and those of
``mmpose.apis.inference_topdown`` on the same frames and boxes, without and
with flip test, and how far apart those of different persons are. Weights are
random, boxes several a frame, one of them over the image's edge; inputs have
half the config's size unless ``--full-size`` is given::

    python -m projects.evaluation_checks.stock_models
"""
import argparse
import tempfile
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import mmpose
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import MODELS
from tabulate import tabulate
from torch import nn

from mmpose_tdmi.apis import VideoPoseInferencer

CONFIGS = Path(mmpose.__file__).parent / '.mim' / 'configs'
_BODY = 'body_2d_keypoint'
_HEATMAP = 'topdown_heatmap'

#: Configs by what is peculiar to them.
STOCK = {
    'MSRA':
    f'{_BODY}/{_HEATMAP}/coco/td-hm_mobilenetv2_8xb64-210e_coco-256x192.py',
    'MSRA, deconvolutions':
    f'{_BODY}/{_HEATMAP}/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py',
    'UDP':
    f'{_BODY}/{_HEATMAP}/coco/td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192.py',
    'DARK':
    f'{_BODY}/{_HEATMAP}/coco/td-hm_hrnet-w32_dark-8xb64-210e_coco-256x192.py',
    'Megvii, stages':
    f'{_BODY}/{_HEATMAP}/coco/td-hm_rsn18_8xb32-210e_coco-256x192.py',
    'visibility':
    f'{_BODY}/{_HEATMAP}/coco/'
    'td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py',
    'SimCC':
    f'{_BODY}/simcc/coco/'
    'simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192.py',
    'RTMPose':
    f'{_BODY}/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py',
    'regression':
    f'{_BODY}/topdown_regression/coco/'
    'td-reg_res50_8xb64-210e_coco-256x192.py',
    'regression, RLE':
    f'{_BODY}/topdown_regression/coco/'
    'td-reg_mobilenetv2_rle-pretrained-8xb64-210e_coco-256x192.py',
    'integral':
    f'{_BODY}/integral_regression/coco/ipr_res50_8xb64-210e_coco-256x256.py',
    'whole body, RTMW':
    'wholebody_2d_keypoint/rtmpose/cocktail14/'
    'rtmw-m_8xb1024-270e_cocktail14-256x192.py',
    'hand, neck':
    f'hand_2d_keypoint/{_HEATMAP}/coco_wholebody_hand/'
    'td-hm_hrnetv2-w18_8xb32-210e_coco-wholebody-hand-256x256.py',
    'animal':
    f'animal_2d_keypoint/{_HEATMAP}/animalpose/'
    'td-hm_res50_8xb64-210e_animalpose-256x256.py',
    'face':
    f'face_2d_keypoint/{_HEATMAP}/coco_wholebody_face/'
    'td-hm_mobilenetv2_8xb32-60e_coco-wholebody-face-256x256.py',
}


class Difference(NamedTuple):
    """How two sets of keypoints differ, in pixels."""
    largest: float  #: Between the same keypoint of both.
    spread: float  #: Of a keypoint among persons, relative to their boxes.
    num_keypoints: int


def halved(config: Config) -> Dict[str, Any]:
    """Changes to a config that halve the sides of its model's inputs."""
    changes: Dict[str, Any] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, (dict, list)):
            items = node.items() if isinstance(node, dict) else enumerate(node)
            for key, value in items:
                name = f'{path}.{key}'
                if key in ('input_size', 'heatmap_size', 'in_featuremap_size'):
                    changes[name] = tuple(side // 2 for side in value)
                else:
                    walk(value, name)

    walk(config.model, 'model')
    walk(config.test_dataloader.dataset.pipeline,
         'test_dataloader.dataset.pipeline')
    return changes


def input_size(config: Config) -> Tuple[int, int]:
    """Width and height of the crops."""
    transform, = (
        t for t in config.test_dataloader.dataset.pipeline
        if t.type == 'TopdownAffine')
    return tuple(transform.input_size)


def save_random(config: Config, folder: Path) -> Path:
    """A checkpoint of a config's model that has seen nothing."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model)
    # normalised for noise: else deep layers forget what the image was
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.
            nn.init.uniform_(module.weight, 0.5, 1.5)
    width, height = input_size(config)
    with torch.no_grad():
        model.train()(torch.randn(4, 3, height, width), None, mode='tensor')
    path = folder / 'random.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def make_video(num_frames: int = 2) -> Tuple[np.ndarray, List[np.ndarray]]:
    """Frames of noise at several scales, (N, 150, 200, 3), and the boxes of
    three persons in each, x1, y1, x2, y2, score; one is partly outside."""
    rng = np.random.default_rng(0)
    frames = np.zeros((num_frames, 150, 200, 3))
    for side in (50, 25, 10, 5, 1):
        cells = rng.integers(0, 52, (num_frames, 150 // side, 200 // side, 3))
        frames += cells.repeat(side, 1).repeat(side, 2)
    boxes = np.array([[20, 15, 70, 130, 1], [90, 30.5, 160.25, 140, 1],
                      [150, -20, 240, 90, 1]], np.float32)
    shifts = [[4 * i, i, 4 * i, i, 0] for i in range(num_frames)]
    return frames.astype(
        np.uint8), [boxes + np.array(shift, np.float32) for shift in shifts]


def compare(name: str,
            folder: Path,
            full_size: bool = False,
            **options: Any) -> Iterator[Tuple[bool, Difference]]:
    """Both ways of a config, without and with flip test.

    Random networks blow up rounding: batch normalisations are not folded, and
    ``options`` of :class:`VideoPoseInferencer`'s calls are by default
    ``mode='naive'``.
    """
    config = Config.fromfile(CONFIGS / name)
    changes = {} if full_size else halved(config)
    config.merge_from_dict(dict(changes))
    checkpoint = save_random(config, folder)
    host = init_model(
        CONFIGS / name, str(checkpoint), 'cpu', cfg_options=dict(changes))
    inferencer = VideoPoseInferencer(
        CONFIGS / name,
        checkpoint,
        device='cpu',
        cfg_options=changes,
        fold_batch_norm=False)
    frames, boxes = make_video()
    options = options or dict(mode='naive')
    for flip_test in (False, True):
        host.test_cfg['flip_test'] = flip_test
        expected = np.concatenate([
            sample.pred_instances.keypoints[..., :2]
            for frame, found in zip(frames, boxes)
            for sample in inference_topdown(host, frame, found[:, :4])
        ])
        persons = [
            person for result in inferencer(
                frames, boxes=boxes, flip_test=flip_test, **options)
            for person in result.poses.persons
        ]
        got = np.array([person.keypoints for person in persons])
        first, last = np.array([p.box.bbox
                                for p in persons]).reshape(-1, 2, 1,
                                                           2).swapaxes(0, 1)
        relative = (expected - first) / (last - first)
        yield flip_test, Difference(
            float(np.abs(got - expected).max()),
            float((np.std(relative, axis=0) * (last - first).mean(0)).mean()),
            got.shape[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--full-size', action='store_true')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    rows = []
    for what, name in STOCK.items():
        with tempfile.TemporaryDirectory() as folder:
            (_, plain), (_, flipped) = compare(name, Path(folder),
                                               args.full_size)
        rows.append([
            what,
            Path(name).stem, plain.num_keypoints, f'{plain.largest:.1e}',
            f'{flipped.largest:.1e}', f'{plain.spread:.1f}'
        ])
    print(
        tabulate(rows, [
            'what', 'config', 'keypoints', 'largest difference, px',
            'with flip test', 'spread, px'
        ], 'github'))


if __name__ == '__main__':
    main()
