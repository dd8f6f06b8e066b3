"""A camera, through OpenCV.

Shape shorthand: H x W pixels of a frame.
"""
import time
from typing import Iterator

import cv2

from mmpose_tdmi.utils.video import VideoReadError
from ..streaming.stages import stage
from .source import DEFAULT_FPS, DecodedFrame, VideoSource


class Webcam(VideoSource):
    """The frames of a camera, until it is closed or gives no more.

    A camera does not wait. :func:`read_ahead` keeps its newest frame only,
    so that a slow model sees fewer frames, but none that is old. Frames are
    numbered as they are given out; time stamps are seconds of the clock.

    Args:
        device (int): The camera's index. Defaults to 0.
        on_corrupt (str): ``'skip'`` or ``'raise'``. Defaults to ``'skip'``.

    Raises:
        VideoReadError: If there is no such camera.
    """

    is_live = True

    def __init__(self, device: int = 0, on_corrupt: str = 'skip') -> None:
        self._camera = cv2.VideoCapture(device)
        if not self._camera.isOpened():
            raise VideoReadError(f'the camera {device} cannot be opened')
        # cameras that do not tell say 0
        fps = self._camera.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS
        super().__init__(f'webcam{device}', f'webcam:{device}', fps,
                         on_corrupt)

    def _frames(self) -> Iterator[DecodedFrame]:
        index, start = 0, time.monotonic()
        while self._camera.isOpened():
            with stage('decode'):
                found, image = self._camera.read()
            if not found:
                return
            yield DecodedFrame(index, time.monotonic() - start, image, index)
            index += 1

    def close(self) -> None:
        """Let the camera go."""
        super().close()
        self._camera.release()
