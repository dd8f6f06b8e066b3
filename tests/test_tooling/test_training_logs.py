"""Curves, times and terms of trainings' logs."""
import json

import cv2
import numpy as np
import pytest

from mmpose_tdmi.tooling.training_logs import (mi_table, read_training_log,
                                               train_time)


def _write(folder, run, steps, epoch=1, **values):
    file = folder / run / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    lines = [
        json.dumps(
            dict(
                loss=float(step),
                epoch=epoch,
                iter=step,
                step=step,
                time=float(step),
                **values)) for step in steps
    ]
    file.write_text('\n'.join(lines))
    return file


def test_a_resumed_run_replaces_what_it_repeats(tmp_path):
    _write(tmp_path, '1', [1, 2, 3, 4], a=1.)
    _write(tmp_path, '2', [3, 5], a=2.)
    log = read_training_log(tmp_path)
    # iteration 4 of the first run was not in the checkpoint
    assert log.train['a'][0].tolist() == [1, 2, 3, 5]
    assert log.train['a'][1].tolist() == [1, 1, 2, 2]


def test_an_unfinished_last_line_is_left_out_another_is_an_error(tmp_path):
    file = _write(tmp_path, '1', [1, 2])
    content = file.read_text()
    file.write_text(content + '\n{"loss": 3, "st')
    assert len(read_training_log(file).train['loss'][0]) == 2
    file.write_text('{"loss"\n' + content)
    with pytest.raises(ValueError, match='line 1'):
        read_training_log(file)


def test_times_by_epoch_without_the_first_iteration(tmp_path):
    _write(tmp_path, '1', [1, 2, 3], epoch=1)
    _write(tmp_path, '2', [10, 20, 40], epoch=2)
    times = train_time(read_training_log(tmp_path))
    assert (times.fastest_epoch, times.fastest) == (1, 2.5)
    assert (times.slowest_epoch, times.slowest) == (2, 30.)
    assert times.mean == pytest.approx((2 + 3 + 20 + 40) / 4)
    outliers = train_time(read_training_log(tmp_path), include_outliers=True)
    assert outliers.mean == pytest.approx((1 + 2 + 3 + 10 + 20 + 40) / 6)


def test_a_training_is_analysed(tiny_training, tmp_path, run_main, capsys):
    tool = 'analysis_tools/analyze_logs.py'
    run_main(tool, 'plot_curve', tiny_training, '--keys', 'loss_kpt',
             'posetrack/mAP', '--out', tmp_path / 'curve.png')
    run_main(tool, 'cal_train_time', tiny_training)
    assert 'average:' in capsys.readouterr().out
    log = next(tiny_training.glob('*/vis_data/scalars.json'))
    run_main(tool, 'mi_terms', log, '--out', tmp_path / 'terms.png',
             '--window', 1)
    printed = capsys.readouterr().out
    for name in ('curve', 'terms'):
        assert cv2.imread(str(tmp_path / f'{name}.png')).std() > 5
    rows = {r[0]: r for r in mi_table(read_training_log(log), 1)[1:]}
    assert all(name in printed for name in rows)
    for name in ('loss_kpt', 'loss_mi_useful_noise', 'mi_motion_useful'):
        assert name in rows
    shares = [float(r[3][:-1]) for r in rows.values() if r[3] != '-']
    assert np.isclose(sum(shares), 100, atol=0.5)
    last = json.loads([
        line for line in log.read_text().splitlines() if '"loss"' in line
    ][-1])
    assert float(rows['loss_kpt'][2]) == pytest.approx(
        last['loss_kpt'], rel=1e-4)


def test_mistakes_are_named(tiny_training, tmp_path, run_main):
    tool = 'analysis_tools/analyze_logs.py'
    with pytest.raises(SystemExit, match="no 'loss_x', but .*'loss_kpt'"):
        run_main(tool, 'plot_curve', tiny_training, '--keys', 'loss_x',
                 '--out', tmp_path / 'x.png')
    with pytest.raises(SystemExit, match='holds none'):
        run_main(tool, 'cal_train_time', tmp_path)
    _write(tmp_path, '1', [1])
    with pytest.raises(SystemExit, match='loss_mi_'):
        run_main(tool, 'mi_terms', tmp_path)
