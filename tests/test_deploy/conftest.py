"""Small models with random weights, exported once."""
import importlib.util
import sys
from pathlib import Path
from typing import Dict

import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.deploy import export_onnx

_PATH = Path(__file__).parents[2] / 'tools' / 'deploy' / 'export_onnx.py'
_spec = importlib.util.spec_from_file_location('tool_export_onnx', _PATH)
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)

TDMI = 'configs/tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'
RIVAL = 'configs/rivals/synthetic/{}_hrnet-light_1xb16-1e_synthetic-96x64.py'
#: Configs, and what makes their graphs smaller: the time goes with the
#: number of operators.
MODELS = dict(
    tdmi=(TDMI, {
        'head.num_blocks': 1
    }),
    tdmi_st=(TDMI.replace('configs/tdmi',
                          'configs/ablations').replace('.py', '_tdmi-st.py'), {
                              'head.num_blocks': 1
                          }),
    last_stage=(TDMI, {
        'neck.stages': (-1, ),
        'head.num_blocks': 1
    }),
    res18=('configs/tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py', {
        'head.num_blocks': 1
    }),
    small=('configs/tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py', {
        'neck.stages': (0, ),
        'neck.modulation': None,
        'head.num_blocks': 1
    }),
    dcpose=(RIVAL.format('dcpose'), {
        'neck.fusion_blocks': 1,
        'neck.correction_blocks': 1,
        'neck.dilations': (1, 3)
    }),
    posewarper=(RIVAL.format('posewarper'), {
        'neck.num_blocks': 1,
        'neck.dilations': (1, 3)
    }),
    temporal_attention=(RIVAL.format('temporal-attention'), {
        'head.num_layers': 1
    }),
    # the small config's calibration has a mask: without one random weights
    # make of 1e-7 in the maps several units in the heatmaps, in PyTorch too
    fami_pose=(RIVAL.format('fami-pose'), {
        'neck.transform': 'affine'
    }),
    op_flow=('configs/ablations/synthetic/'
             'op-flow_hrnet-light_1xb16-1e_synthetic-96x64.py', {}))


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def models(repository):
    """Builds models, each once."""
    built: Dict[str, torch.nn.Module] = {}

    def get(name: str) -> torch.nn.Module:
        if name not in built:
            path, options = MODELS[name]
            config = Config.fromfile(repository / path)
            config.model.pop('init_cfg', None)
            config.model.test_cfg.flip_test = True
            config.merge_from_dict({
                f'model.{key}': value
                for key, value in options.items()
            })
            built[name] = tool.build_random_model(config)
        return built[name]

    return get


@pytest.fixture(scope='session')
def deform_conv():
    """The form of deformable convolution that this ONNX Runtime has."""
    model = onnx.parser.parse_model("""
        <ir_version: 9, opset_import: ["": 19]> one (
            float[1, 1, 3, 3] x, float[1, 1, 1, 1] w, float[1, 2, 3, 3] o
        ) => (float[1, 1, 3, 3] y) { y = DeformConv(x, w, o) }""")
    try:
        onnxruntime.InferenceSession(
            model.SerializeToString(), providers=['CPUExecutionProvider'])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return 'grid_sample'
    return 'operator'


@pytest.fixture(scope='session')
def exported(models, deform_conv, tmp_path_factory):
    """Exports models, each once: ``(graphs, ...)`` to files, by default in the
    form that runs here."""
    files: Dict[tuple, dict] = {}

    def get(name: str, *graphs: str, deform_conv: str = deform_conv) -> dict:
        key = name, graphs, deform_conv
        if key not in files:
            # the runtime optimizes too
            files[key] = export_onnx(
                models(name),
                tmp_path_factory.mktemp(name),
                graphs,
                optimize=False,
                save_programs=True,
                deform_conv=deform_conv)
        return files[key]

    return get


@pytest.fixture
def run_tool(monkeypatch):
    """tools/deploy/export_onnx.py."""

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', [str(_PATH), *map(str, arguments)])
        tool.main()

    return run
