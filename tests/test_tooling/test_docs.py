"""docs/tools.md: its commands run, its snippets train, its table is true."""
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from .conftest import run_config

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / 'docs/tools.md').read_text()
BLOCKS = re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)
SNIPPETS = dict(
    re.findall(r'<!-- snippet: (\w+) -->\n```python\n(.*?)```', TEXT,
               re.DOTALL))
COMMANDS = [
    line for block in BLOCKS if not block.startswith('# need')
    for line in block.splitlines()
]


def _tool(name):
    """The file that mim runs by a name."""
    found = [p for p in (ROOT / 'tools').rglob(f'{name}.py')]
    # mim warns and takes the shortest path if there are several
    assert len(found) == 1, found
    return str(found[0].relative_to(ROOT / 'tools'))


def _with_snippet(tiny_config, folder, name):
    """A config of one's own: the base and what the docs say."""
    path = folder / f'{name}.py'
    path.write_text(f'_base_ = [{str(tiny_config)!r}]\n\n{SNIPPETS[name]}')
    return path


def _train(tiny_config, folder, name):
    config = Config.fromfile(str(_with_snippet(tiny_config, folder, name)))
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint.save_best = None
    runner = run_config(config, folder / 'run', name)
    runner.train()
    return runner


@pytest.mark.parametrize('command', COMMANDS)
def test_the_commands_run(command, tiny_config, tiny_training, tmp_path,
                          run_main, monkeypatch):
    words = shlex.split(command)
    assert words[:3] == ['mim', 'run', 'mmpose_tdmi']
    known = dict(CONFIG=tiny_config, CHECKPOINT=tiny_training / 'epoch_2.pth')
    if 'CONFIG_WITH_PICTURES' in words:
        known['CONFIG_WITH_PICTURES'] = _with_snippet(tiny_config, tmp_path,
                                                      'pictures')
    monkeypatch.chdir(tmp_path)
    name, *arguments = words[3:]
    arguments = [str(known.get(word, word)) for word in arguments]
    tool = _tool(name)
    if name == 'test':
        # the host's: it has no main to call
        path = str(ROOT / 'tools' / tool)
        monkeypatch.setattr(sys, 'argv', [path, *arguments])
        runpy.run_path(path, run_name='__main__')
    else:
        run_main(tool, *arguments)
    for place, word in enumerate(arguments):
        if word in ('--out', '--output-dir'):
            assert Path(arguments[place + 1]).exists()
    if '--show-dir' in words:
        assert len(list(Path('tested').glob('*/pictures/*.jpg'))) == 2
    if '--badcase' in words:
        assert len(list(Path('tested').glob('*/badcase/results.json'))) == 1


def test_every_tool_that_is_named_is_there():
    for block in BLOCKS:
        for line in block.splitlines():
            if line.startswith('mim run'):
                _tool(shlex.split(line)[3])
            elif not line.startswith('#'):
                script = re.search(r'tools/\w+\.sh', line).group()
                assert (ROOT / script).stat().st_mode & 0o100
    # names in the table's second column
    rows = re.findall(r'^\| [^|]+\| ([^|]+)\|', TEXT, re.MULTILINE)[2:]
    from mmpose.registry import HOOKS
    for name in re.findall(r'`([\w./]+)`', ' '.join(rows)):
        if name.endswith('.sh'):
            assert (ROOT / name).is_file()
        elif name.startswith('Clip'):
            assert HOOKS.get(name) is not None
        else:
            _tool(name)


@pytest.mark.parametrize('name', ['ema', 'swa'])
def test_averages_over_a_training(tiny_config, tmp_path, name):
    runner = _train(tiny_config, tmp_path, name)
    content = torch.load(tmp_path / 'run/epoch_1.pth', weights_only=True)
    # the hook stores the averaged weights as the model's own
    raw = content['ema_state_dict']
    averaged = content['state_dict']
    assert int(raw['steps']) == 2
    differing = [
        key for key, value in averaged.items() if value.is_floating_point()
        and not torch.equal(value, raw[f'module.{key}'])
    ]
    assert len(differing) > 10
    trained = runner.model.state_dict()
    assert all(
        torch.equal(trained[key], raw[f'module.{key}']) for key in differing)


def test_tensorboard_shows_the_terms_in_groups(tiny_config, tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import \
        EventAccumulator
    _train(tiny_config, tmp_path, 'tensorboard')
    folder, = (tmp_path / 'run').glob('*/vis_data')
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = set(events.Tags()['scalars'])
    assert {
        'loss/loss', 'loss/loss_kpt', 'accuracy/acc_pose',
        'mi_loss/useful_noise', 'mi_estimate/useful_noise',
        'mi_probe_loss/useful', 'optimisation/lr', 'resources/time'
    } <= tags
    assert all('/' in tag for tag in tags), tags
    assert [e.step for e in events.Scalars('mi_loss/useful_noise')] == [1, 2]


def test_wandb_gets_the_terms_in_groups(tiny_config, tmp_path, monkeypatch):
    wandb = pytest.importorskip('wandb')
    monkeypatch.setenv('WANDB_MODE', 'offline')
    monkeypatch.setenv('WANDB_SILENT', 'true')
    _train(tiny_config, tmp_path, 'wandb')
    if wandb.run is not None:
        wandb.finish()
    file, = (tmp_path / 'run').glob('*/vis_data/wandb/offline-run-*/*.wandb')
    # protocol buffers hold strings as they are
    content = file.read_bytes()
    for name in (b'loss/loss_kpt', b'mi_loss/useful_noise'):
        assert name in content


@pytest.mark.slow
def test_mim_runs_the_tools_by_name(tiny_config, tmp_path, needs_mim):
    mim = Path(sys.executable).with_name('mim')
    done = subprocess.run(
        [str(mim), 'run', 'mmpose_tdmi', 'get_flops',
         str(tiny_config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert 'T = 5 frames' in done.stdout
    assert 'Multiple scripts' not in done.stdout
