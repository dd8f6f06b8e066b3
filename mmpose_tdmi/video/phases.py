"""A model in two phases: frames to the backbone, windows to the rest.

The first phase takes single crops, from any persons and frames, and the
second windows of what the first gave: a frame that many windows share is done
once. All parts are the model's own, called in the host's order.

What is kept between the phases are the backbone's maps, or, where the neck
treats frames one by one before it compares them (it then has
``encode_frames`` and ``encode_windows``, whose composition is ``forward``),
what that gives.

Shapes: N crops, B windows, T frames of a window, C channels, K keypoints,
H x W pixels of a crop, h x w cells.
"""
import copy
from contextlib import nullcontext
from pathlib import Path
from typing import (Any, Callable, ContextManager, List, NamedTuple, Optional,
                    Sequence, Tuple)

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from mmpose.models.heads import HeatmapHead
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from mmpose_tdmi.models.data_preprocessors import SequencePoseDataPreprocessor
from mmpose_tdmi.models.heads import HeatmapActivationMixin
from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time
from mmpose_tdmi.utils.stages import stage

Maps = Tuple[Tensor, ...]


class FramePhase(nn.Module):
    """A model's part from frames to what is kept of them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.encoder = None
        if model.with_neck and hasattr(model.neck, 'encode_frames'):
            self.encoder = model.neck

    def forward(self, frames: Tensor) -> Maps:
        """Maps (N, C_j, h_j, w_j) of normalised frames (N, 3, H, W)."""
        maps = self.backbone(frames)
        if isinstance(maps, Tensor):
            maps = (maps, )
        if self.encoder is not None:
            maps = self.encoder.encode_frames(maps)
        return tuple(maps)


class WindowPhase(nn.Module):
    """A model's part from windows of maps to the key frames' heatmaps."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.neck = model.neck if model.with_neck else None
        self.head = model.head

    def features(self, maps: Maps) -> Any:
        """What the head takes, from maps (B * T, C_j, h_j, w_j) in order."""
        if hasattr(self.neck, 'encode_windows'):
            return self.neck.encode_windows(maps)
        return maps if self.neck is None else self.neck(maps)

    def forward(self, *maps: Tensor) -> Tensor:
        """Heatmaps as they are decoded, (B, K, h, w), activated where the head
        does so, of the first phase's (B, T, C_j, h_j, w_j) in order of time.
        """
        feats = self.features(tuple(fold_time(x) for x in maps))
        heatmaps = self.head.forward(feats)
        if hasattr(self.head, 'activate'):
            heatmaps = self.head.activate(heatmaps)
        return heatmaps


#: A mean of heatmaps over time: PoseWarper's window and weights, which is
#: what that starts as, and the benchmark's row "frames averaged".
MEAN_WINDOW = FrameWindow((-2, -1, 0, 1, 2))
MEAN_WEIGHTS = (0.1, 0.25, 0.3, 0.25, 0.1)


class HeatmapPhase(nn.Module):
    """The whole of a single-frame model, as a first phase."""

    def __init__(self, frame: Callable, window: Callable) -> None:
        super().__init__()
        self.frame, self.window = frame, window

    def forward(self, frames: Tensor) -> Maps:
        """Heatmaps (N, K, h, w) of normalised frames (N, 3, H, W)."""
        maps = self.frame(frames)
        return (self.window(*(x[:, None] for x in maps)).float(), )


class MeanPhase(nn.Module):
    """The mean over windows of heatmaps, as a second phase."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        head = model.head
        if not isinstance(head, HeatmapHead):
            decoder = type(getattr(head, 'decoder', None)).__name__
            raise ValueError(
                "temporal='mean' averages heatmaps, one a keypoint, as those "
                f'of HeatmapHead; this model\'s head is {type(head).__name__} '
                f'with the codec {decoder}')
        # decodes what it is given
        self.head = HeatmapHead(
            head.out_channels,
            head.out_channels,
            deconv_out_channels=None,
            final_layer=None)
        self.head.decoder = head.decoder

    def features(self, maps: Maps) -> Maps:
        """(B * T, K, h, w) to the windows' (B, K, h, w)."""
        clips = unfold_time(maps[0], len(MEAN_WEIGHTS))
        weights = clips.new_tensor(MEAN_WEIGHTS)[:, None, None, None]
        return ((clips * weights).sum(dim=1), )


#: bfloat16 pays on processors with AMX or AVX512-BF16 and on GPUs since
#: Ampere, float16 on GPUs; elsewhere both are slower than float32. 'auto' is
#: what the device does well.
PRECISIONS = ('float32', 'bfloat16', 'float16', 'auto')
#: Where Linux tells what a processor can do.
_CPU_INFO = Path('/proc/cpuinfo')


