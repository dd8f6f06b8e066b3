"""A video of noise in which people keep still.

A crop lasts, so that streaming takes one backbone pass per person-frame, and
what a frame shows makes no difference to what it costs.

Shape shorthand: H x W pixels.
"""
from typing import Iterator, Tuple

import numpy as np

from mmpose_tdmi.video import TrackedBox, TrackedFrame


def still_video(
    num_frames: int, num_persons: int, size: Tuple[int, int] = (1280, 720)
) -> Iterator[TrackedFrame]:
    """The frames, made one by one.

    Args:
        num_frames (int): How many.
        num_persons (int): In each of them.
        size (tuple[int, int]): W and H. Defaults to (1280, 720).

    Yields:
        TrackedFrame: The next frame. A person is H * 3 / 5 high.
    """
    width, height = size
    texture = np.random.default_rng(0).integers(0, 256,
                                                (height, width + 256, 3),
                                                np.uint8)
    wide = height / 4.5
    boxes = []
    for person in range(num_persons):
        left = (width * 0.03 + person * width * 0.077) % (width - wide)
        boxes.append(
            TrackedBox(person,
                       (left, height * 0.14, left + wide, height * 0.74), 1.))
    for i in range(num_frames):
        left = 7 * i % 256
        yield TrackedFrame(i, i / 25,
                           np.ascontiguousarray(texture[:, left:left + width]),
                           boxes)
