"""The parts of a model that are exported.

As in :class:`mmpose_tdmi.video.streaming.WindowModel` a model is a frame
phase, the backbone and what the neck does to single frames, and a window
phase, the rest up to heatmaps. A runtime that keeps the first phase's maps
along a track runs each frame once. The flip test stays outside: it is the
same graphs on mirrored frames.

Shape shorthand: N frames, B clips, T frames of a clip, C channels, K
keypoints, H x W pixels of a crop, h x w cells.

Programs of ``torch.export``, from which the ONNX graphs are made.

They can be saved (:func:`torch.export.save`) and run without this package's
Python code, by PyTorch 2 of the same minor version or later.

Shape shorthand: N frames, B clips, T frames of a clip, C channels, K
keypoints, H x W pixels of a crop, h x w cells.
"""
import copy
from typing import Dict, Sequence, Tuple

import torch
from mmpose.models.heads import HeatmapHead
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import ConstraintViolationError

from mmpose_tdmi.models import (BackboneWithFrames, OpticalFlowNeck,
                                SequencePoseDataPreprocessor)
from mmpose_tdmi.models.layers import DeformableConv2d
from mmpose_tdmi.structures import fold_time


class FramePhase(nn.Module):
    """Frames to what is kept of them.

    Args:
        model (nn.Module): The estimator.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.encoder = None
        if model.with_neck and hasattr(model.neck, 'encode_frames'):
            self.encoder = model.neck

    def forward(self, frames: Tensor) -> Tuple[Tensor, ...]:
        """Maps of normalised frames.

        Args:
            frames (Tensor): (N, 3, H, W).

        Returns:
            tuple[Tensor]: (N, C_j, h_j, w_j) each.
        """
        maps = self.backbone(frames)
        if isinstance(maps, Tensor):
            maps = (maps, )
        if self.encoder is not None:
            maps = self.encoder.encode_frames(maps)
        return tuple(maps)


class WindowPhase(nn.Module):
    """Windows of frames' maps to the key frames' heatmaps.

    Args:
        model (nn.Module): The estimator.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.neck = model.neck if model.with_neck else None
        self.head = model.head

    def forward(self, *maps: Tensor) -> Tensor:
        """Heatmaps as they are decoded.

        Args:
            *maps (Tensor): What the frame phase gives, (B, T, C_j, h_j, w_j)
                each, frames in order of time.

        Returns:
            Tensor: (B, K, h, w), activated where the head does so.
        """
        feats = tuple(fold_time(x) for x in maps)
        if hasattr(self.neck, 'encode_windows'):
            feats = self.neck.encode_windows(feats)
        elif self.neck is not None:
            feats = self.neck(feats)
        heatmaps = self.head.forward(feats)
        if hasattr(self.head, 'activate'):
            heatmaps = self.head.activate(heatmaps)
        return heatmaps


class ClipPhase(nn.Module):
    """Both phases: whole clips to the key frames' heatmaps.

    Args:
        model (nn.Module): The estimator.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.frame = FramePhase(model)
        self.window = WindowPhase(model)

    def forward(self, clips: Tensor) -> Tensor:
        """Heatmaps as they are decoded.

        Args:
            clips (Tensor): Normalised frames in order of time, (B, T, 3, H,
                W).

        Returns:
            Tensor: (B, K, h, w).
        """
        maps = self.frame(fold_time(clips))
        return self.window(*(x.unflatten(0, clips.shape[:2]) for x in maps))


def check_exportable(model: nn.Module) -> None:
    """Check that a model consists of parts that can be exported.

    Args:
        model (nn.Module): The estimator.

    Raises:
        ValueError: If preprocessor, backbone, neck or head is of a kind that
            cannot, or the model is in training mode; the message names it.
    """
    preprocessor = model.data_preprocessor
    if not isinstance(preprocessor, SequencePoseDataPreprocessor):
        raise ValueError('model.data_preprocessor must be a '
                         'SequencePoseDataPreprocessor, got '
                         f'{type(preprocessor).__name__}')
    if preprocessor.pad_size_divisor != 1:
        raise ValueError('model.data_preprocessor.pad_size_divisor must be '
                         '1, since exported graphs take crops as they are, '
                         f'got {preprocessor.pad_size_divisor}')
    neck = model.neck if model.with_neck else None
    if isinstance(model.backbone, BackboneWithFrames) or isinstance(
            neck, OpticalFlowNeck):
        raise ValueError(
            f'model.neck {type(neck).__name__} estimates optical flow '
            'between the frames themselves, which is not exported; the '
            'necks of mmpose_tdmi that compare feature maps are')
    if not isinstance(model.head, HeatmapHead):
        raise ValueError(
            f'model.head {type(model.head).__name__} gives no heatmaps; '
            'heads that are exported are mmpose.HeatmapHead and those '
            'derived from it')
    if model.training:
        raise ValueError('the model is in training mode: call model.eval()')
    for name, module in model.named_modules():
        if type(module).__module__.startswith('mmcv.ops'):
            raise ValueError(
                f'model.{name} is an operator of mmcv, '
                f'{type(module).__name__}, which has no form in torch.export '
                'and ONNX; DeformableConv2d of mmpose_tdmi has')


def with_deform_backend(model: nn.Module, backend: str) -> nn.Module:
    """A copy of a model whose deformable convolutions have one backend.

    Args:
        model (nn.Module): The estimator; it is left as it is.
        backend (str): Of :data:`mmpose_tdmi.models.layers.deformable.\
BACKENDS`.

    Returns:
        nn.Module: The copy, with the same weights.
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, DeformableConv2d):
            module.backend = backend
    return model