def best_precision(device: torch.device) -> str:
    """The number format that a device is fastest in."""
    if device.type == 'cuda':
        major, _ = torch.cuda.get_device_capability(device)
        # tensor cores came with 7.0
        return ('float32'
                if major < 7 else 'float16' if major < 8 else 'bfloat16')
    if device.type == 'cpu' and _CPU_INFO.is_file():
        words = set(_CPU_INFO.read_text(encoding='utf-8').split())
        if words & {'amx_bf16', 'avx512_bf16'}:
            return 'bfloat16'
    return 'float32'


#: What runs the phases; 'auto': each by what is faster.
RUNTIMES = ('pytorch', 'onnxruntime', 'auto')


class Precision:
    """A number format for predictions.

    Half precision is autocast, as in the host's training with ``--amp``: what
    needs more (sampling, deformable convolution, decoding) is done in 32 bits.
    Frames are laid out channels last where convolutions are fastest so: on
    CPUs, and in half precision on any device. ``device`` is what ``'auto'``
    looks at.
    """

    def __init__(
        self,
        name: str = 'float32',
        device: torch.device = torch.device('cpu')) -> None:
        if name not in PRECISIONS:
            raise ValueError(
                f'precision must be one of {PRECISIONS}, got {name!r}')
        self.name = name
        if name == 'auto':
            self.name = best_precision(device)
            print_log(f"precision='auto': {self.name} on {device}", 'current')
        self.is_full = self.name == 'float32'

    def autocast(self, device: torch.device) -> ContextManager:
        """What a model on a device is called within."""
        if self.is_full:
            return nullcontext()
        return torch.autocast(device.type, getattr(torch, self.name))

    def arrange(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in the memory format that is fastest."""
        if self.is_full and frames.device.type != 'cpu':
            return frames
        return frames.contiguous(memory_format=torch.channels_last)


class FrameFeatures(NamedTuple):
    """What the first phase makes of a crop."""
    maps: Maps  #: (1, C, h, w) each.
    flipped: Optional[Maps]  #: Those of the flipped crop, with flip test.
    sample: PoseDataSample  #: The crop's data sample.


class WindowPose(NamedTuple):
    """What the second phase makes of a window."""
    keypoints: np.ndarray  #: x, y in pixels of the frame, (K, 2).
    scores: np.ndarray  #: (K, ).
    heatmaps: Optional[np.ndarray]  #: (K, h, w), where asked for.
    motion: Optional[np.ndarray]  #: (C, h, w), where asked for.


class WindowModel:
    """A top-down estimator of this package, from samples to poses.

    Args:
        model: The estimator, in evaluation mode.
        key: The key frame's place in a window.
        flip_test: Whether a flipped copy is averaged in. Defaults to ``None``,
            what the model's ``test_cfg`` says.
        output_heatmaps, output_motion: What is given besides poses.
        precision: See :class:`Precision`.
        mean: Whether the model's heatmaps are averaged over windows of
            :data:`MEAN_WINDOW`; it is one of single frames then.
        graphs: The model's two phases in another runtime, see
            :func:`mmpose_tdmi.deploy.runtime.open_phases`.
    """

    def __init__(self,
                 model: nn.Module,
                 key: int,
                 flip_test: Optional[bool] = None,
                 output_heatmaps: bool = False,
                 output_motion: bool = False,
                 precision: str = 'float32',
                 mean: bool = False,
                 graphs: Optional[Tuple[Callable, Any]] = None) -> None:
        self.model = model
        self.key = key
        self.output_heatmaps = output_heatmaps
        self.output_motion = output_motion
        self._device = next(model.parameters()).device
        self.precision = Precision(precision, self._device)
        self.test_cfg = dict(model.test_cfg, output_heatmaps=output_heatmaps)
        if flip_test is not None:
            self.test_cfg['flip_test'] = flip_test
        self.flip_test = bool(self.test_cfg.get('flip_test', False))
        self._has_graphs = graphs is not None
        self._frames, self._windows = graphs or (FramePhase(model),
                                                 WindowPhase(model))
        if mean:
            self._frames = HeatmapPhase(self._frames, self._windows)
            self._windows = MeanPhase(model)

    @torch.no_grad()
    def encode_frames(self, crops: Sequence[dict]) -> List[FrameFeatures]:
        """First phase: features of N samples of one frame each, as
        :meth:`ClipSettings.pack` makes them."""
        # a copy that shares everything but the number of frames it expects
        preprocessor = copy.copy(self.model.data_preprocessor)
        preprocessor.num_frames = 1
        with stage('crop'):
            data = preprocessor(pseudo_collate(list(crops)), False)
        inputs = self.precision.arrange(data['inputs'])
        flipped = None
        with stage('backbone'), self._autocast():
            maps = self._frames(inputs)
            # not one batch of both: larger ones are no faster, on CPUs slower
            if self.flip_test:
                flipped = self._frames(inputs.flip(-1))

        def single(maps: Maps, index: int) -> Maps:
            # copied, or each would keep the whole batch in memory
            return tuple(x[index:index + 1].clone() for x in maps)

        return [
            FrameFeatures(
                single(maps, i), flipped and single(flipped, i), sample)
            for i, sample in enumerate(data['data_samples'])
        ]

    @torch.no_grad()
    def predict_windows(
            self,
            windows: Sequence[Sequence[FrameFeatures]]) -> List[WindowPose]:
        """Second phase: poses in the key frames of B windows of T frames in
        order of time, each window with one crop."""
        frames = [frame for window in windows for frame in window]

        def features(kept: List[Maps]) -> Any:
            # concatenation, unlike stacking, keeps the channels-last format
            return self._windows.features(
                tuple(torch.cat(maps) for maps in zip(*kept)))

        flipped = None
        with stage('neck_head'), self._autocast():
            feats = features([frame.maps for frame in frames])
            if self.flip_test:
                flipped = features([frame.flipped for frame in frames])
        return self._predict(feats, flipped,
                             [window[self.key].sample for window in windows])

    @torch.no_grad()
    def predict_clips(self,
                      clips: Sequence[dict],
                      arranged: bool = False) -> List[WindowPose]:
        """Both phases, as the host has them if not in graphs, of B samples of
        T frames: every frame of every clip goes through the backbone, in
        single precision ``arranged`` only if asked for, else exactly as in a
        test."""
        with stage('crop'):
            data = self.model.data_preprocessor(
                pseudo_collate(list(clips)), False)
        inputs = data['inputs']
        if arranged or not self.precision.is_full:
            inputs = self.precision.arrange(inputs)
        flipped = None
        # the host's call for both: the neck cannot be told from the backbone
        with stage('backbone'), self._autocast():
            feats = self._extract(inputs)
            if self.flip_test:
                flipped = self._extract(inputs.flip(-1))
        return self._predict(feats, flipped, data['data_samples'])

    def _extract(self, frames: Tensor) -> Any:
        if self._has_graphs:
            return self._windows.features(self._frames(frames))
        return self.model.extract_feat(frames)

    def _autocast(self) -> ContextManager:
        return self.precision.autocast(self._device)

    def _predict(self, feats: Any, flipped: Any,
                 samples: List[PoseDataSample]) -> List[WindowPose]:
        if self.model.metainfo is not None:
            for sample in samples:
                sample.set_metainfo(self.model.metainfo)
        head = self._windows.head
        fields, both = None, feats if flipped is None else [feats, flipped]
        context = self._autocast()
        if not (self.precision.is_full
                or isinstance(head, HeatmapActivationMixin)):
            # the host's heads decode what they compute, as it is
            context, both = nullcontext(), tree_map(_in_full, both)
        with stage('neck_head'), context:
            predicted = head.predict(both, samples, test_cfg=self.test_cfg)
        if isinstance(predicted, tuple):
            predicted, fields = predicted
        if self.output_heatmaps and fields is None:
            raise ValueError('heatmaps were asked for, but the model\'s head, '
                             f'{type(head).__name__}, gives none')
        with stage('keypoints'):
            samples = self.model.add_pred_to_datasample(
                predicted, fields, samples)
        motion: List[Any] = [None] * len(samples)
        if self.output_motion:
            if not hasattr(feats, 'motion'):
                raise ValueError(
                    'output_motion needs a neck that gives a motion feature, '
                    'such as TemporalDifferenceNeck; this model\'s is '
                    f'{type(getattr(self.model, "neck", None)).__name__}')
            motion = list(feats.motion.float().cpu().numpy())
        return [
            WindowPose(
                np.asarray(sample.pred_instances.keypoints[0][:, :2]),
                np.asarray(sample.pred_instances.keypoint_scores[0]),
                sample.pred_fields.heatmaps.cpu().numpy()
                if self.output_heatmaps else None, moved)
            for sample, moved in zip(samples, motion)
        ]


def _in_full(x: Any) -> Any:
    return x.float() if isinstance(x, Tensor) else x


def check_preprocessor(model: nn.Module) -> None:
    """Raises a ValueError if the model's preprocessor is none for clips."""
    preprocessor = model.data_preprocessor
    if not isinstance(preprocessor, SequencePoseDataPreprocessor):
        raise ValueError('model.data_preprocessor must be a '
                         'SequencePoseDataPreprocessor, got '
                         f'{type(preprocessor).__name__}')
