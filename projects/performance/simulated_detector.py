"""A person detector with known faults, for measuring trackers.

It knows the annotations and spoils them: boxes tremble, people are missed
now and then for several frames, and those of whom little is seen are missed
anyway, as real detectors do.

Shape shorthand: N persons found in a frame.
"""
from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Sequence

import numpy as np


@dataclass(frozen=True)
class DetectorFaults:
    """How good a simulated detector is.

    Args:
        jitter (float): Standard deviation of the noise of each side of a
            box, as a share of its width or height. Defaults to 0.04.
        miss (float): The probability that a person begins to be missed in a
            frame. Defaults to 0.04.
        burst (float): Mean number of frames for which that lasts. Defaults
            to 4.
        hidden (float): Persons of whom a smaller share is seen are missed
            (``visible_fraction`` of generated clips). Defaults to 0.35.

    Raises:
        ValueError: If an argument is out of its range.
    """
    jitter: float = 0.04
    miss: float = 0.04
    burst: float = 4.
    hidden: float = 0.35

    def __post_init__(self) -> None:
        for name, low, high in (('jitter', 0, 0.2), ('miss', 0, 1),
                                ('burst', 1, np.inf), ('hidden', 0, 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(
                    f'{name} must be in [{low}, {high}], got {value}')


class Detections(NamedTuple):
    """What was found in a frame.

    Attributes:
        boxes (np.ndarray): x1, y1, x2, y2 in pixels, (N, 4).
        scores (np.ndarray): Higher for who is better seen, (N, ).
        persons (list[dict]): The annotations they are of.
    """
    boxes: np.ndarray
    scores: np.ndarray
    persons: List[dict]


class SimulatedDetector:
    """Finds annotated persons, with faults.

    Args:
        faults (DetectorFaults): How good it is.
        seed (int): Of the faults.
    """

    def __init__(self, faults: DetectorFaults, seed: int) -> None:
        self.faults = faults
        self._rng = np.random.default_rng(seed)
        self._missed: Dict[int, bool] = {}

    def __call__(self, persons: Sequence[dict]) -> Detections:
        """Look at the next frame.

        Args:
            persons (Sequence[dict]): Its annotations, with ``track_id``,
                ``bbox`` as x, y, width, height and, if they have it,
                ``visible_fraction``.

        Returns:
            Detections: What is found, by falling score.
        """
        boxes, scores, found = [], [], []
        for person in persons:
            # drawn for everybody, so that faults do not depend on each other
            noise = self._rng.standard_normal(5)
            is_missed = self._miss(person['track_id'])
            seen = person.get('visible_fraction', 1.)
            if is_missed or seen < self.faults.hidden:
                continue
            x, y, width, height = person['bbox']
            size = np.array([width, height, width, height])
            boxes.append([x, y, x + width, y + height] +
                         self.faults.jitter * size * noise[:4])
            scores.append(np.clip(0.4 + 0.5 * seen + 0.05 * noise[4], 0, 1))
            found.append(person)
        order = np.argsort(scores)[::-1]
        return Detections(
            np.reshape(boxes, (-1, 4))[order],
            np.reshape(scores, -1)[order], [found[i] for i in order])

    def _miss(self, track_id: int) -> bool:
        draw = self._rng.random()
        if self._missed.get(track_id, False):
            missed = draw >= 1 / self.faults.burst
        else:
            missed = draw < self.faults.miss
        self._missed[track_id] = missed
        return missed
