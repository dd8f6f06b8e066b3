"""Pictures of clips: strips of frames, maps laid over a frame, poses.

What the browsing tool and the visualisation hooks share. Everything is drawn
after enlarging, so that small crops stay readable.

Shape shorthand: T frames of a clip, K keypoints, H x W pixels of a frame,
h x w cells of a map.

What a model sees in a clip, as maps to look at.

Section 3.2 of the paper disentangles the motion feature M into a useful part
Mu and a noisy part Mn; these are their magnitudes over space, with the
heatmaps.

Shape shorthand: T frames, C channels, K keypoints, H x W pixels of a crop,
h x w feature or heatmap cells.

One picture of a packed sample: key frame, clip, and what the model sees.

Shape shorthand: T frames, K keypoints, H x W pixels of a crop, h x w cells.
"""
from typing import Dict, List, Mapping, Optional, Sequence

import cv2
import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from .drawers import PoseDrawer

#: Colours, BGR: the page between pictures, captions, the key frame's border.
PAGE = (255, 255, 255)
INK = (40, 40, 40)
KEY_COLOUR = (30, 30, 230)

_CAPTION = 20
_GAP = 4


def resized(image: np.ndarray, height: int) -> np.ndarray:
    """A picture at another height, its proportions kept.

    Args:
        image (np.ndarray): (H, W, 3), uint8.
        height (int): The new height in pixels.

    Returns:
        np.ndarray: (height, ., 3), uint8.
    """
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def captioned(image: np.ndarray,
              caption: str,
              framed: bool = False) -> np.ndarray:
    """A picture with a line of text above it.

    Args:
        image (np.ndarray): (H, W, 3), uint8, BGR.
        caption (str): The text; it is cut where the picture ends.
        framed (bool): Whether to draw the key frame's border. Defaults to
            ``False``.

    Returns:
        np.ndarray: (H + 20, W, 3), uint8, BGR.
    """
    image = image.copy()
    if framed:
        cv2.rectangle(image, (0, 0), (image.shape[1] - 1, image.shape[0] - 1),
                      KEY_COLOUR, 2)
    head = np.full((_CAPTION, image.shape[1], 3), PAGE, np.uint8)
    cv2.putText(head, caption, (2, _CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX,
                0.42, KEY_COLOUR if framed else INK, 1, cv2.LINE_AA)
    return np.concatenate((head, image))


def in_a_row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures side by side, aligned at the top.

    Args:
        pictures (Sequence[np.ndarray]): (., ., 3) each, uint8, at least one.

    Returns:
        np.ndarray: One picture, uint8.
    """
    height = max(picture.shape[0] for picture in pictures)
    last = len(pictures) - 1
    padded = [
        np.pad(
            picture, ((0, height - picture.shape[0]),
                      (0, _GAP if i < last else 0), (0, 0)),
            constant_values=PAGE[0]) for i, picture in enumerate(pictures)
    ]
    return np.concatenate(padded, axis=1)


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures one below the other, aligned at the left.

    Args:
        pictures (Sequence[np.ndarray]): (., ., 3) each, uint8, at least one.

    Returns:
        np.ndarray: One picture, uint8.
    """
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate([
        np.pad(
            picture, ((0, _GAP), (0, width - picture.shape[1]), (0, 0)),
            constant_values=PAGE[0]) for picture in pictures
    ])


def strip(frames: Sequence[np.ndarray],
          captions: Sequence[str],
          key: int,
          height: int = 192) -> np.ndarray:
    """A clip as a row of its frames, time running to the right.

    Args:
        frames (Sequence[np.ndarray]): T frames (H, W, 3), uint8, BGR.
        captions (Sequence[str]): T texts.
        key (int): The key frame's place; it gets a border.
        height (int): Height of a frame in the picture, pixels. Defaults to
            192.

    Returns:
        np.ndarray: The picture, uint8, BGR.

    Raises:
        ValueError: If there are not as many captions as frames.
    """
    if len(frames) != len(captions) or not frames:
        raise ValueError(f'a strip needs a caption for each of its frames, '
                         f'got {len(captions)} for {len(frames)}')
    return in_a_row([
        captioned(resized(frame, height), caption, framed=t == key)
        for t, (frame, caption) in enumerate(zip(frames, captions))
    ])


def overlaid(frame: np.ndarray,
             heat: np.ndarray,
             height: int = 192) -> np.ndarray:
    """A map over a frame, its own range from dark to bright.

    Args:
        frame (np.ndarray): (H, W, 3), uint8, BGR.
        heat (np.ndarray): (h, w), float; it covers the whole frame.
        height (int): Height of the picture, pixels. Defaults to 192.

    Returns:
        np.ndarray: The picture, uint8, BGR. The brightest place is the
        map's maximum, the darkest its minimum.

    Raises:
        ValueError: If the map is not finite.
    """
    heat = np.asarray(heat, np.float32)
    if heat.ndim != 2 or not np.isfinite(heat).all():
        raise ValueError('expected a finite map (h, w), got shape '
                         f'{heat.shape} with '
                         f'{np.count_nonzero(~np.isfinite(heat))} values '
                         'that are not finite')
    spread = heat.max() - heat.min()
    level = (heat - heat.min()) / spread if spread > 0 else 0 * heat
    picture = resized(frame, height)
    level = cv2.resize(
        level, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((255 * level.clip(0, 1)).astype(np.uint8),
                                cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(
        cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(grey, 0.4, colours, 0.6, 0)


class PosePainter:
    """Poses and boxes on enlarged frames.

    Args:
        dataset_meta (dict): The layout of the keypoints, as datasets and
            models of MMPose have it.
        height (int): Height of pictures, pixels. Defaults to 192.
        kpt_thr (float): Keypoints of a lower score are not drawn. Defaults
            to 0.3.
    """

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
        """Enlarge a frame and draw on it.

        Args:
            frame (np.ndarray): (H, W, 3), uint8, BGR.
            keypoints (np.ndarray, optional): x, y in the frame's pixels,
                (n, K, 2).
            scores (np.ndarray, optional): Scores or visibility, (n, K).
            outlines (Sequence[np.ndarray]): Corners of boxes in the frame's
                pixels, (4, 2) each.

        Returns:
            np.ndarray: The picture, uint8, BGR.
        """
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


def frame_captions(offsets: Sequence[int],
                   indices: Sequence[int],
                   padded: Optional[Sequence[bool]] = None) -> List[str]:
    """What the frames of a clip are called in pictures.

    Args:
        offsets (Sequence[int]): T offsets from the key frame.
        indices (Sequence[int]): T frame numbers that were used.
        padded (Sequence[bool], optional): Where another frame stands in.

    Returns:
        list[str]: T texts like ``-1 #12`` or ``+2 #13 pad``.
    """
    padded = padded or [False] * len(offsets)
    return [
        f'{offset:+d} #{index}{" pad" if pad else ""}'
        if offset else f'key #{index}{" pad" if pad else ""}'
        for offset, index, pad in zip(offsets, indices, padded)
    ]


#: Names of maps, in the order in which they are shown, and their captions.
MAPS = dict(
    heatmap='heat',
    motion='M',
    useful='Mu',
    noisy='Mn',
    visual='V',
    fused='fused')


@torch.no_grad()
def clip_maps(model: nn.Module, clip: Tensor, sample: PoseDataSample,
              names: Sequence[str]) -> Dict[str, np.ndarray]:
    """Run one clip and keep maps of it.

    The model is run in eval mode, once more than for the training or test
    itself, and is left in the mode it was in.

    Args:
        model (nn.Module): A top-down pose estimator, not wrapped.
        clip (Tensor): The packed clip, (T, 3, H, W), uint8.
        sample (PoseDataSample): Its data sample; it is not changed.
        names (Sequence[str]): Some of :data:`MAPS`. Those that the model's
            head does not make are left out.

    Returns:
        dict[str, np.ndarray]: Name -> (h, w): the largest of the K heatmaps
        at each cell, and features' root mean square over the C channels.

    Raises:
        ValueError: If a name is unknown.
    """
    unknown = sorted(set(names) - set(MAPS))
    if unknown:
        raise ValueError(f'maps must be among {tuple(MAPS)}, got {unknown}')
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


def clip_frames(clip: Tensor) -> Sequence[np.ndarray]:
    """A packed clip's crops.

    Args:
        clip (Tensor): (T, 3, H, W), uint8, BGR.

    Returns:
        list[np.ndarray]: T crops (H, W, 3), uint8, BGR.

    Raises:
        ValueError: If it is not a clip.
    """
    if clip.dim() != 4 or clip.shape[1] != 3:
        raise ValueError('expected a packed clip (T, 3, H, W), got shape '
                         f'{tuple(clip.shape)}; is it packed by '
                         'PackPoseSequenceInputs?')
    return list(
        np.ascontiguousarray(
            clip.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)))


def clip_strip(clip: Tensor,
               sample: PoseDataSample,
               height: int = 192) -> np.ndarray:
    """A packed clip as a row of its crops.

    Args:
        clip (Tensor): (T, 3, H, W), uint8, BGR.
        sample (PoseDataSample): Its data sample.
        height (int): Height of a crop in the picture. Defaults to 192.

    Returns:
        np.ndarray: The picture, uint8, BGR.
    """
    meta = sample.metainfo
    captions = frame_captions(meta['frame_offsets'], meta['frame_indices'],
                              meta.get('frame_padded'))
    return strip(clip_frames(clip), captions, meta['key_frame'], height)


def to_crop(points: np.ndarray, sample: PoseDataSample) -> np.ndarray:
    """Points in the image to points in an unturned crop.

    Args:
        points (np.ndarray): x, y in pixels of the image, (..., 2).
        sample (PoseDataSample): The crop's sample.

    Returns:
        np.ndarray: x, y in pixels of the crop, (..., 2), to a fraction of a
        pixel: for drawing.
    """
    center, scale, size = (
        np.asarray(sample.metainfo[key])
        for key in ('input_center', 'input_scale', 'input_size'))
    return (points - (center - scale / 2)) / scale * size


def prediction_picture(image: np.ndarray,
                       clip: Tensor,
                       sample: PoseDataSample,
                       painter: PosePainter,
                       maps: Mapping[str, np.ndarray],
                       truth: Optional[np.ndarray] = None) -> np.ndarray:
    """A predicted sample: its image, its clip, its maps.

    Args:
        image (np.ndarray): The key frame's image, uint8, BGR.
        clip (Tensor): The packed clip, (T, 3, H, W), uint8.
        sample (PoseDataSample): It, with ``pred_instances``.
        painter (PosePainter): What draws.
        maps (Mapping[str, np.ndarray]): Of
            :func:`~mmpose_tdmi.visualization.feature_maps.clip_maps`.
        truth (np.ndarray, optional): Annotated x, y, visibility in the image,
            (K, 3), to be drawn beside the prediction.

    Returns:
        np.ndarray: The picture, uint8, BGR. First row: the image with the
        predicted pose, and with the annotated one; second: the clip; third:
        the prediction on the crop, and the maps.
    """
    predicted = sample.pred_instances
    keypoints, scores = predicted.keypoints, predicted.keypoint_scores
    outlines = [box_corners(box) for box in predicted.bboxes]
    key = clip_frames(clip)[sample.metainfo['key_frame']]
    images = [
        captioned(
            painter.paint(image, keypoints, scores, outlines), 'prediction')
    ]
    crops = [
        captioned(
            painter.paint(key, to_crop(keypoints, sample), scores),
            'prediction')
    ]
    if truth is not None:
        joints, visible = truth[None, :, :2], (truth[None, :, 2] > 0) * 1.
        images.append(
            captioned(painter.paint(image, joints, visible), 'annotation'))
        crops.append(
            captioned(
                painter.paint(key, to_crop(joints, sample), visible),
                'annotation'))
    crops += _overlays(key, maps, painter.height)
    return stacked([
        in_a_row(images),
        clip_strip(clip, sample, painter.height),
        in_a_row(crops)
    ])


def training_picture(clip: Tensor, sample: PoseDataSample,
                     maps: Mapping[str,
                                   np.ndarray], height: int) -> np.ndarray:
    """A training sample: its clip, its targets, its maps.

    Args:
        clip (Tensor): The packed clip, (T, 3, H, W), uint8.
        sample (PoseDataSample): It, with ``gt_fields`` where targets are
            heatmaps.
        maps (Mapping[str, np.ndarray]): Of
            :func:`~mmpose_tdmi.visualization.feature_maps.clip_maps`.
        height (int): Height of a crop in the picture.

    Returns:
        np.ndarray: The picture, uint8, BGR.
    """
    key = clip_frames(clip)[sample.metainfo['key_frame']]
    row = []
    if 'gt_fields' in sample and 'heatmaps' in sample.gt_fields:
        target = sample.gt_fields.heatmaps.amax(dim=0).cpu().numpy()
        row.append(captioned(overlaid(key, target, height), 'targets'))
    row += _overlays(key, maps, height)
    rows = [clip_strip(clip, sample, height)]
    return stacked(rows + [in_a_row(row)] if row else rows)


def _overlays(key: np.ndarray, maps: Mapping[str, np.ndarray],
              height: int) -> Sequence[np.ndarray]:
    return [
        captioned(
            overlaid(key, heat, height),
            f'{MAPS[name]} {heat.min():.2g}-{heat.max():.2g}')
        for name, heat in maps.items()
    ]
