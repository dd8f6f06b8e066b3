"""Labelled people and a model's poses of them.

Shape letters: N people, K = 14 joints in LSP's order.
"""
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.fileio import load
from torch import nn

from mmpose_tdmi.apis.models import init_pose_model
from mmpose_tdmi.video.crops import ClipSettings
from mmpose_tdmi.video.structures import TrackedBox

CONFIGS = Path(__file__).parent / 'configs'
_INFO = Config.fromfile(CONFIGS / 'lsp14.py').dataset_info
JOINTS = tuple(joint.name for joint in _INFO.keypoint_info.values())
#: The joint of the other side, or the joint itself, (K, ).
OTHER_SIDE = np.array([
    JOINTS.index(joint.swap or joint.name)
    for joint in _INFO.keypoint_info.values()
])
#: What PoseTrack calls LSP's joints, where it is not the same.
POSETRACK_NAMES = {'neck': 'head_bottom'}
#: How many people a model sees at once.
BATCH = 32


class People(NamedTuple):
    """The labelled people of a file."""
    #: Paths of their images, N of them.
    images: List[Path]
    #: x1, y1, x2, y2 in pixels, (N, 4).
    boxes: np.ndarray
    #: In pixels, (N, K, 2), whatever where nothing is labelled.
    joints: np.ndarray
    #: Which are labelled, (N, K).
    labelled: np.ndarray


def read_people(path: Path, images: Path) -> People:
    """People of a COCO- or PoseTrack18-style file whose joints are named as
    LSP's or PoseTrack's; others of their joints are passed over."""
    content = load(path)
    names = content['categories'][0]['keypoints']
    places = [
        names.index(
            name if name in names else POSETRACK_NAMES.get(name, name))
        for name in JOINTS
    ]
    files = {image['id']: image['file_name'] for image in content['images']}
    persons = [ann for ann in content['annotations'] if ann['num_keypoints']]
    joints = np.array([ann['keypoints'] for ann in persons],
                      float).reshape(len(persons), -1, 3)[:, places]
    boxes = np.array([ann['bbox'] for ann in persons], float)
    boxes[:, 2:] += boxes[:, :2]
    return People([images / files[ann['image_id']] for ann in persons], boxes,
                  joints[..., :2], joints[..., 2] > 0)


class Poser:
    """A model's poses for people in images, cropped as along a video.

    Args:
        config: Path of the model's config.
        checkpoint: Path of its weights.
    """

    def __init__(self, config: Path, checkpoint: Path) -> None:
        self.model: nn.Module = init_pose_model(config, checkpoint)
        self._settings = ClipSettings(self.model.cfg, self.model.dataset_meta)

    def __call__(self, people: People) -> Tuple[np.ndarray, np.ndarray]:
        """Joints (N, K, 2) in pixels of the images, and scores (N, K)."""
        joints, scores = [], []
        for first in range(0, len(people.images), BATCH):
            part = slice(first, first + BATCH)
            samples = [
                self._settings.pack([read_image(path)], [0],
                                    TrackedBox(0, box, 1.))
                for path, box in zip(people.images[part], people.boxes[part])
            ]
            with torch.no_grad():
                found = self.model.test_step(pseudo_collate(samples))
            joints += [x.pred_instances.keypoints[0] for x in found]
            scores += [x.pred_instances.keypoint_scores[0] for x in found]
        return np.array(joints), np.array(scores)


def read_image(path: Path) -> np.ndarray:
    image: Optional[np.ndarray] = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f'there is no image {path}')
    return image
