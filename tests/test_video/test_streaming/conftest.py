"""Small models with random weights, and a made-up video with tracks."""
from typing import Dict, List, Optional

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.video import TrackedBox, TrackedFrame
from mmpose_tdmi.video.streaming import ClipSettings

CONFIGS = dict(
    hrnet='configs/tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64'
    '.py',
    res18='configs/tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py',
    w48='configs/tdmi/posetrack18/tdmi_hrnet-w48_2xb24-20e_posetrack18-'
    '384x288.py',
    poseidon='configs/rivals/synthetic/poseidon_hrnet-light_1xb16-1e_'
    'synthetic-96x64.py',
    single='configs/tdmi/synthetic/td-hm_hrnet-light_1xb16-5e_synthetic-96x64'
    '.py')
#: Of the reduced input, width and height.
SMALL_INPUT = (64, 96)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    yield
    torch.set_num_threads(threads)


def randomise(model: torch.nn.Module) -> None:
    """Weights and statistics that make every part count."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        for name, x in module.named_parameters(recurse=False):
            if x.dim() > 1:
                fan_in = x[0].numel()
                x.data.normal_(std=1.4 / fan_in**0.5, generator=generator)
            elif isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                x.data.uniform_(0.2, 0.8, generator=generator)
            else:
                x.data.normal_(std=0.1, generator=generator)


def shrink(config: Config) -> None:
    """Reduce the input of a config of the large models."""
    width, height = SMALL_INPUT
    config.model.head.decoder.update(
        input_size=SMALL_INPUT, heatmap_size=(width // 4, height // 4))
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] == 'TopdownAffine':
            transform['input_size'] = SMALL_INPUT


def build_model(repository,
                name: str,
                offsets: Optional[tuple] = None,
                padding: str = 'clamp',
                flip_test: bool = False) -> torch.nn.Module:
    """A config's model with random weights, as ``init_pose_model`` gives it.
    """
    config = Config.fromfile(repository / CONFIGS[name])
    config.model.pop('init_cfg', None)
    config.model.backbone.pop('init_cfg', None)
    config.model.test_cfg.flip_test = flip_test
    config.test_dataloader.dataset.padding = padding
    if name == 'w48':
        shrink(config)
    if offsets is not None:
        config.test_dataloader.dataset.offsets = offsets
        config.model.data_preprocessor.num_frames = len(offsets)
        config.model.neck.offsets = offsets
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model)
    randomise(model)
    model.cfg = config
    metainfo = DATASETS.get(config.test_dataloader.dataset.type).METAINFO
    model.dataset_meta = parse_pose_metainfo(metainfo)
    return model.eval()


@pytest.fixture(scope='session')
def models(repository):
    """Builds models, each once."""
    built: Dict[tuple, torch.nn.Module] = {}

    def get(name: str = 'hrnet', **kwargs) -> torch.nn.Module:
        key = (name, *sorted(kwargs.items()))
        if key not in built:
            built[key] = build_model(repository, name, **kwargs)
        return built[key]

    return get


def make_video(
    num_frames: int = 12,
    boxes: Optional[dict] = None,
    size: tuple = (96, 128)) -> List[TrackedFrame]:
    """Frames of a moving texture.

    Args:
        num_frames (int): How many.
        boxes (dict, optional): ``track id -> function(index)`` that gives
            x1, y1, x2, y2 or None. Defaults to two persons, one who moves
            and grows, one who comes late, pauses and leaves early.
        size (tuple): Height and width.
    """
    generator = np.random.default_rng(0)
    texture = generator.integers(0, 255, (size[0] // 8, size[1] // 4, 3))
    texture = texture.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    boxes = two_persons() if boxes is None else boxes
    frames = []
    for i in range(num_frames):
        image = np.ascontiguousarray(
            np.roll(texture, 5 * i, axis=1)[:, :size[1]])
        persons = [
            TrackedBox(track_id, tuple(map(float, box(i))), 0.9 - 0.1 * place)
            for place, (track_id, box) in enumerate(boxes.items())
            if box(i) is not None
        ]
        frames.append(TrackedFrame(i, i / 25, image, persons))
    return frames


def two_persons() -> dict:
    """A person who moves and grows, and one who is not always there."""

    def steady(i):
        return 10 + 3 * i, 20, 45 + 4 * i, 80 + i

    def rare(i):
        return None if i < 2 or i in (5, 6) or i > 9 else (70 - i, 10, 100, 70)

    return {3: steady, 8: rare}


@pytest.fixture
def packed():
    """A sample of one person in some frames, as a model's config wants it."""

    def pack(model, frames):
        settings = ClipSettings(model.cfg, model.dataset_meta)
        images = [frame.image for frame in frames]
        box = TrackedBox(1, (20., 20., 60., 90.), 0.9)
        return settings.pack(images, range(len(images)), box)

    return pack
