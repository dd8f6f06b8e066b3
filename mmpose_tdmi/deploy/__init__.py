"""Models outside PyTorch: ONNX graphs of the two phases and of whole clips.

docs/deployment.md explains the use.
"""
from mmpose_tdmi.video.phases import FramePhase, WindowPhase
from .metadata import GraphMetadata, describe_model
from .onnx_graphs import (DEFORM_CONVS, GRAPHS, INSTALL_LINE, ClipPhase,
                          check_exportable, export_onnx, export_programs,
                          require_package, with_deform_backend)
from .runtime import Parity, ParityError, compare_heatmaps, measure_parity

__all__ = [
    'DEFORM_CONVS', 'GRAPHS', 'INSTALL_LINE', 'ClipPhase', 'FramePhase',
    'GraphMetadata', 'Parity', 'ParityError', 'WindowPhase',
    'check_exportable', 'compare_heatmaps', 'describe_model', 'export_onnx',
    'export_programs', 'measure_parity', 'require_package',
    'with_deform_backend'
]
