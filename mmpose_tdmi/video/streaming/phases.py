"""The number format in which a model predicts.

Half precision is autocast, as in the host's training with ``--amp``: weights
stay as they are, convolutions and matrix products are done in 16 bits, and
what needs more (sampling, deformable convolution, decoding) in 32. Frames are
laid out channels last where convolutions are fastest so: on CPUs, and in half
precision on any device.

A model in two phases: frames to the backbone, windows to the rest.

The host's estimator sends every frame of every clip through its backbone.
Here the first phase takes single crops, from any persons and frames, and the
second windows of what the first gave, so that a frame that many windows share
is done once. Nothing of the model is changed or replaced: preprocessor,
backbone, neck, head, flip test and decoding are the model's own, called in
the host's order.

What is kept between the phases are the backbone's maps, or, where the neck
treats frames one by one before it compares them (it then has
``encode_frames`` and ``encode_windows``, whose composition is ``forward``),
what that gives.

Shape shorthand: N crops, B windows, T frames of a window, C channels, K
keypoints, h x w cells.

Features of crops, kept for as long as a window can name them.

An entry is a frame as seen through the crop of one run. Entries leave when
their frame is older than any frame to come needs, or no window to come needs
their run, so that the cache holds, per person, the window's span and the
frames of a batch.
"""
import copy
from contextlib import nullcontext
from typing import (Any, Collection, ContextManager, Dict, Iterable, List,
                    NamedTuple, Optional, Sequence, Tuple)

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from mmpose_tdmi.models.data_preprocessors import SequencePoseDataPreprocessor
from mmpose_tdmi.utils.stages import stage

#: bfloat16 pays on processors with AMX or AVX512-BF16 and on GPUs since
#: Ampere, float16 on GPUs; elsewhere both are slower than float32.
PRECISIONS = ('float32', 'bfloat16', 'float16')


