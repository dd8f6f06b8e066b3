"""Corrupted frames, to test how a model takes them.

Shape shorthand: T frames of a clip, H x W pixels.
"""
from typing import List, Optional

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import FrameWindow


@TRANSFORMS.register_module()
class CorruptFrames(BaseTransform):
    """Corrupt the supporting frames of a clip, or its key frame.

    To be put right after :class:`LoadFrameSequence` of a test pipeline. The
    same sample is always corrupted in the same way.

    Required Keys:

        - img
        - frame_offsets
        - id (for ``'noise'`` and ``'shuffle'``)

    Modified Keys:

        - img

    Args:
        kind (str): ``'drop'``, frames are black; ``'noise'``, Gaussian noise
            is added; ``'blur'``, Gaussian blur. For supporting frames also:
            ``'freeze'``, they show the key frame; ``'duplicate'``, each shows
            what the one next to it away from the key frame shows (the
            outermost stay); ``'shuffle'``, their order is random;
            ``'reverse'``, the clip runs backwards around the key frame.
        frames (str): ``'supporting'`` (all but the key frame) or ``'key'``.
            Defaults to ``'supporting'``.
        severity (float): Noise: standard deviation in grey levels; blur:
            standard deviation in per cent of the image's height. The others
            have none. Defaults to 40 for noise and 2 for blur.
        seed (int): Seed of noise and order. Defaults to 0.

    Raises:
        ValueError: If an argument is not one of those described.
    """

    EITHER = ('drop', 'noise', 'blur')
    SUPPORTING_ONLY = ('freeze', 'duplicate', 'shuffle', 'reverse')
    SEVERITIES = dict(noise=40., blur=2.)

    def __init__(self,
                 kind: str,
                 frames: str = 'supporting',
                 severity: Optional[float] = None,
                 seed: int = 0) -> None:
        if frames not in ('supporting', 'key'):
            raise ValueError("frames must be 'supporting' or 'key', got "
                             f'{frames!r}')
        allowed = self.EITHER + self.SUPPORTING_ONLY * (frames == 'supporting')
        if kind not in allowed:
            raise ValueError(f'kind must be one of {allowed} for {frames} '
                             f'frames, got {kind!r}')
        if severity is not None:
            if kind not in self.SEVERITIES:
                raise ValueError(f'kind {kind!r} has no severity, got '
                                 f'{severity!r}')
            if not 0 < severity < float('inf'):
                raise ValueError(
                    f'severity must be a positive number, got {severity!r}')
        self.kind = kind
        self.frames = frames
        self.severity = severity or self.SEVERITIES.get(kind)
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Corrupt a sample's clip.

        Args:
            results (dict): The sample with its frames, T arrays (H, W, 3).

        Returns:
            dict: The sample.
        """
        window = FrameWindow(tuple(results['frame_offsets']))
        frames = results['img']
        if len(frames) != window.num_frames:
            raise ValueError(
                f'{results.get("img_path")}: {len(frames)} frames but '
                f'frame_offsets {window.offsets}')
        key = window.key
        supporting = [t for t in range(window.num_frames) if t != key]
        chosen = supporting if self.frames == 'supporting' else [key]
        order = self._order(results, supporting, key)
        if order is not None:
            results['img'] = [frames[t].copy() for t in order]
            return results
        results['img'] = [
            self._changed(frame, t, results) if t in chosen else frame
            for t, frame in enumerate(frames)
        ]
        return results

    def _order(self, results: dict, supporting: List[int],
               key: int) -> Optional[List[int]]:
        """Which frame each place shows; None for kinds that move none."""
        order = list(range(len(supporting) + 1))
        last = len(order) - 1
        if self.kind == 'freeze':
            return [key] * len(order)
        if self.kind == 'duplicate':
            return [
                key if t == key else
                max(t - 1, 0) if t < key else min(t + 1, last) for t in order
            ]
        if self.kind == 'reverse':
            mirrored = iter(supporting[::-1])
            return [key if t == key else next(mirrored) for t in order]
        if self.kind == 'shuffle':
            shuffled = iter(self._rng(results, 0).permutation(supporting))
            return [key if t == key else int(next(shuffled)) for t in order]
        return None

    def _changed(self, frame: np.ndarray, place: int,
                 results: dict) -> np.ndarray:
        if self.kind == 'drop':
            return np.zeros_like(frame)
        if self.kind == 'blur':
            sigma = self.severity / 100 * frame.shape[0]
            return cv2.GaussianBlur(frame, (0, 0), sigma)
        noise = self._rng(results, place).normal(0, self.severity, frame.shape)
        changed = np.clip(frame + noise, 0, 255)
        if frame.dtype == np.uint8:
            changed = np.rint(changed)
        return changed.astype(frame.dtype)

    def _rng(self, results: dict, place: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, int(results['id']), place])

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(kind={self.kind!r}, '
                f'frames={self.frames!r}, severity={self.severity}, '
                f'seed={self.seed})')
