"""A system's config joined with the benchmark's."""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from projects.known_truth.composition import compose, config_hash, set_length
from projects.known_truth.systems import (ROOT, SINGLE_FRAME, SYSTEMS, TABLES,
                                          TDMI)

FOLDER = ROOT / 'projects' / 'known_truth' / 'configs'
BASE = FOLDER / 'known_truth.py'
PRETRAIN = FOLDER / 'known_truth_pretrain.py'


def test_every_row_of_the_tables_is_a_system():
    for table in TABLES:
        assert set(table.rows) <= set(SYSTEMS)


@pytest.fixture(scope='module')
def single_frame():
    return compose(BASE, SINGLE_FRAME.path, Path('clips'),
                   SINGLE_FRAME.options, Path('start.pth'))


@pytest.mark.parametrize(
    'name',
    [name for name, system in SYSTEMS.items() if system.path.is_file()])
def test_systems_get_the_same_training(name, single_frame):
    system = SYSTEMS[name]
    config = compose(BASE, system.path, Path('clips'), system.options,
                     Path('start.pth'))
    reference = single_frame
    for key in ('train_cfg', 'param_scheduler', 'default_hooks',
                'test_evaluator'):
        assert config[key] == reference[key]
    for key in ('train_dataloader', 'test_dataloader'):
        assert 0 in config[key].dataset.offsets
        config[key].dataset.offsets = reference[key].dataset.offsets
        config[key].dataset.pop('random_range', None)
        assert config[key] == reference[key]
    assert config.model.init_cfg.checkpoint == 'start.pth'
    # no other weights are named anywhere in the model
    assert 'work_dirs' not in str(config.model)
    assert config.model.test_cfg.flip_test is False


def test_a_window_may_differ_between_training_and_test():
    config = compose(BASE, SYSTEMS['posewarper'].path, Path('clips'), None,
                     Path('start.pth'))
    train = config.train_dataloader.dataset
    assert train.offsets == (-1, 0, 1) and train.random_range == (-2, 2)
    test = config.test_dataloader.dataset
    assert test.offsets == (-2, -1, 0, 1, 2) and 'random_range' not in test


@pytest.mark.parametrize('name', SYSTEMS)
def test_all_that_have_a_window_see_the_same_features(name):
    system = SYSTEMS[name]
    config = compose(BASE, system.path, Path('clips'), system.options,
                     Path('start.pth'))
    trained = len(config.train_dataloader.dataset.offsets) == 1
    trained |= name == 'tdmi_trained'
    assert config.model.backbone.get('frozen', False) is not trained
    if len(config.train_dataloader.dataset.offsets) > 1:
        # and their new layers learn at the same pace, or not at all
        pace = 0 if name == 'frames_averaged' else 4e-3
        assert config.optim_wrapper.optimizer.lr == pace
        keys = config.optim_wrapper.paramwise_cfg.custom_keys
        assert keys['backbone'].lr_mult == 0.1


def test_threads_may_compose_at_the_same_time():
    """As `known_truth.py run --workers 2` does; the host's reader may not."""
    with ThreadPoolExecutor(4) as pool:
        configs = list(
            pool.map(lambda _: compose(BASE, TDMI.path, Path('clips')),
                     range(8)))
    assert len({config_hash(config) for config in configs}) == 1


def test_pretraining_starts_from_nothing():
    config = compose(PRETRAIN, SINGLE_FRAME.path, Path('clips'))
    assert 'init_cfg' not in config.model
    assert config.train_cfg.type == 'EpochBasedTrainLoop'
    assert config.optim_wrapper.optimizer.lr == 2e-3


def test_options_change_the_system():
    config = compose(BASE, TDMI.path, Path('clips'),
                     {'model.neck.fusion': 'concat'}, Path('start.pth'))
    assert config.model.neck.fusion == 'concat'


def test_length_sets_loop_schedule_and_checkpoints():
    config = compose(BASE, TDMI.path, Path('clips'), None, Path('a.pth'))
    set_length(config, 30)
    assert config.train_cfg.max_iters == 30
    assert config.param_scheduler[-1].end == 30
    assert config.param_scheduler[-1].T_max == 30
    assert config.default_hooks.checkpoint.interval == 10
    config = compose(PRETRAIN, SINGLE_FRAME.path, Path('clips'))
    set_length(config, 3)
    assert config.train_cfg.max_epochs == 3
    assert config.default_hooks.checkpoint.interval == 1


def test_the_hash_knows_settings_and_not_places():
    first = compose(BASE, TDMI.path, Path('/first/clips'), None,
                    Path('/first/start.pth'))
    moved = compose(BASE, TDMI.path, Path('/b/c/clips'), None,
                    Path('/b/c/start.pth'))
    places = Path('/first'), Path('/b/c')
    assert config_hash(first, places[0]) == config_hash(moved, places[1])
    moved.model.neck.num_blocks = (2, 2, 2, 2)
    assert config_hash(first, places[0]) != config_hash(moved, places[1])


def test_a_config_without_a_window_is_refused(tmp_path):
    path = tmp_path / 'bare.py'
    path.write_text('model = dict(type="A")\n')
    with pytest.raises(ValueError, match='offsets'):
        compose(BASE, path, Path('clips'))
