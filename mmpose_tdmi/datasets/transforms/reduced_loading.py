"""Frames decoded no larger than their crop needs.

A JPEG file can be decoded to a half, a quarter or an eighth of its size in
less time than whole. What a crop needs is known when its augmentation is
drawn; so the frames, which no geometric transform needs, are loaded last::

    dict(type='LocateFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform', ...),
    dict(type='LoadTopdownCrops', input_size=(288, 384)),

instead of ``LoadFrameSequence``, the same transforms and ``TopdownAffine``.
Random numbers, crops and labels are the same; pixels are, where the crop needs
the whole file, and else are means over s x s pixels where the stock warp picks
single ones. Transforms of pixels go after ``LoadTopdownCrops``.

T frames of a clip, H x W pixels of the file's image, h x w of the model's
input, s the reduction.
"""
import io
from typing import Tuple

import cv2
import numpy as np
from mmcv.image import imflip
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix
from PIL import ExifTags, Image, UnidentifiedImageError

from .loading import REDUCTIONS, FrameFiles, LoadFrameSequence


@TRANSFORMS.register_module()
class LocateFrameSequence(LoadFrameSequence):
    """What :class:`LoadFrameSequence` gives, but for the frames, which
    :class:`LoadTopdownCrops` is to load.

    Clips come as ``frame_paths`` only, and ``img`` is an empty list. Of the
    key frame's file only the head is looked at, for its size.
    """

    def __init__(self, backend_args=None) -> None:
        super().__init__(backend_args=backend_args)

    def transform(self, results: dict) -> dict:
        key, window = self._describe(results)
        if key != 'frame_paths':
            raise ValueError(
                'LocateFrameSequence is for image files, frame_paths; the '
                f'sample has its frames in {key}: use LoadFrameSequence')
        path = results['frame_paths'][window.key]
        content = self.files.content(path, 'the key frame')
        try:
            with Image.open(io.BytesIO(content)) as image:
                width, height = image.size
                orientation = image.getexif().get(ExifTags.Base.Orientation)
                if orientation in (5, 6, 7, 8):  # sideways
                    width, height = height, width
        except UnidentifiedImageError as error:
            raise ValueError(
                f'frame {path} cannot be decoded: {error}') from error
        return self._complete(results, [], (height, width), window)


@TRANSFORMS.register_module()
class LoadTopdownCrops(TopdownAffine):
    """Load a clip's frames, as large as needed, and cut out the crop.

    A file is decoded to 1 / s of its size with the largest s, of 1, 2, 4 and
    8, that leaves a pixel for each of the input's: s <= (crop's width) / w.

    Keys are those that :class:`LocateFrameSequence` adds and those of
    :class:`mmpose.datasets.transforms.TopdownAffine`; ``flip`` and
    ``flip_direction`` are respected, ``img`` becomes T arrays (h, w, 3), BGR.

    Args:
        input_size: w and h.
        use_udp: As of the stock transform.
        max_reduction: The largest s: 1, which gives the stock pixels, 2, 4, 8.
        cache_frames, backend_args: As of :class:`LoadFrameSequence`.
    """

    def __init__(self,
                 input_size: Tuple[int, int],
                 use_udp: bool = False,
                 max_reduction: int = REDUCTIONS[-1],
                 cache_frames: int = 0,
                 backend_args=None) -> None:
        super().__init__(input_size=input_size, use_udp=use_udp)
        if max_reduction not in REDUCTIONS:
            raise ValueError(f'max_reduction must be one of {REDUCTIONS}, got '
                             f'{max_reduction!r}')
        self.max_reduction = max_reduction
        self.files = FrameFiles(backend_args=backend_args, keep=cache_frames)

    def transform(self, results: dict) -> dict:
        if results.get('img') != []:
            raise ValueError(
                f'{results.get("img_path")}: LoadTopdownCrops loads the '
                'frames itself, but the sample has img: put '
                'LocateFrameSequence first, not LoadFrameSequence')
        # with no frames: labels and the crop's keys
        results = super().transform(results)
        reduction = self.reduction(results['input_scale'])
        # from pixels of the (flipped) frame to pixels of the input, 2x3
        warp = get_udp_warp_matrix if self.use_udp else get_warp_matrix
        matrix = warp(
            results['input_center'],
            results['input_scale'],
            results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.,
            output_size=self.input_size)
        paths = results['frame_paths']
        frames = self.files.read(paths, repr(results.get('img_path')),
                                 reduction)
        results['img'] = []
        height, width = results['img_shape']
        # reduced by as much as asked for, or by less
        sizes = {
            s: (-(-height // s), -(-width // s))
            for s in REDUCTIONS if s <= reduction
        }
        for path, frame in zip(paths, frames):
            found = [s for s in sizes if frame.shape[:2] == sizes[s]]
            if not found:
                raise ValueError(
                    f'frame {path} has {frame.shape[1]}x{frame.shape[0]} '
                    f'pixels, decoded to 1 / {reduction}; the key frame has '
                    f'{width}x{height} in full: all frames of a clip must be '
                    'of one size')
            results['img'].append(
                self._crop(frame, matrix, found[-1], results))
        return results

    def reduction(self, scale: np.ndarray) -> int:
        """s for a crop's width and height, (2, ), pixels."""
        ratio = scale[0] / self.input_size[0]
        return max(s for s in REDUCTIONS
                   if s == 1 or s <= min(ratio, self.max_reduction))

    def _crop(self, frame: np.ndarray, matrix: np.ndarray, reduction: int,
              results: dict) -> np.ndarray:
        if results.get('flip'):
            frame = imflip(frame, direction=results['flip_direction'])
        if reduction > 1:
            # a reduced pixel's centre lies between those of its s pixels
            offset = np.full(2, (reduction - 1) / 2)
            if results.get('flip'):
                # the last one, which stands for fewer, is now the first
                surplus = np.array(frame.shape[1::-1]) * reduction - \
                    results['img_shape'][::-1]
                axes = dict(
                    horizontal=[0], vertical=[1],
                    diagonal=[0, 1])[results['flip_direction']]
                offset[axes] -= surplus[axes]
            matrix = np.column_stack([
                matrix[:, :2] * reduction,
                matrix[:, :2] @ offset + matrix[:, 2]
            ])
        return cv2.warpAffine(
            frame, matrix, tuple(self.input_size), flags=cv2.INTER_LINEAR)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(input_size={self.input_size}, '
                f'use_udp={self.use_udp}, '
                f'max_reduction={self.max_reduction}, '
                f'cache_frames={self.files.keep})')
