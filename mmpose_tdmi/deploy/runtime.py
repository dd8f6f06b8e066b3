"""Graphs in ONNX Runtime: sessions, a model's phases for the streaming engine,
and heatmaps beside PyTorch's.

The engine's graphs are those of :mod:`.onnx_graphs`, made when a model is
first run and kept in torch's cache, by all that they depend on. Crops,
preprocessing, moved features and decoding are the engine's own.

Shapes: N crops, B windows, T frames of a window, C channels, h x w cells.
"""
import copy
import hashlib
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import (Any, Callable, Dict, List, Mapping, Optional, Sequence,
                    Tuple, Union)

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmpose_tdmi.structures import unfold_time
from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.version import __version__
from mmpose_tdmi.video.crops import ClipSettings
from mmpose_tdmi.video.phases import FramePhase, Maps, Precision, WindowPhase
from .metadata import GraphMetadata, hash_weights
from .onnx_graphs import (DEFORM_CONVS, ClipPhase, check_exportable,
                          export_programs, require_package, to_onnx)

#: What runs graphs on a kind of device. TF32 is off: poses are PyTorch's.
PROVIDERS: Dict[str, Tuple[str, Dict[str, Any]]] = dict(
    cpu=('CPUExecutionProvider', {}),
    cuda=('CUDAExecutionProvider', dict(use_tf32=0)))

#: What graphs must reach.
MAX_DIFFERENCE = 1e-3
MIN_SAME_PEAKS = 0.999


class LackingOperator(ValueError):
    """ONNX Runtime has no kernel for an operator of a graph."""


def open_session(path: Union[str, Path],
                 threads: int = 0,
                 device: str = 'cpu') -> Any:
    """An ``onnxruntime.InferenceSession`` of a graph; ``threads`` of 0 are
    ONNX Runtime's own choice."""
    runtime = require_package('onnxruntime')
    if not Path(path).is_file():
        raise FileNotFoundError(f'graph {path} does not exist')
    kind = torch.device(device)
    provider, choices = PROVIDERS.get(kind.type, ('', {}))
    if provider not in runtime.get_available_providers():
        raise ValueError(
            f'onnxruntime {runtime.__version__} has no execution provider for '
            f'the device {device}: it has '
            f'{", ".join(runtime.get_available_providers())}')
    if kind.index is not None:
        choices = dict(choices, device_id=kind.index)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    errors = runtime.capi.onnxruntime_pybind11_state
    try:
        session = runtime.InferenceSession(
            str(path), options, providers=[(provider, choices)])
    except errors.NotImplemented as error:
        raise LackingOperator(
            f'onnxruntime {runtime.__version__} lacks an operator of {path}; '
            "where that is DeformConv, export with deform_conv='grid_sample' "
            f'(--deform-conv grid_sample): {error}') from error
    except (errors.InvalidProtobuf, errors.InvalidGraph) as error:
        raise ValueError(f'graph {path} is damaged, remove it: it would be '
                         f'made anew: {error}') from error
    if session.get_providers()[0] != provider:
        raise ValueError(f'onnxruntime {runtime.__version__} could not start '
                         f'its {provider}, see its messages above')
    return session


def read_metadata(session) -> GraphMetadata:
    return GraphMetadata.from_props(
        session.get_modelmeta().custom_metadata_map)


def run_graph(session: Any, *inputs: Tensor) -> List[Tensor]:
    """A graph's outputs; all are float32, with a free first axis, and on the
    session's device, where nothing is copied."""
    inputs = tuple(x.contiguous() for x in inputs)
    device = inputs[0].device
    outputs = [
        inputs[0].new_empty(len(inputs[0]), *value.shape[1:])
        for value in session.get_outputs()
    ]
    binding = session.io_binding()

    def bind(to: Callable, values: Any, tensors: Any) -> None:
        for value, x in zip(values, tensors):
            to(value.name, device.type, device.index or 0, np.float32,
               tuple(x.shape), x.data_ptr())

    bind(binding.bind_input, session.get_inputs(), inputs)
    bind(binding.bind_output, session.get_outputs(), outputs)
    if device.type == 'cuda':
        torch.cuda.current_stream(device).synchronize()
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    return outputs


class FrameGraph:
    """A frame graph in place of :class:`FramePhase`."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self, frames: Tensor) -> Maps:
        """Maps (N, C_j, h_j, w_j) of normalised frames (N, 3, H, W)."""
        return tuple(run_graph(self._session, frames))


class WindowGraph:
    """A window graph in place of :class:`WindowPhase`.

    ``head`` is the model's, but takes what the graph gives for what it would
    have computed.
    """

    def __init__(self, session: Any, head: nn.Module, num_frames: int) -> None:
        self._session = session
        self._num_frames = num_frames
        self.head: Any = copy.copy(head)
        self.head.forward = self.head.activate = lambda outputs: outputs

    def __call__(self, *maps: Tensor) -> Any:
        """What is decoded of maps (B, T, C_j, h_j, w_j) in order of time:
        heatmaps (B, K, h, w), or SimCC's two vectors."""
        outputs = run_graph(self._session, *maps)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def features(self, maps: Maps) -> Any:
        """The same of maps (B * T, C_j, h_j, w_j)."""
        return self(*(unfold_time(x, self._num_frames) for x in maps))


