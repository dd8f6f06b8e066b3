"""How a model's config makes samples: window, padding, crop, pipeline.

Everything is that of the config's test dataset, so that a video gives what
the same frames and boxes give in a test. A shared crop goes through the same
pipeline as any box: it is put in as the box that asks for it.

Shape shorthand: T frames of a clip, H x W pixels of a frame or crop.

The last frames of a video, and which of them make up a window.

The streaming counterpart of the datasets' :class:`VideoFrames`: a window's
offsets count frame numbers in steps of the video's frame step, and what
stands in for a number that does not exist is said by the same padding
policies. Only the video's own frames count: where a track starts, ends or
pauses, the window has the frames that are there, as in the datasets.

Kept are the frames that a window of the frames to come can name: those in its
span and, for holes, the last one before.

Shape shorthand: T frames of a clip.
"""
import inspect
from collections import deque
from typing import Deque, Iterator, List, Optional, Sequence, Tuple, Type

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from mmpose_tdmi.datasets.frames import PaddingPolicy, padding_policy
from mmpose_tdmi.datasets.sequence_dataset import BaseSequenceDataset
from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.stages import stage
from ..structures import Crop, TrackedBox, TrackedFrame


class ClipSettings:
    """Window, padding and pipeline of a config's test dataset.

    Args:
        config (Config): A config of this package.
        dataset_meta (dict): The model's, which samples carry.

    Attributes:
        input_size (tuple[int, int]): Width and height of a crop's pixels.
        use_udp (bool): Whether crops are cut out by UDP.

    Raises:
        ValueError: If the test dataset names no window, or its pipeline does
            not cut out one crop per box.
    """

    def __init__(self, config: Config, dataset_meta: dict) -> None:
        dataset = config.get('test_dataloader', {}).get('dataset', {})
        if 'delta' not in dataset and 'offsets' not in dataset:
            raise ValueError(
                f'{config.filename}: test_dataloader.dataset has neither '
                'delta nor offsets; expected one of the sequence datasets of '
                f'mmpose_tdmi, got type {dataset.get("type")!r}')
        self.window = FrameWindow.from_config(
            dataset.get('delta'), dataset.get('offsets'))
        default = inspect.signature(BaseSequenceDataset).parameters['padding']
        self.padding: str = dataset.get('padding', default.default)
        self.policy = padding_policy(self.padding)
        self.scope: str = config.get('default_scope', 'mmpose')
        self._dataset_meta = dataset_meta
        with DefaultScope.overwrite_default_scope(self.scope):
            self._pipeline = Compose(dataset.pipeline)
        self._padding_factor = self._only(GetBBoxCenterScale).padding
        affine = self._only(TopdownAffine)
        self.input_size: Tuple[int, int] = tuple(affine.input_size)
        self.use_udp: bool = affine.use_udp
        width, height = self.input_size
        self._ratio = width / height

    def _only(self, kind: Type[BaseTransform]) -> BaseTransform:
        found = [t for t in self._pipeline.transforms if isinstance(t, kind)]
        if len(found) != 1:
            raise ValueError(
                'test_dataloader.dataset.pipeline must have one '
                f'{kind.__name__}, by which crops are cut out, got '
                f'{[type(t).__name__ for t in self._pipeline.transforms]}')
        return found[0]

    def crop(self, bbox: Sequence[float]) -> Crop:
        """The crop that the pipeline cuts out for a box.

        Args:
            bbox (Sequence[float]): x1, y1, x2, y2 in pixels.

        Returns:
            Crop: The box, enlarged, in the input's ratio of sides.

        Raises:
            ValueError: If the box has no area or is not finite.
        """
        x1, y1, x2, y2 = map(float, bbox)
        if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2):
            raise ValueError('a person\'s bbox must be x1 < x2 and y1 < y2 in '
                             f'pixels, got {tuple(bbox)}')
        width = (x2 - x1) * self._padding_factor
        height = (y2 - y1) * self._padding_factor
        return Crop(((x1 + x2) / 2, (y1 + y2) / 2), (max(
            width, height * self._ratio), max(height, width / self._ratio)))

    def bbox(self, crop: Crop) -> np.ndarray:
        """The box that asks for a crop, x1, y1, x2, y2, (4, ) float32."""
        half = np.array(crop.scale) / (2 * self._padding_factor)
        center = np.array(crop.center)
        return np.concatenate([center - half, center + half]).astype('float32')

    def pack(self,
             images: Sequence[np.ndarray],
             numbers: Sequence[int],
             box: TrackedBox,
             crop: Optional[Crop] = None) -> dict:
        """A sample of one person, through the config's pipeline.

        Args:
            images (Sequence[np.ndarray]): The window's frames, (H, W, 3), or
                a single frame.
            numbers (Sequence[int]): Their numbers.
            box (TrackedBox): The person's box in the key frame.
            crop (Crop, optional): What is cut out. Defaults to ``None``,
                what the box asks for.

        Returns:
            dict: ``inputs``, (T, 3, h, w) uint8, and ``data_samples``.
        """
        window = self.window if len(images) > 1 else FrameWindow((0, ))
        bbox = np.array(box.bbox,
                        np.float32) if crop is None else self.bbox(crop)
        number = int(numbers[window.key])
        sample = {
            **self._dataset_meta, 'frames': list(images),
            'frame_paths': [f'frame {n}' for n in numbers],
            'frame_indices': [int(n) for n in numbers],
            'frame_offsets': window.offsets,
            'frame_padded': [False] * len(images),
            'key_frame': window.key,
            'img_path': f'frame {number}',
            'img_id': number,
            'id': box.track_id,
            'bbox': bbox[None],
            'bbox_score': np.array([box.score], np.float32)
        }
        with stage('crop'):
            return self._pipeline(sample)


