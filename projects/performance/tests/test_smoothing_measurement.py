"""How jitter is measured, and the scripts that print what was measured."""
import importlib.util
import sys

import numpy as np
import pytest

from mmpose_tdmi.video.smoothing import build_smoother
from projects.performance.smoothing_measurement import (head_size,
                                                        measure_jitter,
                                                        noisy_poses, smooth)
from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings


def annotations(length=30):
    """One person whose joints fall; the second joint is not annotated."""
    found = {}
    for t in range(length):
        joints = np.array([[10 + t, 0.2 * t**2, 1.], [0, 0, 0]])
        found[t] = [
            dict(
                track_id=3,
                bbox=[0, 0, 100, 100],
                bbox_head=[0, 0, 30, 40],
                keypoints=joints.ravel().tolist())
        ]
    return found


def test_head_size():
    assert head_size(annotations(1)[0][0]) == pytest.approx(0.6 * 50)


def test_true_poses_accelerate_without_error():
    persons = annotations()
    poses = noisy_poses(range(30), persons, 0., 0., 0)
    jitter = measure_jitter([(poses, range(30))], persons)
    assert jitter.acceleration_error == pytest.approx(0, abs=1e-12)
    assert jitter.position_error == 0
    # 0.4 pixels per frame squared, heads of 30 pixels
    assert jitter.unsteadiness == pytest.approx(0.4 / 30)


def test_known_errors():
    persons = annotations()
    poses = noisy_poses(range(30), persons, 0., 0., 0)
    for frame in poses[::2]:
        frame.persons[0].keypoints[:, 0] += 3
    jitter = measure_jitter([(poses, range(30))], persons)
    # errors 3, 0, 3: second differences of 6
    assert jitter.acceleration_error == pytest.approx(6 / 30)
    assert jitter.position_error == pytest.approx(1.5 / 30)


def test_gaps_have_no_acceleration():
    persons = annotations()
    poses = noisy_poses(range(30), persons, 0., 0., 0)
    for frame in poses[::3]:
        frame.persons.clear()
    empty = measure_jitter([(poses[:3], range(3))], persons)
    assert np.isnan(empty.acceleration_error)
    assert empty.position_error == 0


def test_noise_and_outliers_are_as_said():
    persons = annotations(2000)
    poses = noisy_poses(range(2000), persons, 0.1, 0.05, 0)
    errors = np.array([
        f.persons[0].keypoints[0] - persons[f.index][0]['keypoints'][:2]
        for f in poses
    ])
    scores = np.array([f.persons[0].scores for f in poses])
    assert (scores[:, 1] == 0).all()
    outliers = scores[:, 0] < 0.5
    assert outliers.mean() == pytest.approx(0.05, abs=0.015)
    assert errors[~outliers].std() == pytest.approx(3, rel=0.05)
    assert errors[outliers].std() == pytest.approx(30, rel=0.15)


def test_smoothing_lowers_the_error():
    persons = annotations()
    noisy = noisy_poses(range(30), persons, 0.1, 0.05, 0)
    smoothed = smooth(build_smoother('savgol'), noisy, (100, 100))
    before = measure_jitter([(noisy, range(30))], persons)
    after = measure_jitter([(smoothed, range(30))], persons)
    assert after.acceleration_error < 0.5 * before.acceleration_error
    assert after.position_error < before.position_error


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clips')
    generate(folder,
             ClipSettings(width=160, height=120, frames=12, label_margin=0),
             dict(val=2))
    return folder


def run_tool(repository, monkeypatch, capsys, name, *args):
    path = repository / 'projects' / 'performance' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'benchmark_{name}', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(sys, 'argv', [str(path), *map(str, args)])
    tool.main()
    lines = capsys.readouterr().out.splitlines()
    return [line.split(' | ') for line in lines if line.startswith('| ')]


def test_smoothing_tool(repository, monkeypatch, capsys, clips):
    rows = run_tool(repository, monkeypatch, capsys, 'smoothing', clips,
                    '--noise', '0.2', '--smoothers',
                    '{"none": {"type": "none"}, "s": {"type": "savgol"}}')
    assert [row[0] for row in rows[2:]] == ['| none', '| s']
    assert float(rows[3][2]) < 0.5 * float(rows[2][2])


def test_tracking_tool(repository, monkeypatch, capsys, clips):
    rows = run_tool(repository, monkeypatch, capsys, 'tracking', clips,
                    '--trackers', 'iou', 'oks', '--seeds', '2')
    assert [row[0] for row in rows[2:]] == ['| plain IoU', '| iou', '| oks']
    # identities alone are scored: found persons are where they are
    assert all(50 < float(row[4]) <= 100 for row in rows[2:])
    assert rows[2][6] == '+0.00 ± 0.00'


def test_tracking_tool_says_what_is_wrong(repository, monkeypatch, capsys,
                                          clips):
    for args, text in ((('--trackers', 'sort'), 'sort, expected some of'),
                       (('--miss', '2'), r'miss must be in \[0, 1\]')):
        with pytest.raises(SystemExit, match=text):
            run_tool(repository, monkeypatch, capsys, 'tracking', clips, *args)
    with pytest.raises(SystemExit, match='error: .*synthetic_val.json'):
        run_tool(repository, monkeypatch, capsys, 'tracking', clips / 'none')
