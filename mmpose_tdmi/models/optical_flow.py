"""Optical flow as the motion feature: Table 5, "Op-Flow".

The paper's baseline takes "optical flows predicted by RAFT as motion
representations", without further detail. Here the flow takes the place of the
differences of Eq. 1: between the same frames, concatenated, through residual
blocks (Eq. 2) at the visual feature's size. There is one flow, so no stages to
fuse (Eq. 3 to 5). RAFT (Teed and Deng, "RAFT: Recurrent All-Pairs Field
Transforms for Optical Flow", ECCV 2020) is torchvision's.

Shape letters: B clips, T frames, N frames or pairs of them, C channels, H x W
feature cells, h x w pixels of a crop.
"""
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple, Union
from urllib.error import URLError

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.models.utils.ops import resize
from mmpose.registry import MODELS
from torch import Tensor
from torchvision.models import get_model_builder, get_model_weights

from mmpose_tdmi.structures import fold_time, unfold_time
from mmpose_tdmi.utils.checkpoints import load
from .layers import ResidualChain
from .layers.blocks import (check_choice, check_positive, check_positive_int,
                            merge_options, move_weights, paper_init)
from .spatiotemporal import supporting_frames
from .temporal_difference import (StageAlignment, TemporalFeatures,
                                  clip_window, resolve_stage)

__all__ = ['BackboneWithFrames', 'OpticalFlowNeck', 'RaftFlow']


class RaftFlow(BaseModule):
    """Optical flow from one frame to another.

    Args:
        mean, std: The data preprocessor's, of R, G, B from 0 to 255.
        arch: ``'small'`` or ``'large'``.
        weights: Name of torchvision's weights, such as ``'C_T_SKHT_V2'``, or
            file with such a state dict; ``None``: random. Loaded at the start
            of a training; a trained model's checkpoint holds them.
        num_updates: RAFT's iterations.
        frame_scale: What the frames are enlarged by for RAFT, whose sides must
            be multiples of 8 from 128 on.
        frozen: Whether RAFT is not trained, and stays in eval mode.
    """

    def __init__(self,
                 mean: Sequence[float],
                 std: Sequence[float],
                 arch: str = 'large',
                 weights: Optional[str] = 'DEFAULT',
                 num_updates: int = 12,
                 frame_scale: float = 1.,
                 frozen: bool = True) -> None:
        super().__init__()
        check_choice('flow.arch', arch, ('small', 'large'))
        check_positive_int('flow.num_updates', num_updates)
        check_positive('flow.frame_scale', frame_scale)
        for key, values in (('mean', mean), ('std', std)):
            if len(values) != 3:
                raise ValueError(f'{key} must be three numbers, for R, G and '
                                 f'B, got {values!r}')
            buffer = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(key, buffer, persistent=False)
        self.build = get_model_builder(f'raft_{arch}')
        self.known_weights = get_model_weights(f'raft_{arch}')
        self.weights = weights
        names = self.known_weights.__members__
        if weights not in (None, *names) and not Path(weights).suffix:
            raise ValueError(
                f'flow.weights must be one of {", ".join(names)} for '
                f"arch='{arch}', a file, or None, got {weights!r}")
        self.num_updates = num_updates
        self.frame_scale = frame_scale
        self.frozen = frozen
        self.network = self.build(weights=None)
        if frozen:
            self.requires_grad_(False)
            self.eval()

    def init_weights(self) -> None:
        if self.weights is None:
            return
        known = self.known_weights.__members__.get(self.weights)
        try:
            weights = load(self.weights) if known is None else self.build(
                weights=known, progress=False).state_dict()
        except FileNotFoundError as error:
            raise FileNotFoundError(f'flow.weights: {error}') from error
        except (URLError, ConnectionError, TimeoutError) as error:
            name = known.url.rsplit('/', 1)[-1]
            place = Path(torch.hub.get_dir()) / 'checkpoints' / name
            raise RuntimeError(
                f'the weights of the optical flow network, {known.url}, '
                f'cannot be downloaded ({error}). Get the file in another '
                f'way and put it at {place}, or name its path by '
                'neck.flow.weights. (neck.flow.weights=None: random weights, '
                'for tests.)') from error
        self.network.load_state_dict(weights)

    def forward(self, start: Tensor, end: Tensor) -> Tensor:
        """Flow between normalised frames (N, 3, h, w): (N, 2, h', w') float32,
        h' and w' being h and w times ``frame_scale``: how far what is seen in
        ``start`` moves right and down, in pixels of the h x w crop."""
        size = self._size(start)
        trained = torch.is_grad_enabled() and not self.frozen
        with torch.set_grad_enabled(trained), torch.autocast(
                start.device.type, enabled=False):
            frames = (self._to_rgb(x, size) for x in (start, end))
            flow = self.network(*frames, num_flow_updates=self.num_updates)[-1]
        ratio = flow.new_tensor(
            [start.shape[-1] / size[1], start.shape[-2] / size[0]])
        return flow * ratio.view(1, 2, 1, 1)

    def _size(self, frames: Tensor) -> Tuple[int, int]:
        size = tuple(round(x * self.frame_scale) for x in frames.shape[-2:])
        # its maps are of stride 8, and halved three times
        if any(x % 8 or x < 128 for x in size):
            raise ValueError(
                'RAFT takes frames whose sides are multiples of 8 and at '
                f'least 128 pixels; crops of {frames.shape[-2]} x '
                f'{frames.shape[-1]} (height x width) with flow.frame_scale = '
                f'{self.frame_scale} are {size[0]} x {size[1]}')
        return size

    def _to_rgb(self, frames: Tensor, size: Tuple[int, int]) -> Tensor:
        frames = (frames.float() * self.std + self.mean) / 127.5 - 1
        if tuple(frames.shape[-2:]) == size:
            return frames
        return resize(frames, size, mode='bilinear', align_corners=False)

    def train(self, mode: bool = True) -> 'RaftFlow':
        return super().train(mode and not self.frozen)


