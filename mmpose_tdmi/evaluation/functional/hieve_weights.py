"""How much a frame of HiEve counts in the weighted AP.

Shape shorthand: N annotated persons of a frame, K joints.
"""
import math
from dataclasses import dataclass
from typing import Iterable, Tuple

import numpy as np

from .crowd_index import crowd_index
from .hieve_head_size import is_positive


@dataclass(frozen=True)
class HiEveFrameWeights:
    """The weight of a frame, w = c1 exp(CI) + c2 N.

    Args:
        c1 (float): Of the crowd index, >= 0.
        c2 (float): Of the number of categories of anomalous actions, >= 0.
        anomalous_actions (Sequence[str]): The names of these categories.
            Empty only if ``c2`` is 0.

    Raises:
        ValueError: If an argument is not one of those.
    """
    c1: float
    c2: float
    anomalous_actions: Tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ('c1', 'c2'):
            value = getattr(self, name)
            if value != 0 and not is_positive(value):
                raise ValueError(f'{name} must be a number >= 0, got '
                                 f'{value!r}')
        if self.c1 == self.c2 == 0:
            raise ValueError('c1 and c2 are both 0: no frame would count')
        if isinstance(self.anomalous_actions, str):
            raise ValueError('anomalous_actions must be a sequence of names, '
                             f'got {self.anomalous_actions!r}')
        actions = tuple(self.anomalous_actions)
        if bool(actions) != (self.c2 != 0):
            raise ValueError(
                'anomalous_actions names the categories that c2 counts, give '
                f'both or neither; got c2 = {self.c2:g} and {actions}')
        object.__setattr__(self, 'anomalous_actions', actions)

    def __str__(self) -> str:
        text = f'{self.c1:g} exp(CI)'
        if self.c2:
            text += f' + {self.c2:g} N of {", ".join(self.anomalous_actions)}'
        return text

    def __call__(self, keypoints: np.ndarray, present: np.ndarray,
                 boxes: np.ndarray, actions: Iterable[str]) -> float:
        """The weight of a frame.

        Args:
            keypoints (np.ndarray): Annotated joints, (N, K, 2).
            present (np.ndarray): Which are annotated, (N, K) bool.
            boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
            actions (Iterable[str]): What the persons do.

        Returns:
            float: >= 0.
        """
        anomalous = len(set(actions) & set(self.anomalous_actions))
        index = crowd_index(keypoints, present, boxes)
        return self.c1 * math.exp(index) + self.c2 * anomalous
