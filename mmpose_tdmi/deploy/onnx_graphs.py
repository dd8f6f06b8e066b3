"""The optional packages of deployment.

Changes of finished ONNX graphs: names, metadata, composition.

Shape shorthand: N frames, B clips, T frames of a clip, C channels, h x w
cells.

Models as ONNX graphs.

Three graphs of one model:

- ``frame``: ``frames`` (N, 3, H, W) to ``map_0``, ``map_1`` ...;
- ``window``: these maps of a window's frames, (B, T, C_j, h_j, w_j) each, to
  ``heatmaps`` (B, K, h, w);
- ``clip``: ``clips`` (B, T, 3, H, W) to ``heatmaps``, composed of the two.

Frames are normalised crops, float32, in the order of colours that the
metadata tell. N and B are free.

Shape shorthand: N frames, B clips, T frames of a clip, C channels, K
keypoints, H x W pixels of a crop, h x w cells.
"""
import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Dict, Mapping, Sequence, Union

import torch
from torch import nn
from torch.export import ExportedProgram

from mmpose_tdmi.utils.files import atomic_path
from .metadata import describe_model
from .phases import check_exportable, export_programs

#: Installs all that deployment needs.
INSTALL_LINE = "pip install 'mmpose-tdmi[deploy]'"


def require_package(name: str) -> ModuleType:
    """Import a package that only deployment needs.

    Args:
        name (str): The package's import name.

    Returns:
        ModuleType: The package.

    Raises:
        ImportError: If it is not installed; the message has the command that
            installs it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f'deployment needs the package {name}, which is '
                          f'not installed: {INSTALL_LINE}') from error


Shape = Sequence[Union[int, str]]


def clean(model) -> None:
    """Drop what the exporter notes for debugging, such as source paths.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
    """
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    # intermediate shapes; a runtime infers them
    del model.graph.value_info[:]
    items = [
        *model.graph.node, *model.graph.initializer, *model.graph.input,
        *model.graph.output
    ]
    for item in items:
        del item.metadata_props[:]
        item.doc_string = ''
    model.graph.doc_string = model.doc_string = ''


def name_batch_axis(model, name: str) -> None:
    """Call the first axis of all inputs and outputs ``name``.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
        name (str): The axis' name.
    """
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = name


def set_metadata(model, props: Mapping[str, str]) -> None:
    """Set the graph's ``metadata_props``.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
        props (Mapping[str, str]): All of them.
    """
    require_package('onnx')
    from onnx.helper import set_model_props
    del model.metadata_props[:]
    set_model_props(model, dict(props))


def shape_of(value) -> tuple:
    """The shape of an input or output, names for free axes."""
    return tuple(dim.dim_param or dim.dim_value
                 for dim in value.type.tensor_type.shape.dim)


def reshape_input(model, name: str, new_name: str, new_shape: Shape,
                  shape: Sequence[int]) -> None:
    """Let a graph take an input in another shape.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
        name (str): The input.
        new_name (str): What takes its place.
        new_shape (Sequence[int | str]): Its shape, names for free axes.
        shape (Sequence[int]): What it is reshaped to, -1 for a free axis.
    """
    require_package('onnx')
    from onnx import TensorProto, helper
    graph = model.graph
    place = [value.name for value in graph.input].index(name)
    graph.input[place].CopyFrom(
        helper.make_tensor_value_info(new_name, TensorProto.FLOAT,
                                      list(new_shape)))
    graph.initializer.append(
        helper.make_tensor(f'{name}_shape', TensorProto.INT64, [len(shape)],
                           list(shape)))
    graph.node.insert(
        0, helper.make_node('Reshape', [new_name, f'{name}_shape'], [name]))


def compose_clip(frame, window, num_frames: int):
    """The graph of whole clips from those of the two phases.

    Args:
        frame (onnx.ModelProto): ``frames`` (N, 3, H, W) to maps (N, C_j,
            h_j, w_j).
        window (onnx.ModelProto): The same maps, (B, T, C_j, h_j, w_j), to
            ``heatmaps``.
        num_frames (int): T.

    Returns:
        onnx.ModelProto: ``clips`` (B, T, 3, H, W) to ``heatmaps``.
    """
    require_package('onnx')
    from onnx import ModelProto, compose, helper
    parts = [ModelProto(), ModelProto()]
    for part, source in zip(parts, (frame, window)):
        part.CopyFrom(source)
        del part.metadata_props[:]
    size = shape_of(frame.graph.input[0])[1:]
    reshape_input(parts[0], 'frames', 'clips', ('batch', num_frames, *size),
                  (-1, *size))
    for value in window.graph.input:
        size = shape_of(value)[2:]
        reshape_input(parts[1], value.name, f'{value.name}_folded',
                      ('frames', *size), (-1, num_frames, *size))
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


GRAPHS = ('frame', 'window', 'clip')

#: DeformConv came with 19, GridSample's present form with 20.
MIN_OPSET = 19
DEFAULT_OPSET = 20


def export_onnx(model: nn.Module,
                out_dir: Union[str, Path],
                graphs: Sequence[str] = GRAPHS,
                deform_conv: str = 'operator',
                opset: int = DEFAULT_OPSET,
                optimize: bool = True,
                save_programs: bool = False) -> Dict[str, Path]:
    """Write a model as ONNX graphs.

    Args:
        model (nn.Module): The estimator, on the CPU, in evaluation mode, with
            ``cfg`` and ``dataset_meta``, as
            :func:`mmpose_tdmi.apis.init_pose_model` gives it.
        out_dir (str | Path): Where ``<graph>.onnx`` go; replaced as whole
            files.
        graphs (Sequence[str]): Of :data:`GRAPHS`. Defaults to all.
        deform_conv (str): ``'operator'``, ONNX's ``DeformConv``, or
            ``'grid_sample'``, for runtimes without it. Defaults to
            ``'operator'``.
        opset (int): ONNX operator set, at least 19. Defaults to 20.
        optimize (bool): Whether the exporter folds constants and merges
            operators. A runtime does so too when it loads a graph. Defaults
            to ``True``.
        save_programs (bool): Whether to write the ``torch.export`` programs
            too, as ``<phase>.pt2``. Defaults to ``False``.

    Returns:
        dict[str, Path]: The files, by graph (``'frame'``) or, programs, by
        file name (``'frame.pt2'``).

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
    phases = [
        phase for phase in ('frame', 'window')
        if phase in graphs or 'clip' in graphs
    ]
    programs = export_programs(model, num_frames, metadata.input_size,
                               deform_conv, phases)
    models = {
        phase: _to_onnx(phase, program, opset, optimize)
        for phase, program in programs.items()
    }
    if 'clip' in graphs:
        models['clip'] = compose_clip(models['frame'], models['window'],
                                      num_frames)
    out_dir = Path(out_dir)
    written = {}
    for graph in graphs:
        proto = models[graph]
        proto.producer_name = 'mmpose_tdmi'
        proto.producer_version = metadata.versions['mmpose_tdmi']
        set_metadata(proto, replace(metadata, graph=graph).to_props())
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


def _to_onnx(phase: str, program: ExportedProgram, opset: int, optimize: bool):
    """A program as an ONNX graph with names of its inputs and outputs."""
    if phase == 'frame':
        inputs = ['frames']
        outputs = [
            f'map_{i}'
            for i in range(len(program.graph_signature.user_outputs))
        ]
    else:
        inputs = [
            f'map_{i}'
            for i in range(len(program.graph_signature.user_inputs))
        ]
        outputs = ['heatmaps']
    exported = torch.onnx.export(
        program,
        opset_version=opset,
        input_names=inputs,
        output_names=outputs,
        optimize=optimize,
        verbose=False)
    model = exported.model_proto
    clean(model)
    name_batch_axis(model, 'frames' if phase == 'frame' else 'batch')
    return model
