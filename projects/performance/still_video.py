"""A video of noise in which people keep still or move evenly.

What a frame shows makes no difference to what it costs; how people move does,
since crops are renewed.

Shape shorthand: H x W pixels.
"""
from typing import Iterator, Tuple

import numpy as np

from mmpose_tdmi.video import TrackedBox, TrackedFrame


def still_video(num_frames: int,
                num_persons: int,
                size: Tuple[int, int] = (1280, 720),
                speed: float = 0.) -> Iterator[TrackedFrame]:
    """The frames, made one by one.

    Args:
        num_frames (int): How many.
        num_persons (int): In each of them.
        size (tuple[int, int]): W and H. Defaults to (1280, 720).
        speed (float): By how much of their width people move to the right in
            a frame. Defaults to 0.

    Yields:
        TrackedFrame: The next frame. A person is H * 3 / 5 high.
    """
    width, height = size
    texture = np.random.default_rng(0).integers(0, 256,
                                                (height, width + 256, 3),
                                                np.uint8)
    wide = height / 4.5
    for i in range(num_frames):
        boxes = []
        for person in range(num_persons):
            left = (width * 0.03 + person * width * 0.077) % (width - wide)
            left += i * speed * wide
            boxes.append(
                TrackedBox(person,
                           (left, height * 0.14, left + wide, height * 0.74),
                           1.))
        left = 7 * i % 256
        yield TrackedFrame(i, i / 25,
                           np.ascontiguousarray(texture[:, left:left + width]),
                           boxes)
