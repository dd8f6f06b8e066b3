"""Learning rates without training."""
import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmpose_tdmi.tooling.schedules import epoch_length_of, training_schedule


def test_it_is_what_a_training_logs(tiny_config, tiny_training):
    config = Config.fromfile(str(tiny_config))
    config.train_cfg.max_epochs = 2
    length = epoch_length_of(config)
    assert length == 2
    schedule = training_schedule(config, length)
    log = next(tiny_training.glob('*/vis_data/scalars.json'))
    logged = [
        record['lr'] for record in map(json.loads,
                                       log.read_text().splitlines())
        if 'loss' in record
    ]
    # the log has the rate of the first group of parameters
    assert any(values == pytest.approx(logged, rel=1e-6)
               for values in schedule.lr.values())


def test_the_papers_steps(repository, tmp_path, run_main, capsys):
    config = repository / ('configs/tdmi/posetrack18/tdmi_hrnet-w48_2xb24-20e'
                           '_posetrack18-384x288.py')
    run_main('visualizations/vis_scheduler.py', config, '--dataset-size', 480,
             '--ngpus', 2, '--out', tmp_path / 'lr.png')
    assert '10 iterations an epoch' in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / 'lr.png')).std() > 5
    schedule = training_schedule(Config.fromfile(str(config)), 10)
    lr = schedule.lr['all']
    assert len(lr) == 200
    for epoch, expected in ((0, 1e-3), (5, 1e-3), (6, 1e-4), (12, 1e-5),
                            (18, 1e-6), (19, 1e-6)):
        assert lr[10 * epoch:10 * epoch + 10] == pytest.approx(expected)
    assert np.all(schedule.alpha == 1)


def test_multipliers_give_curves_of_their_own_and_alpha_its_own(tiny_config):
    config = Config.fromfile(str(tiny_config))
    config.optim_wrapper.paramwise_cfg = dict(
        custom_keys=dict(backbone=dict(lr_mult=0.1)))
    config.model.head.mi_loss.alpha = dict(
        type='linear', start=0., end=1., begin=0, stop=10)
    schedule = training_schedule(config, 10)
    slow, fast = sorted(schedule.lr.values(), key=lambda x: x.max())
    # the cosine's end is the same for all: only the start is a tenth
    assert slow[0] == pytest.approx(fast[0] / 10)
    assert schedule.alpha == pytest.approx(np.arange(10) / 10)


def test_mistakes_are_named(tiny_config, run_main, tmp_path):
    with pytest.raises(SystemExit, match='trains nothing'):
        run_main('visualizations/vis_scheduler.py', tiny_config,
                 '--dataset-size', 8, '--out', tmp_path / 'x.png',
                 '--cfg-options', 'optim_wrapper=None')