class Precision:
    """A number format for predictions.

    Args:
        name (str): Of :data:`PRECISIONS`.

    Raises:
        ValueError: If the name is not one of these.
    """

    def __init__(self, name: str = 'float32') -> None:
        if name not in PRECISIONS:
            raise ValueError(
                f'precision must be one of {PRECISIONS}, got {name!r}')
        self.name = name

    @property
    def is_full(self) -> bool:
        """bool: Whether it is single precision."""
        return self.name == 'float32'

    def autocast(self, device: torch.device) -> ContextManager:
        """What the model is called within.

        Args:
            device (torch.device): Where the model is.
        """
        if self.is_full:
            return nullcontext()
        return torch.autocast(device.type, getattr(torch, self.name))

    def arrange(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in the memory format that is fastest."""
        if self.is_full and frames.device.type != 'cpu':
            return frames
        return frames.contiguous(memory_format=torch.channels_last)


Maps = Tuple[Tensor, ...]


class FrameFeatures(NamedTuple):
    """What the first phase makes of a crop.

    Attributes:
        maps (tuple[Tensor]): (1, C, h, w) each.
        flipped (tuple[Tensor], optional): Those of the flipped crop, with
            flip test.
        sample (PoseDataSample): The crop's data sample.
    """
    maps: Maps
    flipped: Optional[Maps]
    sample: PoseDataSample


class WindowPose(NamedTuple):
    """What the second phase makes of a window.

    Attributes:
        keypoints (np.ndarray): x, y in pixels of the frame, (K, 2).
        scores (np.ndarray): (K, ).
        heatmaps (np.ndarray, optional): (K, h, w), where asked for.
        motion (np.ndarray, optional): (C, h, w), where asked for.
    """
    keypoints: np.ndarray
    scores: np.ndarray
    heatmaps: Optional[np.ndarray]
    motion: Optional[np.ndarray]


class WindowModel:
    """The two phases of a top-down estimator of this package.

    Args:
        model (nn.Module): The estimator, in evaluation mode.
        key (int): The key frame's place in a window.
        flip_test (bool, optional): Whether a flipped copy is averaged in.
            Defaults to ``None``, what the model's ``test_cfg`` says.
        output_heatmaps (bool): Whether to give heatmaps. Defaults to
            ``False``.
        output_motion (bool): Whether to give the neck's ``motion``. Defaults
            to ``False``.
        precision (str): See :class:`Precision`. Defaults to ``'float32'``.

    Raises:
        ValueError: If the model's preprocessor is not one for clips, or there
            is no such precision.
    """

    def __init__(self,
                 model: nn.Module,
                 key: int,
                 flip_test: Optional[bool] = None,
                 output_heatmaps: bool = False,
                 output_motion: bool = False,
                 precision: str = 'float32') -> None:
        if not isinstance(model.data_preprocessor,
                          SequencePoseDataPreprocessor):
            raise ValueError('model.data_preprocessor must be a '
                             'SequencePoseDataPreprocessor, got '
                             f'{type(model.data_preprocessor).__name__}')
        self.model = model
        self.key = key
        self.output_heatmaps = output_heatmaps
        self.output_motion = output_motion
        self.precision = Precision(precision)
        self.test_cfg = dict(model.test_cfg, output_heatmaps=output_heatmaps)
        if flip_test is not None:
            self.test_cfg['flip_test'] = flip_test

    @property
    def flip_test(self) -> bool:
        """bool: Whether a flipped copy is averaged in."""
        return bool(self.test_cfg.get('flip_test', False))

    @torch.no_grad()
    def encode_frames(self, crops: Sequence[dict]) -> List[FrameFeatures]:
        """First phase.

        Args:
            crops (Sequence[dict]): N samples of one frame each, as
                :meth:`ClipSettings.pack` makes them.

        Returns:
            list[FrameFeatures]: Their features, N.
        """
        # a copy that shares everything but the number of frames it expects
        preprocessor = copy.copy(self.model.data_preprocessor)
        preprocessor.num_frames = 1
        with stage('crop'):
            data = preprocessor(pseudo_collate(list(crops)), False)
        inputs = self.precision.arrange(data['inputs'])
        samples = data['data_samples']
        flipped = None
        with stage('backbone'), self._autocast():
            maps = self._encode(inputs)
            # not one batch of both: larger ones are no faster, on CPUs slower
            if self.flip_test:
                flipped = self._encode(inputs.flip(-1))

        def single(maps: Maps, index: int) -> Maps:
            # copied, or each would keep the whole batch in memory
            return tuple(x[index:index + 1].clone() for x in maps)

        return [
            FrameFeatures(
                single(maps, i),
                None if flipped is None else single(flipped, i), sample)
            for i, sample in enumerate(samples)
        ]

    @torch.no_grad()
    def predict_windows(
            self,
            windows: Sequence[Sequence[FrameFeatures]]) -> List[WindowPose]:
        """Second phase.

        Args:
            windows (Sequence[Sequence[FrameFeatures]]): B windows of T
                frames in order of time, all with one crop.

        Returns:
            list[WindowPose]: Poses in the key frames, B.
        """
        samples = [window[self.key].sample for window in windows]
        frames = [frame for window in windows for frame in window]
        flipped = None
        with stage('neck_head'), self._autocast():
            feats = self._encode_windows([frame.maps for frame in frames])
            if self.flip_test:
                flipped = self._encode_windows(
                    [frame.flipped for frame in frames])
        return self._predict(feats, flipped, samples)

    @torch.no_grad()
    def predict_clips(self, clips: Sequence[dict]) -> List[WindowPose]:
        """Both phases as the host has them, every frame of every clip.

        Args:
            clips (Sequence[dict]): B samples of T frames, as
                :meth:`ClipSettings.pack` makes them.

        Returns:
            list[WindowPose]: Poses in the key frames, B.
        """
        with stage('crop'):
            data = self.model.data_preprocessor(
                pseudo_collate(list(clips)), False)
        inputs = data['inputs']
        if not self.precision.is_full:  # else exactly what a test gives
            inputs = self.precision.arrange(inputs)
        flipped = None
        # the host's call for both: the neck cannot be told from the backbone
        with stage('backbone'), self._autocast():
            feats = self.model.extract_feat(inputs)
            if self.flip_test:
                flipped = self.model.extract_feat(inputs.flip(-1))
        return self._predict(feats, flipped, data['data_samples'])

    def _autocast(self) -> ContextManager:
        return self.precision.autocast(next(self.model.parameters()).device)

    @property
    def _has_frame_phase(self) -> bool:
        return self.model.with_neck and hasattr(self.model.neck,
                                                'encode_frames')

    def _encode(self, inputs: Tensor) -> Maps:
        """What is kept of crops, from their pixels."""
        maps = self.model.backbone(inputs)
        if isinstance(maps, Tensor):
            maps = (maps, )
        if self._has_frame_phase:
            maps = self.model.neck.encode_frames(maps)
        return tuple(maps)

    def _encode_windows(self, frames: Sequence[Maps]):
        """Features of windows for the head, from B * T frames in order."""
        # concatenation, unlike stacking, keeps the channels-last format
        maps = tuple(torch.cat(stage) for stage in zip(*frames))
        if self._has_frame_phase:
            return self.model.neck.encode_windows(maps)
        return self.model.neck(maps) if self.model.with_neck else maps

    def _predict(self, feats, flipped,
                 samples: List[PoseDataSample]) -> List[WindowPose]:
        if self.model.metainfo is not None:
            for sample in samples:
                sample.set_metainfo(self.model.metainfo)
        fields = None
        with stage('neck_head'), self._autocast():
            predicted = self.model.head.predict(
                feats if flipped is None else [feats, flipped],
                samples,
                test_cfg=self.test_cfg)
        if self.output_heatmaps:
            predicted, fields = predicted
        with stage('keypoints'):
            samples = self.model.add_pred_to_datasample(
                predicted, fields, samples)
        motion: List[Any] = [None] * len(samples)
        if self.output_motion:
            motion = self._motion(feats)
        return [
            WindowPose(
                np.asarray(sample.pred_instances.keypoints[0][:, :2]),
                np.asarray(sample.pred_instances.keypoint_scores[0]),
                sample.pred_fields.heatmaps.cpu().numpy()
                if self.output_heatmaps else None, moved)
            for sample, moved in zip(samples, motion)
        ]

    def _motion(self, feats) -> List[np.ndarray]:
        if not hasattr(feats, 'motion'):
            raise ValueError(
                'output_motion needs a neck that gives a motion feature, such '
                'as TemporalDifferenceNeck; this model\'s is '
                f'{type(getattr(self.model, "neck", None)).__name__}')
        return list(feats.motion.float().cpu().numpy())


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
