"""What is taken for the size of a head where there are no head boxes.

HiEve annotates neither head boxes nor the top of the head, and does not say
what its PCKh is normalised by.

Shape shorthand: N annotated persons of a frame, K joints.
"""
import math
from dataclasses import dataclass
from typing import Any, Optional, Sequence

import numpy as np


@dataclass(frozen=True)
class HiEveHeadSize:
    """What is taken for the size of a head, in pixels of the image.

    Args:
        rule (str): ``'nose_chest'``, the distance of these two joints;
            ``'box_diagonal'`` or ``'box_height'`` of the person's box.
        factor (float): What it is multiplied by, > 0.
        fallback (HiEveHeadSize | dict, optional): The rule for persons without
            nose or chest; needed with ``'nose_chest'``, else not allowed.

    Raises:
        ValueError: If an argument is not one of those.
    """
    rule: str
    factor: float
    fallback: Optional['HiEveHeadSize'] = None

    RULES = ('nose_chest', 'box_diagonal', 'box_height')

    def __post_init__(self) -> None:
        if self.rule not in self.RULES:
            raise ValueError(f'the rule of a head size must be one of '
                             f'{self.RULES}, got {self.rule!r}')
        if not is_positive(self.factor):
            raise ValueError('the factor of a head size must be positive, got '
                             f'{self.factor!r}')
        if isinstance(self.fallback, dict):
            object.__setattr__(self, 'fallback',
                               HiEveHeadSize(**self.fallback))
        if (self.fallback is not None) != (self.rule == 'nose_chest'):
            raise ValueError(
                "head size 'nose_chest' needs a fallback for persons without "
                'nose or chest, other rules have none; got the rule '
                f'{self.rule!r} with the fallback {self.fallback}')
        if self.fallback is not None and self.fallback.rule == 'nose_chest':
            raise ValueError("the fallback of 'nose_chest' must be a rule of "
                             'boxes')

    def __str__(self) -> str:
        otherwise = '' if self.fallback is None else f', else {self.fallback}'
        return f'{self.factor:g} x {self.rule}{otherwise}'

    def __call__(self, keypoints: np.ndarray, present: np.ndarray,
                 boxes: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Head sizes of annotated persons.

        Args:
            keypoints (np.ndarray): Joints, (N, K, 2), pixels.
            present (np.ndarray): Which are annotated, (N, K) bool.
            boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
            names (Sequence[str]): The K joints' names.

        Returns:
            np.ndarray: (N,), pixels.
        """
        sides = boxes[:, 2:] - boxes[:, :2]
        if self.rule == 'box_diagonal':
            return self.factor * np.linalg.norm(sides, axis=1)
        if self.rule == 'box_height':
            return self.factor * sides[:, 1]
        nose, chest = names.index('nose'), names.index('chest')
        distance = np.linalg.norm(
            keypoints[:, nose] - keypoints[:, chest], axis=1)
        both = present[:, nose] & present[:, chest]
        return np.where(both, self.factor * distance,
                        self.fallback(keypoints, present, boxes, names))


def is_positive(value: Any) -> bool:
    """Whether a value is a finite number above 0."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) and value > 0)
