"""The check of a GPU: its logic on a CPU, against itself."""
import json

import pytest
import torch
from mmengine.registry import init_default_scope

CPU = torch.device('cpu')
SINGLE = 'tdmi/synthetic/td-hm_hrnet-light_1xb16-5e_synthetic-96x64.py'


@pytest.fixture
def tool(load_tool):
    init_default_scope('mmpose')
    return load_tool('gpu_check')


def test_every_network_has_a_config(tool):
    """Each neck and head that the package registers is in one of them."""
    from mmpose.registry import MODELS
    names = tool.names_of(tool.SHORT)
    assert len(names) == len(set(names)) > 8
    assert all((tool.CONFIGS / name).is_file() for name in tool.MEASURED)
    built = set()
    for name in names:
        model = tool.load(name).model
        built |= {(model.get(part) or {}).get('type')
                  for part in ('neck', 'head')}
    registered = {
        name
        for name, cls in MODELS.module_dict.items()
        if cls.__module__.startswith('mmpose_tdmi.') and name.endswith((
            'Neck', 'Head'))
    }
    # no config has it: the head's modules, for other heads
    assert registered - {'DisentanglementNeck'} <= built


def test_backends_agree_and_one_that_does_not_is_found(tool, monkeypatch):
    found = tool.check_network(tool.TDMI, CPU)
    assert {'torchvision', 'grid_sample'} <= set(found)
    assert all(value < 1e-3 for value in found['torchvision'].values())

    copy = tool.with_deform_backend

    def spoilt(model, backend):
        model = copy(model, backend)
        if backend == 'grid_sample':
            next(model.head.parameters()).data.add_(.1)
        return model

    monkeypatch.setattr(tool, 'with_deform_backend', spoilt)
    record = tool.run_check('network',
                            lambda: tool.check_network(tool.TDMI, CPU))
    assert record['status'] == 'failed' and 'differ by' in record['why']


@pytest.mark.parametrize('check', [
    'check_resume', 'check_distributed', 'check_streaming', 'check_inferencer'
])
def test_the_halves_of_the_cpu(tool, check):
    assert getattr(tool, check)(CPU)


def test_poses_that_are_elsewhere_are_found(tool):
    poses = torch.rand(4, 17, 2).numpy()
    assert tool.require_near(poses, poses + .01)['within'] == 1
    moved = poses.copy()
    moved[0] += 1
    with pytest.raises(AssertionError, match='only 0.750 of the keypoints'):
        tool.require_near(poses, moved)


def test_what_was_not_checked_is_said(tool, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tool, 'SHORT', (SINGLE, ))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for name in ('check_resume', 'check_distributed', 'check_streaming',
                 'check_inferencer', 'check_onnx'):
        monkeypatch.setattr(tool, name, lambda device: {})
    out = tmp_path / 'report.json'
    assert tool.main(['--out', str(out)]) == 0
    report = json.loads(out.read_text())
    states = {check['name']: check['status'] for check in report['checks']}
    assert states['training step in float16'] == 'not checked'
    assert states['torch.compile'] == 'not checked'
    assert states['training step in bfloat16'] == 'passed'
    assert report['device'] == 'no GPU' and report['figures'] == []
    assert 'No word about CUDA follows' in capsys.readouterr().out

    def fail(device):
        raise AssertionError('poses differ')

    monkeypatch.setattr(tool, 'check_streaming', fail)
    assert tool.main(['--out', str(out)]) == 1
    assert 'failed       streaming: AssertionError: poses differ' in \
        capsys.readouterr().out


def test_figures_and_their_table(tool, monkeypatch):
    monkeypatch.setattr(tool, 'MEASURED', (tool.TDMI, SINGLE))
    for name in ('synchronize', 'empty_cache', 'reset_peak_memory_stats'):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    monkeypatch.setattr(torch.cuda, 'max_memory_allocated', lambda: 2**30)
    ran = []
    # two seconds for TDMI, one for the single frame
    monkeypatch.setattr(
        tool, 'seconds',
        lambda run: run() or ran.append(run) or len(ran) % 2 + 1.)
    rows = tool.measure(CPU, full=False)
    assert len(ran) == 2 * len(rows) == 8
    assert [row['time_ratio'] for row in rows] == [2.] * 4
    assert [rows[1]['tdmi'], rows[1]['single']] == [5., 10.]
    table = tool.as_table(dict(device='a card', torch='2', figures=rows))
    assert '| streaming, 10 people, person-frames/s | 5 | 10 | 2.00 |' in table
