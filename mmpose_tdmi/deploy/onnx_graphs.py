"""Models as ONNX graphs, by way of ``torch.export`` programs.

Three graphs of a model, with the phases of :mod:`mmpose_tdmi.video.phases`:

- ``frame``: ``frames`` (N, 3, H, W) to ``map_0``, ``map_1`` ...;
- ``window``: these maps of a window's frames, (B, T, C_j, h_j, w_j) each, to
  ``heatmaps`` (B, K, h, w);
- ``clip``: ``clips`` (B, T, 3, H, W) to ``heatmaps``, composed of the two.

Frames are normalised crops, float32, in the metadata's order of colours. N
frames and B clips are free. A runtime that keeps the first phase's maps along
a track runs each frame once. The flip test is the same graphs on mirrored
frames.
"""
import copy
import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Dict, Sequence, Tuple, Union

import torch
from mmpose.models.heads import HeatmapHead, RTMCCHead, SimCCHead
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import ConstraintViolationError

from mmpose_tdmi.models import BackboneWithFrames, OpticalFlowNeck
from mmpose_tdmi.models.layers import DeformableConv2d
from mmpose_tdmi.structures import fold_time
from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.video.phases import (FramePhase, Maps, WindowPhase,
                                      check_preprocessor)
from .metadata import describe_model

try:
    from torch.export import Dim, ExportedProgram
except ImportError as error:
    raise ImportError('deployment needs a torch with torch.export.Dim (tested '
                      f'with 2.14), found {torch.__version__}') from error

GRAPHS = ('frame', 'window', 'clip')
#: Forms of deformable convolution, and the layer's backend for each:
#: ONNX's operator ``DeformConv``, or ``GridSample`` and a matrix product.
DEFORM_CONVS = dict(operator='torchvision', grid_sample='grid_sample')
#: Largest number of frames or clips of a pass that programs are made for.
MAX_BATCH = 1024
#: DeformConv came with 19, GridSample's present form with 20.
MIN_OPSET = 19
DEFAULT_OPSET = 20
#: Installs all that deployment needs.
INSTALL_LINE = "pip install 'mmpose-tdmi[deploy]'"


def require_package(name: str) -> ModuleType:
    """Import a package of deployment; errors say how to install it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f'deployment needs the package {name}, which is '
                          f'not installed: {INSTALL_LINE}') from error


class ClipPhase(nn.Module):
    """Both phases of a model: whole clips to the key frames' heatmaps."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.frame = FramePhase(model)
        self.window = WindowPhase(model)

    def forward(self, clips: Tensor) -> Tensor:
        """Clips (B, T, 3, H, W) to heatmaps as they are decoded."""
        maps = self.frame(fold_time(clips))
        return self.window(*(x.unflatten(0, clips.shape[:2]) for x in maps))


def check_exportable(model: nn.Module, num_frames: int = 0) -> None:
    """Raise a ValueError that names what of a model cannot be exported; those
    of ``num_frames=1`` may be the host's, which have SimCC heads as well."""
    heads: Tuple[type, ...] = (HeatmapHead, )
    if num_frames == 1:
        heads += SimCCHead, RTMCCHead
    else:
        check_preprocessor(model)
    preprocessor = model.data_preprocessor
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
    if not isinstance(model.head, heads):
        raise ValueError(
            f'model.head {type(model.head).__name__} gives no heatmaps; '
            'heads that are exported are mmpose.HeatmapHead and those '
            'derived from it, of single frames for the streaming engine also '
            'SimCCHead and RTMCCHead')
    if model.training:
        raise ValueError('the model is in training mode: call model.eval()')
    for name, module in model.named_modules():
        if type(module).__module__.startswith('mmcv.ops'):
            raise ValueError(
                f'model.{name} is an operator of mmcv, '
                f'{type(module).__name__}, which has no form in torch.export '
                'and ONNX; DeformableConv2d of mmpose_tdmi has')


