"""One draw of random parameters for all frames of a clip.

A random change that differs between frames is fake motion, the very signal
that the method measures. MMPose's geometric transforms treat a list of frames
as one image already; its photometric ones know single images only. This
wrapper is what makes those work on clips.

Shape shorthand: T frames of a clip.
"""
import random
from copy import deepcopy
from typing import Callable, List, Optional, Tuple, Union

import numpy as np
import torch
from mmcv.transforms import Compose, TransformBroadcaster
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ShareRandomParams(TransformBroadcaster):
    """Apply transforms of single images to each frame, drawing once.

    mmcv's ``TransformBroadcaster(share_random_params=True)`` does this for
    transforms that draw through ``cache_randomness``
    (``PhotometricDistortion``, ``YOLOXHSVRandomAug``) and raises on others
    (``Albumentation``). This subclass shares the draws of any transform:
    each frame is treated by a copy of the transforms, private generators
    included, from the same state of the global generators of numpy, Python
    and torch. Afterwards generators and transforms stand where one frame's
    treatment has left them.

    Required Keys:

        - img (list[np.ndarray], T)

    Modified Keys:

        - img

    Args:
        transforms (list[dict | Callable]): The transforms, by config or
            built. They may change ``img`` and nothing else.

    Raises:
        ValueError: If ``img`` is not a non-empty list of frames, or a
            transform drops a frame by giving None.
    """

    def __init__(self, transforms: List[Union[dict, Callable]]) -> None:
        # built here, so that MMPose's transforms are found in any scope
        built = [
            TRANSFORMS.build(transform)
            if isinstance(transform, dict) else transform
            for transform in transforms
        ]
        super().__init__(built, mapping=dict(img='img'), auto_remap=True)

    def transform(self, results: dict) -> dict:
        """Apply the transforms to every frame.

        Args:
            results (dict): The sample, with a list of frames in ``img``.

        Returns:
            dict: The sample with the frames changed.
        """
        frames = results.get('img')
        if not isinstance(frames, (list, tuple)) or not frames:
            raise ValueError('ShareRandomParams needs the list of a clip\'s '
                             f'frames in img, got {type(frames).__name__}')
        start = _global_generators()
        changed = []
        for place, frame in enumerate(frames):
            _set_global_generators(start)
            transforms: Compose = deepcopy(self.transforms)
            # some transforms write in place and need plain memory, which
            # e.g. a flipped or a cached frame is not
            frame = np.require(frame, requirements=('C', 'W'))
            output: Optional[dict] = transforms({**results, 'img': frame})
            if output is None:
                raise ValueError(
                    f'a transform under ShareRandomParams gave None for '
                    f'frame {place} of {results.get("img_path")!r}')
            changed.append(output['img'])
        self.transforms = transforms
        results['img'] = changed
        return results


def _global_generators() -> Tuple:
    return np.random.get_state(), random.getstate(), torch.get_rng_state()


def _set_global_generators(states: Tuple) -> None:
    np.random.set_state(states[0])
    random.setstate(states[1])
    torch.set_rng_state(states[2])
