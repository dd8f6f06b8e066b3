"""Packing and shared random changes of clips.

T frames of a clip, H x W pixels of the model's input.
"""
import random
from copy import deepcopy
from typing import Callable, List, Optional, Sequence, Union

import numpy as np
import torch
from mmcv.transforms import Compose, TransformBroadcaster
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import CLIP_META_KEYS


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
