"""Small models with random weights, saved as checkpoints, and a video."""
import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import save_checkpoint
from mmpose.registry import MODELS

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.utils.video import VideoWriter


class SavedModel(NamedTuple):
    """A config file and a checkpoint that fits it."""
    config: str
    checkpoint: str


def _build(config, registry, scope):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(scope):
        model = registry.build(config.model)
        model.init_weights()
    return model


def _save(model, config, folder, **meta) -> SavedModel:
    path = folder / 'config.py'
    config.dump(path)
    checkpoint = folder / 'random.pth'
    save_checkpoint(
        dict(state_dict=model.state_dict(), meta=meta), str(checkpoint))
    return SavedModel(str(path), str(checkpoint))


@pytest.fixture(scope='session')
def saved_detector(tmp_path_factory, repository) -> SavedModel:
    """The small detector's config, untrained; it has one class."""
    config = Config.fromfile(repository /
                             'configs/detection/rtmdet_r18_synthetic.py')
    # everything it finds, and mutual overlaps
    config.model.test_cfg.update(score_thr=0., max_per_img=20)
    config.model.test_cfg.nms.iou_threshold = 0.9
    model = _build(config, MMDET_MODELS, 'mmdet')
    # boxes of some 50 pixels instead of points
    for convolution in model.bbox_head.rtm_reg:
        torch.nn.init.constant_(convolution.bias, 2.)
    # scores apart from each other: their order must not hang on rounding
    for convolution in model.bbox_head.rtm_cls:
        torch.nn.init.normal_(convolution.weight, std=10.)
    return _save(
        model,
        config,
        tmp_path_factory.mktemp('detector'),
        dataset_meta=dict(classes=('person', )))


@pytest.fixture(scope='session')
def saved_pose_model(tmp_path_factory, repository) -> SavedModel:
    """A small TDMI of five frames, untrained."""
    config = Config.fromfile(
        sorted(repository.glob('configs/tdmi/synthetic/tdmi_*.py'))[0])
    config.model.pop('init_cfg', None)
    model = _build(config, MODELS, 'mmpose')
    return _save(model, config, tmp_path_factory.mktemp('pose'))


def make_frames(num_frames: int = 7) -> np.ndarray:
    """Frames (N, 96, 128, 3) in which a bright block moves to the right."""
    frames = np.full((num_frames, 96, 128, 3), 40, np.uint8)
    for i, frame in enumerate(frames):
        frame += np.random.default_rng(0).integers(
            0, 30, frame.shape, dtype=np.uint8)
        cv2.rectangle(frame, (10 + 8 * i, 20), (40 + 8 * i, 80),
                      (200, 120, 250 - 20 * i), -1)
    return frames


class Clip(NamedTuple):
    """The same frames as a folder of images and as a video file."""
    frames: np.ndarray
    folder: Path
    video: Path


@pytest.fixture(scope='session')
def clip(tmp_path_factory) -> Clip:
    """Seven frames, lossless in the folder."""
    root = tmp_path_factory.mktemp('clip')
    frames = make_frames()
    folder = root / 'images' / '000007_toy'
    folder.mkdir(parents=True)
    with VideoWriter(root / '000007_toy.mp4', 12.5, crf=0) as writer:
        for i, frame in enumerate(frames):
            cv2.imwrite(str(folder / f'{i:06d}.png'), frame)
            writer.write(frame)
    return Clip(frames, folder, root / '000007_toy.mp4')


def make_boxes(**extra) -> list:
    """A box in frame 0, none in 1, two in 2, 4 and 5, one in 6."""
    entries = []
    for frame, persons in ((0, 1), (2, 2), (4, 2), (5, 2), (6, 1)):
        for person in range(persons):
            entries.append(
                dict(
                    image_id=frame,
                    category_id=1,
                    bbox=[5. + 8 * frame + 20 * person, 15., 40., 70.],
                    score=0.9 - 0.1 * person))
    return [dict(entry, **extra) for entry in entries]


@pytest.fixture
def boxes() -> list:
    """Eight boxes in the clip's frames by frame index."""
    return make_boxes()


@pytest.fixture
def box_file(tmp_path, boxes) -> Path:
    """The boxes as a file."""
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(boxes))
    return path
