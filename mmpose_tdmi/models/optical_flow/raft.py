"""RAFT of torchvision between pairs of normalised frames.

Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow",
ECCV 2020, which the paper's Op-Flow baseline takes its flow from. Network,
weights and their loader are torchvision's.

Shape shorthand: N pairs of frames, H x W pixels of a crop.
"""
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple
from urllib.error import URLError

import torch
from mmengine.model import BaseModule
from mmpose.models.utils.ops import resize
from torch import Tensor
from torchvision.models.optical_flow import (Raft_Large_Weights,
                                             Raft_Small_Weights, raft_large,
                                             raft_small)

from ..layers.checks import check_choice, check_positive, check_positive_int

ARCHITECTURES = dict(
    small=(raft_small, Raft_Small_Weights),
    large=(raft_large, Raft_Large_Weights))

#: The options of the config key ``flow`` with their defaults.
FLOW_DEFAULTS = dict(
    arch='large',
    weights='DEFAULT',
    num_updates=12,
    frame_scale=1.,
    frozen=True)

# what RAFT can take: its maps are of stride 8, and halved three times
MULTIPLE, SMALLEST = 8, 128


class RaftFlow(BaseModule):
    """Optical flow from one frame to another.

    The frames are those of the data preprocessor, normalised with ``mean``
    and ``std``; RAFT gets them as RGB in [-1, 1].

    Args:
        mean (Sequence[float]): Mean of R, G, B that the frames were
            normalised with, of values from 0 to 255.
        std (Sequence[float]): Standard deviation, likewise.
        arch (str): ``'small'`` or ``'large'``. Defaults to ``'large'``.
        weights (str, optional): Name of torchvision's weights, such as
            ``'C_T_SKHT_V2'`` or ``'DEFAULT'``, or path of a file with a
            state dict of theirs; ``None`` leaves the weights random. They
            are loaded by :meth:`init_weights`, at the start of a training; a
            trained model's checkpoint holds them. Defaults to ``'DEFAULT'``.
        num_updates (int): RAFT's iterations. Defaults to 12.
        frame_scale (float): What the frames are enlarged by for RAFT, whose
            sides must be multiples of 8 from 128 on. Defaults to 1.
        frozen (bool): Whether RAFT is not trained, and stays in eval mode.
            Defaults to ``True``.

    Raises:
        ValueError: If an option is invalid; the message names its key.
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
        check_choice('flow.arch', arch, tuple(ARCHITECTURES))
        check_positive_int('flow.num_updates', num_updates)
        check_positive('flow.frame_scale', frame_scale)
        for key, values in (('mean', mean), ('std', std)):
            if len(values) != 3:
                raise ValueError(f'{key} must be three numbers, for R, G and '
                                 f'B, got {values!r}')
            self.register_buffer(
                key,
                torch.tensor(values, dtype=torch.float32).view(-1, 1, 1),
                persistent=False)
        self.build, self.known_weights = ARCHITECTURES[arch]
        self.weights = weights
        if weights is not None and not self._is_known(weights) \
                and not Path(weights).suffix:
            raise ValueError(
                'flow.weights must be one of '
                f'{", ".join(["DEFAULT", *self.known_weights.__members__])} '
                f"for arch='{arch}', a file, or None, got {weights!r}")
        self.num_updates = num_updates
        self.frame_scale = frame_scale
        self.frozen = frozen
        self.network = self.build(weights=None)
        if frozen:
            self.requires_grad_(False)
            self.eval()

    def _is_known(self, weights: str) -> bool:
        known = ('DEFAULT', *self.known_weights.__members__)
        return weights in known

    def init_weights(self) -> None:
        """Load the weights.

        Raises:
            FileNotFoundError: If ``flow.weights`` names a missing file.
            RuntimeError: If the weights must be downloaded and cannot be.
        """
        if self.weights is not None:
            self.network.load_state_dict(self._read_weights())

    def _read_weights(self) -> Dict[str, Tensor]:
        if not self._is_known(self.weights):
            if not Path(self.weights).is_file():
                raise FileNotFoundError(
                    f'flow.weights: no such file: {self.weights}')
            return torch.load(
                self.weights, map_location='cpu', weights_only=True)
        known = getattr(self.known_weights, self.weights)
        try:
            return self.build(weights=known, progress=False).state_dict()
        except (URLError, ConnectionError, TimeoutError) as error:
            name = known.url.rsplit('/', 1)[-1]
            place = Path(torch.hub.get_dir()) / 'checkpoints' / name
            raise RuntimeError(
                f'the weights of the optical flow network, {known.url}, '
                f'cannot be downloaded ({error}). Get the file in another '
                f'way and put it at {place}, or name its path by '
                'neck.flow.weights. (neck.flow.weights=None: random weights, '
                'for tests.)') from error

    def forward(self, start: Tensor, end: Tensor) -> Tensor:
        """Flow between frames.

        Args:
            start (Tensor): Normalised frames, (N, 3, H, W).
            end (Tensor): The frames that they move to, (N, 3, H, W).

        Returns:
            Tensor: (N, 2, H', W') float32, H' and W' being H and W times
            ``frame_scale``: how far what is seen at a place of ``start``
            moves to the right and down, in pixels of the H x W crop.

        Raises:
            ValueError: If the frames' size is none that RAFT takes.
        """
        size = self._size(start)
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.frozen), torch.autocast(
                                        start.device.type, enabled=False):
            frames = (self._to_rgb(x, size) for x in (start, end))
            flow = self.network(*frames, num_flow_updates=self.num_updates)[-1]
        ratio = flow.new_tensor(
            [start.shape[-1] / size[1], start.shape[-2] / size[0]])
        return flow * ratio.view(1, 2, 1, 1)

    def _size(self, frames: Tensor) -> Tuple[int, int]:
        """(H', W') that RAFT gets, if it takes it."""
        size = tuple(round(x * self.frame_scale) for x in frames.shape[-2:])
        if any(x % MULTIPLE or x < SMALLEST for x in size):
            raise ValueError(
                f'RAFT takes frames whose sides are multiples of {MULTIPLE} '
                f'and at least {SMALLEST} pixels; crops of '
                f'{frames.shape[-2]} x {frames.shape[-1]} (height x width) '
                f'with flow.frame_scale = {self.frame_scale} are '
                f'{size[0]} x {size[1]}')
        return size

    def _to_rgb(self, frames: Tensor, size: Tuple[int, int]) -> Tensor:
        """Normalised frames as RGB in [-1, 1] of the given size."""
        frames = (frames.float() * self.std + self.mean) / 127.5 - 1
        if tuple(frames.shape[-2:]) != size:
            frames = resize(
                frames, size=size, mode='bilinear', align_corners=False)
        return frames

    def train(self, mode: bool = True) -> 'RaftFlow':
        """Set the mode; a frozen network stays in eval mode."""
        return super().train(mode and not self.frozen)
