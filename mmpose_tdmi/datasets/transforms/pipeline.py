"""Packing, shared random changes and corruption of clips.

T frames of a clip, H x W pixels of the model's input.
"""
import random
from copy import deepcopy
from typing import Callable, List, Optional, Sequence, Union

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose, TransformBroadcaster
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import CLIP_META_KEYS, FrameWindow


@TRANSFORMS.register_module()
class PackPoseSequenceInputs(PackPoseInputs):
    """Pack a clip for the model: the frames in ``img`` as ``inputs``,
    (T, 3, H, W).

    Args:
        meta_keys: The keys to keep as metainfo; by default the host's, the
            clip's (:data:`~mmpose_tdmi.structures.CLIP_META_KEYS`) and the
            person's ``track_id``, if any.
        pack_transformed: As in
            :class:`mmpose.datasets.transforms.PackPoseInputs`.
    """

    def __init__(self,
                 meta_keys: Optional[Sequence[str]] = None,
                 pack_transformed: bool = False) -> None:
        super().__init__(pack_transformed=pack_transformed)
        # the host's own default keys are what its __init__ has just set
        if meta_keys is None:
            meta_keys = (*self.meta_keys, *CLIP_META_KEYS, 'track_id')
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        name = repr(results.get('img_path'))
        offsets, frames = results.get('frame_offsets'), results.get('img')
        if offsets is None:
            raise ValueError('expected a clip with frame_offsets, as '
                             f'LoadFrameSequence gives it, for {name}')
        is_clip = isinstance(frames, (list, tuple))
        if not is_clip or len(frames) != len(offsets):
            found = (f'{len(frames)} frames'
                     if is_clip else type(frames).__name__)
            raise ValueError(
                f'expected img to be a clip of T = {len(offsets)} frames '
                f'(frame_offsets {tuple(offsets)}), got {found} for {name}')
        return super().transform(results)


@TRANSFORMS.register_module()
class ShareRandomParams(TransformBroadcaster):
    """Apply transforms of single images to each frame, drawing once.

    A random change that differs between frames is fake motion, the very
    signal that the method measures. MMPose's geometric transforms treat a
    list of frames as one image already; its photometric ones know single
    images only. mmcv's ``TransformBroadcaster(share_random_params=True)``
    raises on those that do not draw through ``cache_randomness``
    (``Albumentation``). Here each frame is treated by a copy of the
    transforms, private generators included, from the same state of the global
    generators of numpy, Python and torch; afterwards all stand where one
    frame's treatment has left them.

    Args:
        transforms: By config or built. They may change ``img``, T arrays, and
            nothing else.
    """

    def __init__(self, transforms: List[Union[dict, Callable]]) -> None:
        # built here, so that MMPose's transforms are found in any scope
        built = [
            TRANSFORMS.build(t) if isinstance(t, dict) else t
            for t in transforms
        ]
        super().__init__(built, mapping=dict(img='img'), auto_remap=True)

    def transform(self, results: dict) -> dict:
        frames = results.get('img')
        if not isinstance(frames, (list, tuple)) or not frames:
            raise ValueError('ShareRandomParams needs the list of a clip\'s '
                             f'frames in img, got {type(frames).__name__}')
        numpy_state, python_state = np.random.get_state(), random.getstate()
        torch_state = torch.get_rng_state()
        changed = []
        for place, frame in enumerate(frames):
            np.random.set_state(numpy_state)
            random.setstate(python_state)
            torch.set_rng_state(torch_state)
            transforms: Compose = deepcopy(self.transforms)
            # some transforms write in place and need plain memory, which
            # e.g. a flipped or a cached frame is not
            frame = np.require(frame, requirements=('C', 'W'))
            output = transforms({**results, 'img': frame})
            if output is None:
                raise ValueError(
                    f'a transform under ShareRandomParams gave None for '
                    f'frame {place} of {results.get("img_path")!r}')
            changed.append(output['img'])
        self.transforms = transforms
        results['img'] = changed
        return results


@TRANSFORMS.register_module()
class CorruptFrames(BaseTransform):
    """Corrupt the supporting frames of a clip, or its key frame.

    To be put right after :class:`LoadFrameSequence` of a test pipeline. The
    same sample is always corrupted in the same way.

    Required Keys:

        - img (modified), frame_offsets, id (``'noise'`` and ``'shuffle'``)

    Args:
        kind: ``'drop'``, frames are black; ``'noise'``, Gaussian noise is
            added; ``'blur'``, Gaussian blur. For supporting frames also:
            ``'freeze'``, they show the key frame; ``'duplicate'``, each shows
            what the one next to it away from the key frame shows (the
            outermost stay); ``'shuffle'``, their order is random;
            ``'reverse'``, the clip runs backwards around the key frame.
        frames: ``'supporting'`` (all but the key frame) or ``'key'``.
        severity: Noise: standard deviation in grey levels, by default 40;
            blur: standard deviation in per cent of the image's height, by
            default 2. The others have none.
        seed: Seed of noise and order.
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
        frames = results['img']
        key = FrameWindow(tuple(results['frame_offsets'])).key
        if self.kind in self.EITHER:
            results['img'] = [
                self._changed(frame, t, results) if
                (t == key) == (self.frames == 'key') else frame
                for t, frame in enumerate(frames)
            ]
        else:
            order = self._order(results, key)
            results['img'] = [frames[t].copy() for t in order]
        return results

    def _order(self, results: dict, key: int) -> List[int]:
        """Which frame each place shows."""
        last = len(results['img']) - 1
        supporting = [t for t in range(last + 1) if t != key]
        if self.kind == 'freeze':
            shown = [key] * last
        elif self.kind == 'duplicate':
            towards = np.where(np.array(supporting) < key, -1, 1)
            shown = np.clip(supporting + towards, 0, last).tolist()
        elif self.kind == 'reverse':
            shown = supporting[::-1]
        else:
            shown = self._rng(results, 0).permutation(supporting).tolist()
        return [*shown[:key], key, *shown[key:]]

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
