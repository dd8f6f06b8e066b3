"""What averaging the window's heatmaps could gain if motion were known.

No method but a bound on methods: every frame's single-frame heatmap of a
joint is moved by the joint's true motion from that frame to the key frame,
then they are averaged. What is left of the errors is not for want of knowing
where joints went. With ``constant_velocity`` what is known is no more than a
joint's velocity, two numbers a joint, as a simple model could tell it.

Shape shorthand: B clips, T frames, C channels, K keypoints, H x W cells.
"""
import json
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_tdmi.models.heads import SingleFrameHeatmapLayer
from mmpose_tdmi.structures import FrameWindow, unfold_time


@MODELS.register_module()
class KnownMotionHead(HeatmapHead):
    """Average the frames' heatmaps along the joints' true motion.

    For generated clips: the truth is read from the annotations of their
    videos, all of whose frames are labelled. Nothing in it is trained.

    Args:
        in_channels (int): C, of the backbone's last map.
        out_channels (int): K.
        offsets (Sequence[int]): The clip's frame offsets.
        frame_weights (Sequence[float]): Weight of each frame, in order of
            time; those of a joint whose place a frame does not tell go to the
            other frames.
        heatmap_layer (dict): Options of the layer to single-frame heatmaps,
            see :class:`SingleFrameHeatmapLayer`.
        constant_velocity (bool): Move each joint by its true velocity at the
            key frame, see :func:`constant_velocity`, times the frame's
            offset. Defaults to ``False``.
        **kwargs: As of the stock head, ``decoder`` among them.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 offsets: Sequence[int],
                 frame_weights: Sequence[float],
                 heatmap_layer: dict,
                 constant_velocity: bool = False,
                 **kwargs) -> None:
        super().__init__(
            in_channels=out_channels,
            out_channels=out_channels,
            deconv_out_channels=None,
            final_layer=None,
            **kwargs)
        self.window = FrameWindow(tuple(offsets))
        self.constant_velocity = constant_velocity
        self.frame_weights = tuple(frame_weights)
        self.heatmap_layer = SingleFrameHeatmapLayer(in_channels, out_channels,
                                                     **heatmap_layer)

    def predict(self,
                feats: Tuple[Tensor, ...],
                batch_data_samples: List[PoseDataSample],
                test_cfg: Optional[dict] = None) -> list:
        """Keypoints of the key frames.

        Args:
            feats (tuple[Tensor]): The backbone's maps of folded clips; the
                last, (B * T, C, H, W), is used.
            batch_data_samples (list[PoseDataSample]): B samples.
            test_cfg (dict, optional): As of the stock head.

        Returns:
            list[InstanceData]: As of the stock head.

        Raises:
            ValueError: If ``test_cfg`` asks for a flip test.
            FileNotFoundError: If the sample's video has no annotation.
        """
        if (test_cfg or {}).get('flip_test'):
            raise ValueError('KnownMotionHead has no flip test: '
                             'test_cfg.flip_test must be False')
        heatmaps = unfold_time(
            self.heatmap_layer(feats[-1]), self.window.num_frames)
        cells = heatmaps.shape[:-3:-1]
        found = [
            true_motion(sample, self.window, cells)
            for sample in batch_data_samples
        ]
        if self.constant_velocity:
            found = [constant_velocity(*one, self.window) for one in found]
        motion = heatmaps.new_tensor(np.stack([motion for motion, _ in found]))
        known = heatmaps.new_tensor(np.stack([known for _, known in found]))
        weights = known * known.new_tensor(self.frame_weights)[:, None]
        weights = weights / weights.sum(dim=1, keepdim=True)
        average = (move(heatmaps, motion) *
                   weights[..., None, None]).sum(dim=1)
        return super().predict((average, ), batch_data_samples, test_cfg or {})


def move(maps: Tensor, motion: Tensor) -> Tensor:
    """Move maps, each its own way; what comes from outside is zero.

    Args:
        maps (Tensor): (..., H, W).
        motion (Tensor): How far, x and y in cells, (..., 2).

    Returns:
        Tensor: (..., H, W), bilinear.
    """
    height, width = maps.shape[-2:]
    rows, columns = torch.meshgrid(
        torch.arange(height), torch.arange(width), indexing='ij')
    grid = torch.stack((columns, rows), dim=-1).to(maps)
    grid = grid - motion.reshape(-1, 1, 1, 2)
    grid = grid / grid.new_tensor((width - 1, height - 1)) * 2 - 1
    moved = F.grid_sample(
        maps.reshape(-1, 1, height, width), grid, align_corners=True)
    return moved.reshape_as(maps)


def true_motion(sample: PoseDataSample, window: FrameWindow,
                cells: Sequence[int]) -> Tuple[np.ndarray, np.ndarray]:
    """How joints move from each frame of a clip to its key frame.

    Args:
        sample (PoseDataSample): Of a generated clip, with the image's path,
            the ids of image and annotation, and the scale of its upright
            crop.
        window (FrameWindow): The clip's frames.
        cells (Sequence[int]): W and H.

    Returns:
        tuple[np.ndarray, np.ndarray]: x and y in cells, (T, K, 2); whether
        both frames tell, (T, K), always so for the key frame itself.
    """
    image = Path(sample.img_path)
    people = _people(image.parents[3] / 'annotations' /
                     image.parent.parent.name / f'{image.parent.name}.json')
    # an annotation's id is its image's, then the person's two digits
    person = sample.id - 100 * sample.img_id
    now = people[sample.img_id, person]
    # UDP: the centres of the outer cells lie on the crop's border
    scale = (np.array(cells) - 1) / np.asarray(sample.input_scale)
    motion = np.zeros((window.num_frames, len(now), 2), np.float32)
    known = np.zeros(motion.shape[:2], np.float32)
    known[window.key] = 1
    for place, offset in enumerate(window.offsets):
        then = people.get((sample.img_id + offset, person))
        if offset == 0 or then is None:
            continue
        both = now.any(axis=1) & then.any(axis=1)
        motion[place, both] = (now - then)[both, :2] * scale
        known[place] = both
    return motion, known


def constant_velocity(motion: np.ndarray, known: np.ndarray,
                      window: FrameWindow) -> Tuple[np.ndarray, np.ndarray]:
    """The same with one velocity for each joint, half of what it moves from
    the frame before the key frame to the one after.

    Args:
        motion (np.ndarray): As :func:`true_motion` gives it, (T, K, 2).
        known (np.ndarray): As :func:`true_motion` gives it, (T, K).
        window (FrameWindow): The clip's frames, both neighbours among them.

    Returns:
        tuple[np.ndarray, np.ndarray]: As :func:`true_motion`; where a
        neighbour does not tell, no frame but the key frame does.
    """
    before, after = (window.offsets.index(offset) for offset in (-1, 1))
    velocity = (motion[before] - motion[after]) / 2
    offsets = np.array(window.offsets, motion.dtype)[:, None, None]
    told = known * (known[before] * known[after])
    told[window.key] = 1
    return -offsets * velocity * told[..., None], told


@lru_cache(maxsize=16)
def _people(path: Path) -> Dict[Tuple[int, int], np.ndarray]:
    """Keypoints (K, 3) in a video's annotation, by image and person."""
    content = json.loads(path.read_text(encoding='utf-8'))
    return {
        (a['image_id'], a['track_id']):
        np.array(a['keypoints']).reshape(-1, 3)
        for a in content['annotations']
    }
