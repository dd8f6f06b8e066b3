"""Between PyAV's frames and arrays of pixels.

Shape shorthand: H x W pixels of an upright frame.
"""
import av
import numpy as np
from av.video.reformatter import Interpolation

#: How colours are converted, both ways. Without the flag they come out up to
#: four levels too dark. Known to PyAV since its flags can be combined; older
#: ones cannot be told.
SCALING = Interpolation.BILINEAR | getattr(Interpolation, 'ACCURATE_RND', 0)


def upright_image(frame: av.VideoFrame) -> np.ndarray:
    """Pixels of a decoded frame, turned as the file asks for.

    Args:
        frame (av.VideoFrame): The frame.

    Returns:
        np.ndarray: (H, W, 3), uint8, BGR.
    """
    image = frame.to_ndarray(format='bgr24', interpolation=SCALING)
    if frame.rotation % 360:
        image = np.ascontiguousarray(
            np.rot90(image, round(frame.rotation / 90)))
    return image
