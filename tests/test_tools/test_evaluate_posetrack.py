"""The evaluation tool on folders of official files."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation import POSEVAL_JOINTS
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import write_random_set


@pytest.fixture
def evaluate(run_tool, capsys):
    """``evaluate(*arguments)`` runs the tool and returns what it printed."""

    def run(*arguments):
        run_tool('evaluate_posetrack', *arguments)
        return capsys.readouterr().out

    return run


@pytest.fixture
def folders(tmp_path):
    return write_random_set(tmp_path, RandomSetSettings(unseen='nose'), 0)


def test_prints_the_table_and_writes_the_numbers(evaluate, folders, tmp_path):
    out = tmp_path / 'new' / 'scores.json'
    printed = evaluate(*folders, '--out', out).splitlines()
    names, _, row = ([cell.strip() for cell in line.split('|')[1:-1]]
                     for line in printed[1:4])
    row = dict(zip(names, row))
    assert list(row) == [
        '', 'Head', 'Shou', 'Elb', 'Wri', 'Hip', 'Knee', 'Ankl', 'Total'
    ]
    content = json.loads(out.read_text())
    assert list(content) == [*POSEVAL_JOINTS, 'total', 'evaluated']
    assert content['nose'] is None and row['Head'] == 'nan'
    ankles = [content['right_ankle'], content['left_ankle']]
    assert row['Ankl'] == f'{np.mean(ankles):.1f}'
    assert row[''] == 'AP' and row['Total'] == f'{content["total"]:.1f}'
    assert content['evaluated']['files'] == [
        f'{i:06d}_mpii_test' for i in (1, 2, 3)
    ]


def test_all_metrics_and_rules(evaluate, folders, tmp_path):
    out = tmp_path / 'scores.json'
    printed = evaluate(*folders, '--metrics', 'ap', 'mota', 'hota',
                       '--presence', 'posetrack21', '--hota-own-counts',
                       '--out', out)
    assert 'presence rule: posetrack21' in printed
    assert '\n| MOTA |' in printed and '\n| HOTA |' in printed
    content = json.loads(out.read_text())
    assert content['nose'] == 0
    assert content['mota']['mota']['total'] < 100
    assert 0 < content['hota']['hota']['total'] < 100


def test_errors_end_the_tool_with_a_message(evaluate, folders, tmp_path):
    gt_dir, pred_dir = folders
    sorted(pred_dir.iterdir())[1].unlink()
    out = tmp_path / 'scores.json'
    with pytest.raises(SystemExit, match='error: .*000002_mpii_test.json'):
        evaluate(gt_dir, pred_dir, '--out', out)
    assert not out.exists()
    (pred_dir / '000002_mpii_test.json').write_text('{')
    with pytest.raises(SystemExit, match='error: .*not valid json'):
        evaluate(gt_dir, pred_dir)
    with pytest.raises(SystemExit, match='contradicts'):
        evaluate(gt_dir, pred_dir, '--presence', 'posetrack21', '--unlabelled',
                 'score')