def with_deform_backend(model: nn.Module, backend: str) -> nn.Module:
    """A copy of a model whose deformable convolutions have one backend."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, DeformableConv2d):
            module.backend = backend
    return model


def export_programs(
    model: nn.Module,
    num_frames: int,
    input_size: Tuple[int, int],
    deform_conv: str = 'operator',
    phases: Sequence[str] = ('frame', 'window')
) -> Dict[str, ExportedProgram]:
    """Export the phases of a model.

    Args:
        model: The estimator, on the CPU, in evaluation mode; left as it is.
        num_frames: T; with 1 it may be one of the host's.
        input_size: Width and height of a crop in pixels.
        deform_conv: A form of :data:`DEFORM_CONVS`.
        phases: Which.

    Returns:
        By phase, with N and B free.
    """
    if deform_conv not in DEFORM_CONVS:
        raise ValueError(f'deform_conv must be one of {tuple(DEFORM_CONVS)}, '
                         f'got {deform_conv!r}')
    if not phases or not set(phases) <= {'frame', 'window'}:
        raise ValueError("phases must be some of 'frame' and 'window', got "
                         f'{tuple(phases)}')
    check_exportable(model, num_frames)
    model = with_deform_backend(model, DEFORM_CONVS[deform_conv])
    frame, window = FramePhase(model).eval(), WindowPhase(model).eval()
    width, height = input_size
    programs = {}
    with torch.no_grad():
        # two of each: a batch of one would be taken for a constant
        frames = torch.zeros(2, 3, height, width)
        maps = frame(frames)
        if 'frame' in phases:
            programs['frame'] = _export(frame, (frames, ), 'frames')
        if 'window' in phases:
            clips = tuple(x[:, None].repeat(1, num_frames, 1, 1, 1)
                          for x in maps)
            programs['window'] = _export(window, clips, 'batch')
    return programs


def _export(phase: nn.Module, inputs: Maps, name: str) -> ExportedProgram:
    axis = Dim(name, min=1, max=MAX_BATCH)
    shapes: tuple = tuple({0: axis} for _ in inputs)
    if isinstance(phase, WindowPhase):  # whose inputs are one *maps
        shapes = (shapes, )
    try:
        return torch.export.export(phase, inputs, dynamic_shapes=shapes)
    except (ConstraintViolationError, UserError) as error:
        parts = [type(part).__name__ for part in phase.children()]
        raise ValueError(
            f'{" or ".join(parts)} cannot be exported with a free number of '
            f'{name}: it may turn the size of a batch into a number, as '
            f'len(x) does where x.shape[0] does not. torch.export says: '
            f'{error}') from error


def export_onnx(model: nn.Module,
                out_dir: Union[str, Path],
                graphs: Sequence[str] = GRAPHS,
                deform_conv: str = 'operator',
                opset: int = DEFAULT_OPSET,
                optimize: bool = True,
                save_programs: bool = False) -> Dict[str, Path]:
    """Write a model as ONNX graphs.

    Args:
        model: What :func:`mmpose_tdmi.apis.init_pose_model` gives, on the CPU.
        out_dir: Where ``<graph>.onnx`` go; replaced as whole files.
        graphs: Of :data:`GRAPHS`.
        deform_conv: ``'operator'``, ONNX's ``DeformConv``, or
            ``'grid_sample'``, for runtimes without it.
        opset: ONNX operator set, at least 19.
        optimize: Whether the exporter folds constants and merges operators,
            as a runtime does when it loads a graph.
        save_programs: Whether to write ``torch.export``'s ``<phase>.pt2`` too.

    Returns:
        The files, by graph (``'frame'``) or, programs, by file name
        (``'frame.pt2'``).

    Raises:
        ImportError: If onnx or onnxscript is not installed.
        ValueError: If the model or an argument is not as described.
    """
    if not graphs or not set(graphs) <= set(GRAPHS):
        raise ValueError(f'graphs must be some of {GRAPHS}, got '
                         f'{tuple(graphs)}')
    if opset < MIN_OPSET:
        raise ValueError(f'opset must be at least {MIN_OPSET}, the first '
                         f'with DeformConv, got {opset}')
    onnx = require_package('onnx')
    require_package('onnxscript')
    check_exportable(model)
    metadata = describe_model(model, deform_conv)
    num_frames = len(metadata.offsets)
    phases = [p for p in GRAPHS[:2] if p in graphs or 'clip' in graphs]
    programs = export_programs(model, num_frames, metadata.input_size,
                               deform_conv, phases)
    models = {
        phase: to_onnx(phase, program, opset, optimize)
        for phase, program in programs.items()
    }
    if 'clip' in graphs:
        models['clip'] = _compose_clip(models['frame'], models['window'],
                                       num_frames)
    out_dir = Path(out_dir)
    written = {}
    for graph in graphs:
        proto = models[graph]
        proto.producer_name = 'mmpose_tdmi'
        proto.producer_version = metadata.versions['mmpose_tdmi']
        del proto.metadata_props[:]
        onnx.helper.set_model_props(proto,
                                    replace(metadata, graph=graph).to_props())
        onnx.checker.check_model(proto, full_check=True)
        written[graph] = out_dir / f'{graph}.onnx'
        with atomic_path(written[graph]) as temporary:
            onnx.save(proto, str(temporary))
    if save_programs:
        for phase, program in programs.items():
            path = out_dir / f'{phase}.pt2'
            with atomic_path(path) as temporary:
                torch.export.save(program, temporary)
            written[path.name] = path
    return written


def to_onnx(phase: str,
            program: ExportedProgram,
            opset: int = DEFAULT_OPSET,
            optimize: bool = True):
    """The graph of a phase, an ``onnx.ModelProto``."""
    is_frame, signature = phase == 'frame', program.graph_signature
    outer = signature.user_outputs if is_frame else signature.user_inputs
    maps = [f'map_{i}' for i in range(len(outer))]
    outputs = ['heatmaps']
    if len(signature.user_outputs) > 1:
        outputs = ['simcc_x', 'simcc_y']
    model = torch.onnx.export(
        program,
        opset_version=opset,
        input_names=['frames'] if is_frame else maps,
        output_names=maps if is_frame else outputs,
        optimize=optimize,
        verbose=False).model_proto
    graph = model.graph
    # notes for debugging, such as source paths, and shapes that are inferred
    del graph.value_info[:], graph.metadata_props[:], model.metadata_props[:]
    for item in [*graph.node, *graph.initializer, *graph.input, *graph.output]:
        del item.metadata_props[:]
        item.doc_string = ''
    graph.doc_string = model.doc_string = ''
    for value in [*graph.input, *graph.output]:
        axis = value.type.tensor_type.shape.dim[0]
        axis.dim_param = 'frames' if is_frame else 'batch'
    return model


def shape_of(value) -> tuple:
    """The shape of an input or output, names for free axes."""
    return tuple(dim.dim_param or dim.dim_value
                 for dim in value.type.tensor_type.shape.dim)


def _compose_clip(frame, window, num_frames: int):
    """The graph of whole clips from those of the two phases."""
    from onnx import ModelProto, TensorProto, compose, helper

    def copied(model):
        part = ModelProto()
        part.CopyFrom(model)
        del part.metadata_props[:]
        return part

    def reshape(graph, place, name, shape, new_shape):
        # an input of a new name and shape, brought to the old one
        old = graph.input[place].name
        graph.input[place].CopyFrom(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        graph.initializer.append(
            helper.make_tensor(f'{old}_shape', TensorProto.INT64,
                               [len(new_shape)], new_shape))
        graph.node.insert(
            0, helper.make_node('Reshape', [name, f'{old}_shape'], [old]))

    parts = copied(frame), copied(window)
    size = shape_of(frame.graph.input[0])[1:]
    reshape(parts[0].graph, 0, 'clips', ['batch', num_frames, *size],
            [-1, *size])
    for place, value in enumerate(window.graph.input):
        size = shape_of(value)[2:]
        reshape(parts[1].graph, place, f'{value.name}_folded',
                ['frames', *size], [-1, num_frames, *size])
    merged = compose.merge_models(
        compose.add_prefix(parts[0], 'frame/', rename_inputs=False),
        compose.add_prefix(parts[1], 'window/', rename_outputs=False),
        io_map=[(f'frame/{value.name}', f'window/{value.name}_folded')
                for value in window.graph.input])
    # one entry per part is one too many
    versions = {item.domain: item.version for item in merged.opset_import}
    del merged.opset_import[:]
    merged.opset_import.extend(
        helper.make_opsetid(*item) for item in versions.items())
    return merged