#: A first and a second phase.
Phases = Tuple[Union[FramePhase, FrameGraph], Union[WindowPhase, WindowGraph]]


def open_phases(model: nn.Module, settings: ClipSettings, backend: str,
                precision: str, needs_motion: bool) -> Optional[Phases]:
    """A model's two phases as the streaming engine runs them.

    Args:
        model: The estimator, in evaluation mode.
        settings: Those of its config.
        backend: ``'onnxruntime'``, or ``'auto'``: for each phase that or
            PyTorch, what a trial finds faster; a line of the log tells.
        precision: Graphs are in float32.
        needs_motion: Graphs do not give the neck's motion feature.

    Returns:
        The phases, on the model's device and in as many threads as torch's;
        None if both are better run by PyTorch.

    Raises:
        ImportError: If a package is not installed.
        ValueError: If the model cannot be exported, or not run.
    """
    try:
        if precision != 'float32':
            raise ValueError('graphs are in float32, and the precision asked '
                             f'for is {precision!r}')
        if needs_motion:
            raise ValueError("graphs do not give the neck's motion feature, "
                             'which drawing or the tracker asks for')
        runtime = require_package('onnxruntime')
        check_exportable(model, settings.window.num_frames)
        graphs = _open_graphs(model, settings)
    except (ImportError, ValueError) as error:
        if backend != 'auto':
            raise type(error)(f'backend={backend!r}: {error}') from error
        print_log(f"backend='auto': the model runs in PyTorch: {error}",
                  'current')
        return None
    if backend == 'auto':
        return _faster(model, settings, graphs)
    print_log(
        f'backend={backend!r}: the model runs in ONNX Runtime '
        f'{runtime.__version__}', 'current')
    return graphs


def _open_graphs(model: nn.Module,
                 settings: ClipSettings) -> Tuple[FrameGraph, WindowGraph]:
    device = str(next(model.parameters()).device)

    def opened(name: str, phase: nn.Module) -> Any:
        fingerprint = _fingerprint(model, settings, phase)
        for form in DEFORM_CONVS:
            path = _find_graph(model, settings, name, form, fingerprint)
            try:
                return _kept_session(path,
                                     path.stat().st_mtime_ns,
                                     torch.get_num_threads(), device)
            except LackingOperator as error:
                lacking = error
        raise lacking

    return FrameGraph(opened('frame', FramePhase(model))), WindowGraph(
        opened('window', WindowPhase(model)), model.head,
        settings.window.num_frames)


@lru_cache(maxsize=4)
def _kept_session(path: Path, changed: int, threads: int, device: str) -> Any:
    """An open session; two models' stay open from video to video."""
    return open_session(path, threads, device)


@torch.no_grad()
def _faster(model: nn.Module, settings: ClipSettings,
            graphs: Tuple[FrameGraph, WindowGraph]) -> Optional[Phases]:
    """For each phase the faster of graph and PyTorch, on one window."""
    phases: Dict[str, Phases] = {
        'PyTorch': (FramePhase(model), WindowPhase(model)),
        'ONNX Runtime': graphs
    }
    width, height = settings.input_size
    frames = Precision().arrange(
        next(model.parameters()).new_zeros(1, 3, height, width))
    maps = tuple(
        torch.cat([x] * settings.window.num_frames)
        for x in phases['PyTorch'][0](frames))
    trials = [
        _trial({
            k: lambda p=p: p[0](frames)
            for k, p in phases.items()
        }),
        _trial({
            k: lambda p=p: p[1].head.forward(p[1].features(maps))
            for k, p in phases.items()
        })
    ]
    frame, window = (min(times, key=times.get) for times in trials)
    told = [
        ', '.join(f'{k} {1000 * t:.3g} ms' for k, t in times.items())
        for times in trials
    ]
    print_log(
        f"backend='auto': frames run in {frame} ({told[0]}), windows in "
        f'{window} ({told[1]})', 'current')
    if frame == window == 'PyTorch':
        return None
    return phases[frame][0], phases[window][1]


def _trial(cases: Dict[str, Callable]) -> Dict[str, float]:
    """Seconds of each, the least of three runs in turn after another."""
    times: Dict[str, List[float]] = {name: [] for name in cases}
    for _ in range(4):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: min(found[1:]) for name, found in times.items()}


