"""The demo's commands name tools, configs and files that fit together."""
import dataclasses
from pathlib import Path

import pytest
from mmengine.config import Config

from projects.demo.demo import fetch_models
from projects.demo.plan import (MODELS, ROOT, TDMI, DemoSettings, own_name,
                                plan, what_draws)
from projects.demo.real_motion_plan import RealMotionSettings
from projects.demo.real_motion_plan import plan as real_motion_plan

DEMO = DemoSettings(Path('out'), video=Path('me.mp4'))
REAL = RealMotionSettings(Path('out'), Path('start.pth'), ('a', 'b'))


def _all(stages):
    return [step for lanes in stages for lane in lanes for step in lane]


def _commands(steps):
    return [command for step in steps for command in step.commands]


@pytest.mark.parametrize(
    'steps', [_all(plan(DEMO)), real_motion_plan(REAL)],
    ids=['demo', 'real_motion'])
def test_every_tool_and_config_exists(steps):
    assert len({step.name for step in steps}) == len(steps)
    for command in _commands(steps):
        inside = [
            Path(part) for part in command
            if part.startswith(str(ROOT)) and '.venv' not in part
        ]
        assert inside, command
        assert all(path.exists() for path in inside), command


@pytest.mark.parametrize(
    'steps', [_all(plan(DEMO)), real_motion_plan(REAL)],
    ids=['demo', 'real_motion'])
def test_options_name_keys_that_the_config_has(steps):
    checked = 0
    for command in _commands(steps):
        if '--cfg-options' not in command:
            continue
        path, = [p for p in command if p.endswith('.py')]
        cfg = Config.fromfile(path)
        for option in command[command.index('--cfg-options') + 1:]:
            key = option.partition('=')[0]
            node = {'randomness': {}, **cfg}  # the runner's own
            for part in key.split('.')[:-1]:
                node = node[part]
            assert isinstance(node, dict), key
            checked += 1
    assert checked > 10


def test_trainings_have_the_demos_seed():
    settings = dataclasses.replace(DEMO, seed=7)
    trainings = [
        command for command in _commands(_all(plan(settings)))
        if 'train' in command
    ]
    assert len(trainings) == 3
    assert all('randomness.seed=7' in command for command in trainings)
    for command in _commands(real_motion_plan(REAL)):
        assert ('train' in command) == ('randomness.seed=0' in command)


def test_checkpoints_are_those_that_the_trainings_write():
    for model in MODELS:
        epochs = Config.fromfile(str(model.config)).train_cfg.max_epochs
        assert DEMO.checkpoint(model).name == f'epoch_{epochs}.pth'


def test_tdmi_starts_as_the_single_frame_model_and_boxes_are_used():
    commands = {step.name: ' '.join(step.lines()) for step in _all(plan(DEMO))}
    single = DEMO.checkpoint(MODELS[0])
    assert f'model.init_cfg.checkpoint={single}' in commands['tdmi']
    for model in MODELS:
        detected = commands[f'test_{model.name}_det']
        assert str(DEMO.detected_boxes.resolve()) in detected
        assert 'bbox_file' not in commands[f'test_{model.name}_gt']
    assert str(DEMO.checkpoint(TDMI)) in commands['draw_held_out']
    # without a video of the user's there is nothing to draw on
    names = [step.name for step in _all(plan(DemoSettings(Path('out'))))]
    assert 'draw_own_me' not in names and 'draw_held_out' in names


def test_the_first_part_of_a_video_is_not_tested_on():
    lines = {s.name: ' '.join(s.lines()) for s in real_motion_plan(REAL)}
    assert 'annotations/a_train.json' in lines['train_a']
    tested = [name for name in lines if name.startswith('test_')]
    assert len(tested) == 8  # two videos, own rest and the other, twice
    assert not any('_train.json' in lines[name] for name in tested)


def test_a_video_of_ones_own_is_drawn_on_by_the_hosts_models():
    *_, own = _all(plan(DEMO))
    command, = own.commands
    assert command[2] == 'me.mp4'
    assert not any(part.endswith(('.py', '.pth')) for part in command[2:])
    told = what_draws(DEMO)
    assert 'rtmpose-m' in told and 'rtmdet_m' in told


def test_or_by_the_repositorys_where_weights_cannot_be_had(
        monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.delenv('MMPOSE_TDMI_WEIGHTS', raising=False)

    def unreachable(*args):
        raise OSError('no route to host')

    monkeypatch.setattr('mmpose_tdmi.utils.checkpoints.urlopen', unreachable)
    excuse = fetch_models()
    assert 'no route to host' in excuse and 'rtmpose-m' in excuse
    offline = dataclasses.replace(DEMO, excuse=excuse)
    *_, own = _all(plan(offline))
    find, draw = own.commands
    assert find[2] == draw[2] == 'me.mp4'
    assert draw[draw.index('--pose') + 1] == 'real-people'
    assert draw[draw.index('--boxes') + 1] == find[3]
    told = what_draws(offline)
    assert excuse in told and 'real-people' in told and 'OpenCV' in told
    # one after the other in one folder
    assert own_name(offline) != own_name(DEMO)
