"""Features of crops, kept for as long as a window can name them.

An entry is a frame as seen through the crop of one run. Entries leave when
their frame is older than any frame to come needs, or no window to come needs
their run, so that the cache holds, per person, the window's span and the
frames of a batch.

Shape shorthand: none.
"""
from typing import Collection, Dict, Iterable, List, Tuple

from .window_model import FrameFeatures

#: (id of the run, number of the frame).
Key = Tuple[int, int]


class FeatureCache:
    """Features by run and frame."""

    def __init__(self) -> None:
        self._features: Dict[int, Dict[int, FrameFeatures]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._features.values()))

    def __contains__(self, key: Key) -> bool:
        run, number = key
        return number in self._features.get(run, ())

    def __getitem__(self, key: Key) -> FrameFeatures:
        run, number = key
        return self._features[run][number]

    def __setitem__(self, key: Key, features: FrameFeatures) -> None:
        run, number = key
        self._features.setdefault(run, {})[number] = features

    def missing(self, keys: Iterable[Key]) -> List[Key]:
        """Those that are not there, each once, in the order given."""
        return [key for key in dict.fromkeys(keys) if key not in self]

    def evict(self, oldest: int, runs: Collection[int]) -> None:
        """Forget old frames and runs that are over.

        Args:
            oldest (int): The number of the oldest frame still needed.
            runs (Collection[int]): The runs still needed.
        """
        for run in list(self._features):
            if run not in runs:
                del self._features[run]
                continue
            kept = self._features[run]
            for number in [n for n in kept if n < oldest]:
                del kept[number]
            if not kept:
                del self._features[run]