def _fingerprint(model: nn.Module, settings: ClipSettings,
                 phase: nn.Module) -> str:
    """16 digits of a SHA-256 of what the graph of a phase depends on."""
    digest = hashlib.sha256(hash_weights(phase).encode())
    for part in (phase, model.cfg.model, settings.window, settings.input_size,
                 __version__, torch.__version__):
        digest.update(f'{part}\n'.encode())
    # modules may be under work, the user's own and this package's
    for name in sorted({type(x).__module__ for x in phase.modules()}):
        file = getattr(sys.modules.get(name), '__file__', None)
        digest.update(Path(file).read_bytes() if file else name.encode())
    return digest.hexdigest()[:16]


def _find_graph(model: nn.Module, settings: ClipSettings, phase: str,
                form: str, fingerprint: str) -> Path:
    """The file of a phase's graph, made if it must be."""
    folder = Path(torch.hub.get_dir(), 'mmpose_tdmi_graphs')
    path = folder / f'{fingerprint}-{phase}-{form}.onnx'
    if path.is_file():
        return path
    onnx = require_package('onnx')
    require_package('onnxscript')
    print_log(f'the graph of a model is made, once: {path}', 'current')
    try:
        programs = export_programs(
            copy.deepcopy(model).cpu(), settings.window.num_frames,
            settings.input_size, form, [phase])
        graph = to_onnx(phase, programs[phase])
    except RuntimeError as error:
        parts = ', '.join(type(part).__name__ for part in model.children())
        raise ValueError(f'the {phase} phase of the model, which has {parts}, '
                         f'cannot be exported: {error}') from error
    # another process that does this at once writes the same
    with atomic_path(path, is_own=True) as temporary:
        onnx.save(graph, str(temporary))
    return path


class ParityError(ValueError):
    """An exported graph gives other heatmaps than the model."""


@dataclass(frozen=True)
class Parity:
    """How far heatmaps are from those of PyTorch."""
    max_difference: float  #: The largest absolute difference.
    same_peaks: float  #: The share of joints with the same argmax.
    num_joints: int  #: Joints that were compared.
    largest: float  #: The largest absolute value of PyTorch's.

    @property
    def is_good(self) -> bool:
        """Whether both limits are met."""
        return (self.max_difference <= MAX_DIFFERENCE
                and self.same_peaks >= MIN_SAME_PEAKS)


def compare_heatmaps(expected: np.ndarray, found: np.ndarray) -> Parity:
    """Compare PyTorch's heatmaps, (B, K, h, w), with a graph's."""
    if expected.shape != found.shape:
        raise ParityError('the graph gives heatmaps of the shape '
                          f'{found.shape}, the model {expected.shape}')
    flat = [x.reshape(*x.shape[:2], -1) for x in (expected, found)]
    same = flat[0].argmax(-1) == flat[1].argmax(-1)
    return Parity(
        float(np.abs(expected - found).max()), float(same.mean()), same.size,
        float(np.abs(expected).max()))


@torch.no_grad()
def measure_parity(model: nn.Module,
                   paths: Mapping[str, Union[str, Path]],
                   batch_sizes: Sequence[int] = (1, 3),
                   seed: int = 0,
                   threads: int = 0) -> Dict[str, Parity]:
    """Compare exported graphs with their model on random clips.

    ``paths`` has ``frame`` and ``window``, which are compared together,
    ``clip``, or all; ``batch_sizes`` has B of each pass; ``threads`` is as
    :func:`open_session`'s. Gives ``'frame+window'`` and ``'clip'``.
    """
    sessions = {
        graph: open_session(paths[graph], threads)
        for graph in ('frame', 'window', 'clip') if graph in paths
    }

    def run_phases(clips: np.ndarray) -> np.ndarray:
        frame, window = sessions['frame'], sessions['window']
        maps = frame.run(None, {'frames': clips.reshape(-1, *clips.shape[2:])})
        names = [value.name for value in window.get_inputs()]
        return window.run(
            None, {
                name: x.reshape(*clips.shape[:2], *x.shape[1:])
                for name, x in zip(names, maps)
            })[0]

    runs: Dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    if 'frame' in sessions and 'window' in sessions:
        runs['frame+window'] = run_phases
    if 'clip' in sessions:
        runs['clip'] = lambda x: sessions['clip'].run(None, {'clips': x})[0]
    if not runs:
        raise ValueError("parity needs the graph 'clip', or 'frame' and "
                         f"'window', got {tuple(paths)}")
    metadata = read_metadata(next(iter(sessions.values())))
    width, height = metadata.input_size
    phase = ClipPhase(model).eval()
    generator = torch.Generator().manual_seed(seed)
    expected, found = [], {name: [] for name in runs}
    for batch_size in batch_sizes:
        shape = batch_size, len(metadata.offsets), 3, height, width
        clips = torch.randn(shape, generator=generator)
        expected.append(phase(clips).numpy())
        for name, run in runs.items():
            found[name].append(run(clips.numpy()))
    return {
        name:
        compare_heatmaps(np.concatenate(expected), np.concatenate(heatmaps))
        for name, heatmaps in found.items()
    }