try:
    from torch.export import Dim, ExportedProgram
except ImportError as error:
    raise ImportError('deployment needs a torch with torch.export.Dim (tested '
                      f'with 2.14), found {torch.__version__}') from error

#: Forms of deformable convolution, and the layer's backend for each:
#: ONNX's operator ``DeformConv``, or ``GridSample`` and a matrix product.
DEFORM_CONVS = dict(operator='torchvision', grid_sample='grid_sample')

#: Largest number of frames or clips of a pass that programs are made for.
MAX_BATCH = 1024


def export_programs(
    model: nn.Module,
    num_frames: int,
    input_size: Tuple[int, int],
    deform_conv: str = 'operator',
    phases: Sequence[str] = ('frame', 'window')
) -> Dict[str, ExportedProgram]:
    """Export the phases of a model.

    Args:
        model (nn.Module): The estimator, on the CPU, in evaluation mode. It
            is left as it is.
        num_frames (int): T.
        input_size (tuple[int, int]): Width and height of a crop in pixels.
        deform_conv (str): A form of :data:`DEFORM_CONVS`. Defaults to
            ``'operator'``.
        phases (Sequence[str]): Which. Defaults to both.

    Returns:
        dict[str, ExportedProgram]: By phase. The frame phase takes (N, 3, H,
        W) and gives a tuple of maps; the window phase takes these maps, (B,
        T, C_j, h_j, w_j) each, and gives heatmaps, (B, K, h, w). N and B are
        free.

    Raises:
        ValueError: If the model cannot be exported, or an argument is none
            of those described.
    """
    if deform_conv not in DEFORM_CONVS:
        raise ValueError(f'deform_conv must be one of {tuple(DEFORM_CONVS)}, '
                         f'got {deform_conv!r}')
    if not phases or not set(phases) <= {'frame', 'window'}:
        raise ValueError("phases must be some of 'frame' and 'window', got "
                         f'{tuple(phases)}')
    check_exportable(model)
    model = with_deform_backend(model, DEFORM_CONVS[deform_conv])
    frame, window = FramePhase(model).eval(), WindowPhase(model).eval()
    width, height = input_size
    programs = {}
    with torch.no_grad():
        # two of each: a batch of one would be taken for a constant
        frames = torch.zeros(2, 3, height, width)
        maps = frame(frames)
        if 'frame' in phases:
            programs['frame'] = _export(frame, (frames, ), 'frames', False)
        if 'window' in phases:
            clips = tuple(x[:, None].repeat(1, num_frames, 1, 1, 1)
                          for x in maps)
            programs['window'] = _export(window, clips, 'batch', True)
    return programs


def _export(phase: nn.Module, inputs: Tuple[Tensor, ...], name: str,
            is_variadic: bool) -> ExportedProgram:
    """Export a phase with a free first axis of all inputs."""
    axis = Dim(name, min=1, max=MAX_BATCH)
    shapes = tuple({0: axis} for _ in inputs)
    try:
        return torch.export.export(
            phase,
            inputs,
            dynamic_shapes=(shapes, ) if is_variadic else shapes)
    except (ConstraintViolationError, UserError) as error:
        parts = [type(part).__name__ for part in phase.children()]
        raise ValueError(
            f'{" or ".join(parts)} cannot be exported with a free number of '
            f'{name}: it may turn the size of a batch into a number, as '
            f'len(x) does where x.shape[0] does not. torch.export says: '
            f'{error}') from error
