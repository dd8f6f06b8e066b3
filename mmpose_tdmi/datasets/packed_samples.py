"""Samples kept as one run of bytes, which worker processes share.

The host keeps samples so, too (``serialize_data``), but builds the run from a
list of all samples and joins it from single arrays, for which it needs three
times its memory. Here each sample is packed as it comes.

Shape shorthand: N samples.
"""
import pickle
from array import array
from typing import Any, Iterable, Sequence, Tuple, Union

import numpy as np


class PackedSamples(Sequence):
    """A sequence of samples that grows at its end.

    Every access gives a new copy of the sample.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._bytes = bytearray()
        self._ends = array('q')

    def append(self, sample: dict) -> None:
        """Add a sample at the end."""
        self._bytes += pickle.dumps(sample, protocol=4)
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        start = self._ends[place - 1] if place else 0
        with memoryview(self._bytes) as run:
            return pickle.loads(run[start:self._ends[place]])

    @classmethod
    def of(cls, samples: Iterable[dict]) -> 'PackedSamples':
        """Pack samples, unless they are already packed.

        Args:
            samples (Iterable[dict]): The samples.

        Returns:
            PackedSamples: The same, which may be ``samples`` itself.
        """
        if isinstance(samples, cls):
            return samples
        packed = cls()
        for sample in samples:
            packed.append(sample)
        return packed

    def release(self) -> Tuple[np.ndarray, np.ndarray]:
        """Give away the run, and be empty.

        Returns:
            tuple[np.ndarray, np.ndarray]: The bytes, uint8, and where each
            sample ends, (N, ) int64, as the host's ``data_bytes`` and
            ``data_address``.
        """
        packed = np.frombuffer(self._bytes, dtype=np.uint8)
        ends = np.array(self._ends, dtype=np.int64)
        self._clear()
        return packed, ends
