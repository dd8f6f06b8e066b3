"""Where a person's box is expected next.

A Kalman filter (OpenCV's) of the box's centre, which moves at constant
velocity, and of its width and height, which stay as they are: sizes that are
extrapolated over several frames run away. Uncertainties are proportional to
the box's height, with the factors of DeepSORT (Wojke et al., ICIP 2017): a
twentieth of it for positions, a 160th per frame for velocities.

Shape shorthand: none.
"""
from typing import Tuple

import cv2
import numpy as np

POSITION_NOISE = 1 / 20
VELOCITY_NOISE = 1 / 160
#: A new track's velocity is unknown to within this many times its noise.
UNKNOWN_VELOCITY = 10
_TRANSITION = np.eye(6)
_TRANSITION[0, 4] = _TRANSITION[1, 5] = 1


class BoxMotion:
    """A box that moves.

    Args:
        bbox (np.ndarray): x1, y1, x2, y2 in pixels, where it was first seen.
    """

    def __init__(self, bbox: np.ndarray) -> None:
        self._filter = cv2.KalmanFilter(6, 4, 0, cv2.CV_64F)
        self._filter.transitionMatrix = _TRANSITION.copy()
        self._filter.measurementMatrix = np.eye(4, 6)
        state = _to_state(bbox)
        self._filter.statePost = np.concatenate([state, np.zeros((2, 1))])
        self._filter.errorCovPost = np.diag(
            self._noise(2 * POSITION_NOISE, UNKNOWN_VELOCITY * VELOCITY_NOISE))

    @property
    def bbox(self) -> np.ndarray:
        """np.ndarray: x1, y1, x2, y2 in pixels at the current frame, (4, ),
        at least one pixel wide and high."""
        x, y, width, height = self._filter.statePost[:4, 0]
        half = np.maximum([width, height], 1) / 2
        return np.concatenate([[x, y] - half, [x, y] + half])

    @property
    def velocity(self) -> Tuple[float, float]:
        """tuple[float, float]: The centre's, in pixels per frame."""
        return tuple(self._filter.statePost[4:, 0].tolist())

    def predict(self, num_frames: int = 1) -> None:
        """Let time pass.

        Args:
            num_frames (int): How many frames. Defaults to 1.
        """
        for _ in range(num_frames):
            self._filter.processNoiseCov = np.diag(
                self._noise(POSITION_NOISE, VELOCITY_NOISE))
            # OpenCV takes the prediction for the state until it is corrected
            self._filter.predict()

    def correct(self, bbox: np.ndarray) -> None:
        """Take in where the box was seen.

        Args:
            bbox (np.ndarray): x1, y1, x2, y2 in pixels of the current frame.
        """
        self._filter.measurementNoiseCov = np.diag(
            self._noise(POSITION_NOISE, VELOCITY_NOISE)[:4])
        self._filter.correct(_to_state(bbox))

    def _noise(self, position: float, velocity: float) -> np.ndarray:
        """Variances of the six numbers."""
        height = max(float(self._filter.statePost[3, 0]), 1.)
        return (height * np.array([position] * 4 + [velocity] * 2))**2


def _to_state(bbox: np.ndarray) -> np.ndarray:
    """Centre, width and height as a column."""
    low, high = np.asarray(bbox[:2]), np.asarray(bbox[2:])
    return np.concatenate([(low + high) / 2, high - low])[:, None]
