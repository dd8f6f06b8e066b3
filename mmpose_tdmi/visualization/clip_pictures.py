"""Pictures of clips: strips of frames, maps laid over a frame, poses.

Everything is drawn after enlarging, so that small crops stay readable. Shapes:
T frames, C channels, K keypoints, H x W pixels, h x w cells of a map.
"""
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

import cv2
import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from mmpose_tdmi.utils.files import atomic_path
from .drawers import PoseDrawer

Maps = Mapping[str, np.ndarray]

#: Colours, BGR: the page between pictures, captions, the key frame's border.
PAGE = (255, 255, 255)
INK = (40, 40, 40)
KEY_COLOUR = (30, 30, 230)
#: Names of maps, in the order in which they are shown, and their captions:
#: the motion features are those of Section 3.2 of the paper.
MAPS = dict(
    heatmap='heat',
    motion='M',
    useful='Mu',
    noisy='Mn',
    visual='V',
    fused='fused')

_CAPTION = 20
_GAP = 4


def resized(image: np.ndarray, height: int) -> np.ndarray:
    """A picture at another height, its proportions kept."""
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def captioned(image: np.ndarray,
              caption: str,
              framed: bool = False) -> np.ndarray:
    """A picture (H, W, 3) with a line of text above it, (H + 20, W, 3), cut
    where the picture ends; ``framed`` draws the key frame's border."""
    image = image.copy()
    if framed:
        cv2.rectangle(image, (0, 0), (image.shape[1] - 1, image.shape[0] - 1),
                      KEY_COLOUR, 2)
    head = np.full((_CAPTION, image.shape[1], 3), PAGE, np.uint8)
    cv2.putText(head, caption, (2, _CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX,
                0.42, KEY_COLOUR if framed else INK, 1, cv2.LINE_AA)
    return np.concatenate((head, image))


def in_a_row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures side by side, aligned at the top."""
    return np.ascontiguousarray(_joined(pictures, 1)[:, :-_GAP])


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures one below the other, aligned at the left."""
    return _joined(pictures, 0)


def _joined(pictures: Sequence[np.ndarray], axis: int) -> np.ndarray:
    size = max(picture.shape[1 - axis] for picture in pictures)
    padded = []
    for picture in pictures:
        pads = [(0, size - picture.shape[1 - axis])]
        pads.insert(axis, (0, _GAP))
        padded.append(
            np.pad(picture, [*pads, (0, 0)], constant_values=PAGE[0]))
    return np.concatenate(padded, axis)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture, BGR; JPEG in a quality of 92."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == '.jpg' else []
    with atomic_path(path) as temporary:
        if not cv2.imwrite(str(temporary), picture, options):
            raise OSError(f'{path} cannot be written')


def strip(frames: Sequence[np.ndarray],
          captions: Sequence[str],
          key: int,
          height: int = 192) -> np.ndarray:
    """A clip's T frames (H, W, 3) and T texts in a row, time running to the
    right, the key frame with a border; ``height`` is a drawn frame's."""
    return in_a_row([
        captioned(resized(frame, height), caption, framed=t == key)
        for t, (frame, caption) in enumerate(zip(frames, captions))
    ])


def overlaid(frame: np.ndarray,
             heat: np.ndarray,
             height: int = 192) -> np.ndarray:
    """A map (h, w), the brighter the higher, over a whole frame (H, W, 3)."""
    heat = np.asarray(heat, np.float32)
    if not np.isfinite(heat).all():
        raise ValueError(f'expected a finite map (h, w), got {heat.shape} with'
                         f' {np.count_nonzero(~np.isfinite(heat))} values '
                         'that are not finite')
    picture = resized(frame, height)
    level = cv2.resize(
        cv2.normalize(heat, None, 0, 255, cv2.NORM_MINMAX),
        picture.shape[1::-1])
    colours = cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(
        cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(grey, 0.4, colours, 0.6, 0)


class PosePainter:
    """Draws poses and boxes on frames, enlarged to ``height`` pixels; other
    arguments are :class:`PoseDrawer`'s."""

    def __init__(self,
                 dataset_meta: dict,
                 height: int = 192,
                 kpt_thr: float = 0.3) -> None:
        self.height = height
        self._drawer = PoseDrawer(dataset_meta, kpt_thr)

    def paint(
        self,
        frame: np.ndarray,
        keypoints: Optional[np.ndarray] = None,
        scores: Optional[np.ndarray] = None,
        outlines: Sequence[np.ndarray] = ()
    ) -> np.ndarray:
        """Enlarge a frame (H, W, 3) and draw on it, in the frame's pixels:
        keypoints (n, K, 2) with scores or visibility (n, K), and outlines by
        their corners, (4, 2) each."""
        picture = resized(frame, self.height)
        scale = np.array(picture.shape[1::-1]) / frame.shape[1::-1]
        if keypoints is not None and len(keypoints):
            picture = self._drawer.draw(picture, keypoints * scale, scores)
        for corners in outlines:
            points = np.round(corners * scale).astype(np.int32)
            cv2.polylines(picture, [points], True, (60, 200, 60), 1,
                          cv2.LINE_AA)
        return picture


def box_corners(box: np.ndarray) -> np.ndarray:
    """x1, y1, x2, y2 of a box as its corners, (4, 2), clockwise."""
    x1, y1, x2, y2 = np.asarray(box, float).reshape(-1)[:4]
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def frame_captions(sample: Mapping) -> List[str]:
    """T texts like ``+2 #13 pad``, of a sample or its metainfo."""
    offsets = sample['frame_offsets']
    padded = sample.get('frame_padded') or [False] * len(offsets)
    return [
        f'{f"{offset:+d}" if offset else "key"} #{index}'
        f'{" pad" if pad else ""}'
        for offset, index, pad in zip(offsets, sample['frame_indices'], padded)
    ]


@torch.no_grad()
def clip_maps(model: nn.Module, clip: Tensor, sample: PoseDataSample,
              names: Sequence[str]) -> Dict[str, np.ndarray]:
    """Run one packed clip (T, 3, H, W), uint8, in eval mode and keep maps.

    Gives name -> (h, w) for the ``names``, of :data:`MAPS`, that the head of
    the model, not wrapped, makes: the largest of the K heatmaps at each cell,
    and features' root mean square over the C channels.
    """
    training = model.training
    model.eval()
    try:
        data = model.data_preprocessor(
            dict(inputs=[clip], data_samples=[sample.clone()]), False)
        feats = model.extract_feat(data['inputs'])
        head = model.head
        maps = {}
        if hasattr(head, 'disentangle'):
            feats = head.disentangle(feats)
            maps = {
                name: value[0].float().square().mean(dim=0).sqrt()
                for name, value in feats._asdict().items() if value is not None
            }
        heatmaps = head.forward(feats)
        if isinstance(heatmaps, Tensor) and heatmaps.dim() == 4:
            if hasattr(head, 'activate'):
                heatmaps = head.activate(heatmaps)
            maps['heatmap'] = heatmaps[0].float().amax(dim=0)
    finally:
        model.train(training)
    return {
        name: maps[name].cpu().numpy()
        for name in MAPS if name in names and name in maps
    }


def clip_frames(clip: Tensor) -> List[np.ndarray]:
    """The T crops (H, W, 3) of a packed clip, (T, 3, H, W)."""
    if clip.dim() != 4 or clip.shape[1] != 3:
        raise ValueError('expected a packed clip (T, 3, H, W), got shape '
                         f'{tuple(clip.shape)}; is it packed by '
                         'PackPoseSequenceInputs?')
    return list(
        np.ascontiguousarray(
            clip.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)))


def prediction_picture(image: np.ndarray,
                       clip: Tensor,
                       sample: PoseDataSample,
                       painter: PosePainter,
                       maps: Maps,
                       truth: Optional[np.ndarray] = None) -> np.ndarray:
    """A sample's ``pred_instances`` in three rows: the key frame's image with
    the predicted and the annotated pose; the packed clip, (T, 3, H, W), uint8;
    the same poses on the crop, and the ``maps`` of :func:`clip_maps`.
    ``truth`` is x, y, visibility in the image, (K, 3)."""
    meta, predicted = sample.metainfo, sample.pred_instances
    frames = clip_frames(clip)
    key = frames[meta['key_frame']]
    center, scale, size = (
        np.asarray(meta[f'input_{name}'])
        for name in ('center', 'scale', 'size'))
    boxes = [box_corners(box) for box in predicted.bboxes]
    poses = dict(
        prediction=(predicted.keypoints, predicted.keypoint_scores, boxes))
    if truth is not None:
        visible = (truth[None, :, 2] > 0) * 1.
        poses['annotation'] = (truth[None, :, :2], visible, [])
    images, crops = [], []
    for name, (joints, scores, outlines) in poses.items():
        images.append(
            captioned(painter.paint(image, joints, scores, outlines), name))
        # to the unturned crop, to a fraction of a pixel
        joints = (joints - (center - scale / 2)) / scale * size
        crops.append(captioned(painter.paint(key, joints, scores), name))
    return stacked([
        in_a_row(images),
        strip(frames, frame_captions(meta), meta['key_frame'], painter.height),
        in_a_row(crops + _overlays(key, maps, painter.height))
    ])


def training_picture(clip: Tensor, sample: PoseDataSample, maps: Maps,
                     height: int) -> np.ndarray:
    """A training sample: its clip, target heatmaps if any, and maps."""
    meta, frames = sample.metainfo, clip_frames(clip)
    key = frames[meta['key_frame']]
    row = _overlays(key, maps, height)
    if 'gt_fields' in sample and 'heatmaps' in sample.gt_fields:
        target = sample.gt_fields.heatmaps.amax(dim=0).cpu().numpy()
        row.insert(0, captioned(overlaid(key, target, height), 'targets'))
    rows = [strip(frames, frame_captions(meta), meta['key_frame'], height)]
    return stacked(rows + [in_a_row(row)] if row else rows)


def _overlays(key: np.ndarray, maps: Maps, height: int) -> List[np.ndarray]:
    return [
        captioned(
            overlaid(key, heat, height),
            f'{MAPS[name]} {heat.min():.2g}-{heat.max():.2g}')
        for name, heat in maps.items()
    ]
