"""Models as ONNX graphs.

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
from dataclasses import replace
from pathlib import Path
from typing import Dict, Sequence, Union

import torch
from torch import nn
from torch.export import ExportedProgram

from mmpose_tdmi.utils.files import atomic_path
from .metadata import describe_model
from .onnx_edit import clean, compose_clip, name_batch_axis, set_metadata
from .packages import require_package
from .phases import check_exportable
from .programs import export_programs

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
