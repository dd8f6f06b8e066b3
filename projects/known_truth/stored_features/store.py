"""A folder with the backbone's maps of clips, computed once.

What a frozen backbone gives for a crop does not change while neck and head
are trained. Stored, the window's part trains several times faster, and any
number of trainings can use the same store.

``features.npy`` holds the maps of all stages, concatenated along the channels,
in half precision; a store for training also has each sample's
``heatmaps.npy`` and ``weights.npy``. ``store.json``, written last, says what
they are of. Files are memory-mapped.

Shape shorthand: N samples, S passes (differently augmented), T frames, C
channels of all stages together, K keypoints, H x W cells.
"""
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.files import write_json

_RECORD = 'store.json'
_FEATURES, _HEATMAPS, _WEIGHTS = 'features', 'heatmaps', 'weights'


class FeatureStore:
    """A finished store, opened for reading.

    Args:
        folder (str | Path): The store.

    Attributes:
        window (FrameWindow): The T frames that are stored.
        channels (tuple[int, ...]): Channels of each stage, C in all.
        num_samples (int): N.
        num_passes (int): S.
        features (np.ndarray): (S * N, T, C, H, W), float16.
        heatmaps (np.ndarray | None): (S * N, K, H, W), float16.
        weights (np.ndarray | None): (S * N, K), float32.
        about (dict): What the writer said the store is of.

    Raises:
        FileNotFoundError: If there is no finished store.
        ValueError: If the files do not belong together.
    """

    def __init__(self, folder) -> None:
        self.folder = Path(folder)
        path = self.folder / _RECORD
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} is missing: {self.folder} is no finished store of '
                'features')
        record = json.loads(path.read_text(encoding='utf-8'))
        self.window = FrameWindow(tuple(record['offsets']))
        self.channels: Tuple[int, ...] = tuple(record['channels'])
        self.num_samples: int = record['num_samples']
        self.num_passes: int = record['num_passes']
        self.about: dict = record['about']
        self.features = self._open(_FEATURES)
        expected = (self.num_samples * self.num_passes, self.window.num_frames,
                    sum(self.channels))
        if self.features.shape[:3] != expected:
            raise ValueError(
                f'{self.folder / _FEATURES}.npy is (S * N, T, C, ...) = '
                f'{self.features.shape[:3]}, {path} says {expected}')
        with_targets = (self.folder / f'{_HEATMAPS}.npy').is_file()
        self.heatmaps = self._open(_HEATMAPS) if with_targets else None
        self.weights = self._open(_WEIGHTS) if with_targets else None

    def __len__(self) -> int:
        """int: S * N, stored clips."""
        return len(self.features)

    def places(self, window: FrameWindow) -> Sequence[int]:
        """Where the frames of another window are among the stored ones.

        Args:
            window (FrameWindow): Frames that are asked for.

        Returns:
            Sequence[int]: A place for each, 0 <= place < T.

        Raises:
            ValueError: If a frame is not stored.
        """
        missing = set(window.offsets) - set(self.window.offsets)
        if missing:
            raise ValueError(
                f'{self.folder}: the frames at {sorted(missing)} are not '
                f'stored; stored are {self.window.offsets}')
        return [self.window.offsets.index(o) for o in window.offsets]

    def _open(self, name: str) -> np.ndarray:
        return np.load(
            self.folder / f'{name}.npy', mmap_mode='r', allow_pickle=False)


class FeatureStoreWriter:
    """Writes a store; the folder appears when it is complete.

    Args:
        folder (str | Path): The store; must not exist.
        window (FrameWindow): The T frames.
        channels (Sequence[int]): Channels of each stage.
        num_samples (int): N.
        num_passes (int): S. Defaults to 1.
        about (Mapping, optional): What the store is of, for
            ``FeatureStore.about``.

    Raises:
        FileExistsError: If the folder exists.
    """

    def __init__(self,
                 folder,
                 window: FrameWindow,
                 channels: Sequence[int],
                 num_samples: int,
                 num_passes: int = 1,
                 about: Optional[Mapping] = None) -> None:
        self.folder = Path(folder)
        if self.folder.exists():
            raise FileExistsError(f'{self.folder} exists: remove it, or '
                                  'choose another folder')
        self.record: Dict[str, Any] = dict(
            offsets=window.offsets,
            channels=tuple(channels),
            num_samples=num_samples,
            num_passes=num_passes,
            about=dict(about or {}))
        self._shape = (num_passes * num_samples, )
        self._arrays: Dict[str, np.memmap] = {}
        self._temporary: Optional[Path] = None

    def __enter__(self) -> 'FeatureStoreWriter':
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = Path(
            tempfile.mkdtemp(
                prefix=f'.{self.folder.name}.', dir=self.folder.parent))
        return self

    def write(self,
              place: int,
              features: np.ndarray,
              heatmaps: Optional[np.ndarray] = None,
              weights: Optional[np.ndarray] = None) -> None:
        """Write a clip.

        Args:
            place (int): ``pass * N + sample``.
            features (np.ndarray): (T, C, H, W).
            heatmaps (np.ndarray, optional): (K, H, W).
            weights (np.ndarray, optional): (K, ), keypoint weights.
        """
        for name, dtype, values in ((_FEATURES, np.float16, features),
                                    (_HEATMAPS, np.float16, heatmaps),
                                    (_WEIGHTS, np.float32, weights)):
            if values is None:
                continue
            if name not in self._arrays:
                self._arrays[name] = np.lib.format.open_memmap(
                    self._temporary / f'{name}.npy',
                    mode='w+',
                    dtype=dtype,
                    shape=(*self._shape, *values.shape))
            self._arrays[name][place] = values

    def __exit__(self, kind, error, trace) -> None:
        for array in self._arrays.values():
            array.flush()
        self._arrays.clear()
        if kind is None:
            write_json(self._temporary / _RECORD, self.record, indent=1)
            os.replace(self._temporary, self.folder)
        else:
            shutil.rmtree(self._temporary, ignore_errors=True)