@MODELS.register_module()
class OpticalFlowNeck(BaseModule):
    """Motion features from optical flow, in the place of
    :class:`TemporalDifferenceNeck`'s, behind a :class:`BackboneWithFrames`.

    Args:
        in_channels: Channels of each of the backbone's maps, the frames left
            out.
        mean, std: The data preprocessor's, of R, G, B.
        pairs: Which flow is taken: ``'consecutive'``, from each frame to the
            next, or ``'key'``, from the key frame to each other one.
        num_blocks: Residual blocks on the flow.
        flow: Options of :class:`RaftFlow`.
        out_channels, offsets, visual_stage: As
            :class:`TemporalDifferenceNeck`'s.
        skip_projection, norm_cfg, with_cp: As :class:`ResidualChain`'s.
        init_cfg: Of the layers on the flow; by default the paper's.
    """

    def __init__(self,
                 in_channels: Union[Sequence[int], int],
                 mean: Sequence[float],
                 std: Sequence[float],
                 out_channels: int = 48,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 pairs: str = 'consecutive',
                 num_blocks: int = 3,
                 flow: Optional[Mapping] = None,
                 visual_stage: int = -1,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        # only `encoder` and `alignment` are initialised by `init_cfg`: given
        # to this module it would reach into the flow network
        super().__init__()
        init_cfg = init_cfg or paper_init('Conv2d')
        if isinstance(in_channels, int):
            in_channels = (in_channels, )
        self.in_channels = tuple(in_channels)
        check_positive_int('out_channels', out_channels)
        check_choice('pairs', pairs, ('consecutive', 'key'))
        self.pairs = pairs
        self.window = clip_window(offsets)
        self.visual_stage = resolve_stage('visual_stage', visual_stage,
                                          self.in_channels)
        visual_channels = self.in_channels[self.visual_stage]
        self.alignment = StageAlignment([visual_channels], out_channels)
        self.alignment.init_cfg = init_cfg
        self.encoder = ResidualChain(2 * (self.window.num_frames - 1),
                                     out_channels, num_blocks, skip_projection,
                                     norm_cfg, with_cp, init_cfg)
        self.flow = RaftFlow(mean, std,
                             **merge_options('flow', flow, RaftFlow))

    def optical_flow(self, frames: Tensor) -> Tensor:
        """Normalised clips (B, T, 3, h, w) to the ``pairs``' flow, (B, T - 1,
        2, h', w'), in pixels of the h x w crop."""
        if self.pairs == 'consecutive':
            start, end = frames[:, :-1], frames[:, 1:]
        else:
            end = supporting_frames(frames, self.window)
            start = frames[:, self.window.key, None].expand_as(end)
        flow = self.flow(fold_time(start), fold_time(end))
        return unfold_time(flow, self.window.num_frames - 1)

    def encode_frames(self, maps: Sequence[Tensor]) -> Tuple[Tensor, Tensor]:
        """Each frame by itself: normalised frames (N, 3, h, w), then their
        maps, to the frames and their visual feature (N, C, H, W)."""
        channels = tuple(x.shape[1] for x in maps)
        if channels != (3, *self.in_channels):
            raise ValueError(
                'OpticalFlowNeck takes the frames, of 3 channels, and maps of '
                f'in_channels = {self.in_channels}, but the backbone gives '
                f'maps of {channels} channels; is it a BackboneWithFrames?')
        visual, = self.alignment([maps[1 + self.visual_stage]])
        return maps[0], visual

    def encode_windows(self, frames: Sequence[Tensor]) -> TemporalFeatures:
        """The frames of clips, ordered b * T + t."""
        clips, sequence = (
            unfold_time(x, self.window.num_frames) for x in frames)
        size = sequence.shape[-2:]
        # what a cell's motion is, is the mean over its pixels; in cells
        flow = F.adaptive_avg_pool2d(
            self.optical_flow(clips).flatten(1, 2), size)
        cells = flow.new_tensor(
            [size[1] / clips.shape[-1], size[0] / clips.shape[-2]])
        cells = cells.repeat(self.window.num_frames - 1)[:, None, None]
        motion = self.encoder(flow * cells)
        return TemporalFeatures(motion, sequence, sequence[:, self.window.key])

    def forward(self, maps: Sequence[Tensor]) -> TemporalFeatures:
        return self.encode_windows(self.encode_frames(maps))


@MODELS.register_module()
class BackboneWithFrames(BaseModule):
    """A backbone, given by its config, with the frames, for optical flow, as
    its first map. State-dict keys are those of the backbone alone: models load
    into each other with and without this class."""

    def __init__(self, backbone: dict) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self._register_state_dict_hook(_leave_out_level)
        self._register_load_state_dict_pre_hook(_insert_level)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Normalised frames (N, C, h, w), then the backbone's maps of them."""
        maps = self.backbone(x)
        return (x, maps) if isinstance(maps, Tensor) else (x, *maps)


def _leave_out_level(module: BackboneWithFrames, state_dict: dict, prefix: str,
                     *args) -> None:
    move_weights(state_dict, f'{prefix}backbone.', prefix)


def _insert_level(state_dict: dict, prefix: str, *args) -> None:
    move_weights(state_dict, prefix, f'{prefix}backbone.')
