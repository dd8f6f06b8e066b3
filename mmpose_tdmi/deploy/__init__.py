"""Models outside PyTorch: ONNX graphs of the two phases and of whole clips.

- ``phases``: the parts of a model that are exported, as modules;
- ``programs``: these as ``torch.export`` programs;
- ``metadata``: what a runtime must know beside the graphs;
- ``onnx_graphs``: the programs as ONNX graphs;
- ``onnx_edit``: changes of finished ONNX graphs;
- ``parity``: ONNX Runtime against PyTorch;
- ``packages``: the optional packages behind all this.

docs/deployment.md explains the use.
"""
from .metadata import GraphMetadata, describe_model
from .onnx_graphs import GRAPHS, INSTALL_LINE, export_onnx, require_package
from .parity import Parity, ParityError, compare_heatmaps, measure_parity
from .phases import (DEFORM_CONVS, ClipPhase, FramePhase, WindowPhase,
                     check_exportable, export_programs, with_deform_backend)

__all__ = [
    'DEFORM_CONVS', 'GRAPHS', 'INSTALL_LINE', 'ClipPhase', 'FramePhase',
    'GraphMetadata', 'Parity', 'ParityError', 'WindowPhase',
    'check_exportable', 'compare_heatmaps', 'describe_model', 'export_onnx',
    'export_programs', 'measure_parity', 'require_package',
    'with_deform_backend'
]
