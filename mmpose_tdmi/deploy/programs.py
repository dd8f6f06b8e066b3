"""Programs of ``torch.export``, from which the ONNX graphs are made.

They can be saved (:func:`torch.export.save`) and run without this package's
Python code, by PyTorch 2 of the same minor version or later.

Shape shorthand: N frames, B clips, T frames of a clip, C channels, K
keypoints, H x W pixels of a crop, h x w cells.
"""
from typing import Dict, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import ConstraintViolationError

from .phases import (FramePhase, WindowPhase, check_exportable,
                     with_deform_backend)

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
