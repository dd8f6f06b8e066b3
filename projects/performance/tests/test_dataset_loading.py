"""What it costs to load samples."""
import copy

import pytest
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS

from projects.performance.dataset_loading import (Case, cached, in_order,
                                                  load_samples, measure,
                                                  reduced, reduced_share,
                                                  resized, shuffled,
                                                  single_frame)
from projects.performance.models import tdmi_config


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture
def config():
    return tdmi_config('w48')


@pytest.fixture
def pipeline(config):
    pipeline = config.test_dataloader.dataset.pipeline
    return cached([dict(t) for t in pipeline], 0)


@pytest.fixture
def dataset(config, small_clips):
    cfg = copy.deepcopy(config.test_dataloader.dataset)
    cfg.update(
        data_root=str(small_clips),
        ann_file='annotations/synthetic_val.json',
        bbox_file='',
        pipeline=[])
    return DATASETS.build(cfg)


def test_decodes_in_the_order_of_a_test(dataset, pipeline):
    order = in_order(len(dataset), 4, 1, False)
    plain = load_samples(Case('plain', pipeline, order), dataset, 0)
    # clips at the ends of the video have fewer frames
    assert plain.decodes > 4 * len(dataset)
    assert plain.samples == len(dataset) and plain.frames == 9
    kept = load_samples(Case('', cached(pipeline, 8), order), dataset, 0)
    assert kept.decodes == 9
    stock = load_samples(Case('', single_frame(pipeline), order), dataset, 0)
    assert stock.decodes == len(dataset)


def test_runs_make_up_for_several_workers(dataset, pipeline):
    decodes = {
        runs:
        load_samples(
            Case('', cached(pipeline, 6), in_order(len(dataset), 1, 2, runs),
                 2), dataset, 0).decodes
        for runs in (False, True)
    }
    # the second worker begins in the middle
    assert decodes[True] <= 9 + 5 < decodes[False]


def test_training(dataset, config):
    pipeline = resized(
        [dict(t) for t in config.train_dataloader.dataset.pipeline], (24, 32))
    cases = [
        Case('plain', pipeline, shuffled(dataset, 4, 1)),
        Case('reduced', reduced(pipeline), shuffled(dataset, 4, 1)),
        Case('grouped', cached(pipeline, 8), shuffled(dataset, 4, 4)),
    ]
    costs = measure(cases, dataset, 2, limit=6)
    assert list(costs) == ['plain', 'reduced', 'grouped']
    assert {cost.samples for cost in costs.values()} == {6}
    assert costs['plain'].decodes == costs['reduced'].decodes
    assert costs['grouped'].decodes < costs['plain'].decodes
    assert all(cost.seconds > 0 for cost in costs.values())
    small = resized(pipeline, (3, 4))
    assert reduced_share(reduced(small), dataset, 4) == 1
    large = resized(pipeline, (240, 320))
    assert reduced_share(reduced(large), dataset, 4) == 0