class FrameBuffer:
    """Frames by number, ascending.

    Args:
        window (FrameWindow): The T offsets.
        policy (Callable): What replaces a frame that does not exist.
        frame_step (int): Difference of the numbers of frames that follow
            each other. Defaults to 1.
        causal (bool): Whether every frame is taken for the video's last.
            Defaults to ``False``.
    """

    def __init__(self,
                 window: FrameWindow,
                 policy: PaddingPolicy,
                 frame_step: int = 1,
                 causal: bool = False) -> None:
        self._window = window
        self._policy = policy
        self._step = frame_step
        self._causal = causal
        self._past = -window.offsets[0]
        self._future = 0 if causal else window.offsets[-1]
        self._frames: Deque[TrackedFrame] = deque()

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[TrackedFrame]:
        return iter(self._frames)

    @property
    def first(self) -> int:
        """int: The number of the oldest frame that is kept."""
        return number_of(self._frames[0])

    @property
    def last(self) -> int:
        """int: The number of the newest frame."""
        return number_of(self._frames[-1])

    def append(self, frame: TrackedFrame) -> None:
        """Add the next frame.

        Raises:
            ValueError: If its number is not above the last one's.
        """
        if self._frames and number_of(frame) <= self.last:
            raise ValueError('frames must come in ascending order, but '
                             f'{number_of(frame)} follows {self.last}')
        self._frames.append(frame)

    def __getitem__(self, number: int) -> TrackedFrame:
        """The frame of a number.

        Raises:
            KeyError: If it is not kept.
        """
        for frame in self._frames:
            if number_of(frame) == number:
                return frame
        raise KeyError(f'frame {number} is not among those kept')

    def is_complete(self, key: int) -> bool:
        """Whether all frames that a key frame's window can name are there."""
        return self.last >= key + self._future * self._step

    def clip(self, key: int) -> List[int]:
        """The numbers of a window's frames.

        Args:
            key (int): The key frame's number.

        Returns:
            list[int]: T numbers of frames that are kept. The video ends with
            the newest frame, or, if causal, with the key frame.
        """
        last = key if self._causal else self.last
        numbers = np.array([
            number for number in map(number_of, self._frames) if number <= last
        ])
        targets = [key + o * self._step for o in self._window.offsets]
        exists = np.isin(targets, numbers)
        return [
            target if found else self._policy(numbers, key, target)
            for target, found in zip(targets, exists)
        ]

    def share_frames(self, earlier: int, later: int) -> bool:
        """Whether the windows of two key frames overlap."""
        return later - earlier <= (self._past + self._future) * self._step

    def drop_before(self, key: int) -> None:
        """Forget what no window of ``key`` or a later frame can name."""
        bound = key - self._past * self._step
        while len(self._frames) > 1 and number_of(self._frames[1]) <= bound:
            self._frames.popleft()


def number_of(frame: TrackedFrame) -> int:
    """A frame's number in the video's own numbering."""
    return frame.index if frame.number is None else frame.number
