"""Two processes give what one gives for the same global batch."""
import gc
import json
import multiprocessing
import os
import time

import pytest
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler
from mmengine.hooks import Hook
from mmengine.model import convert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATA_SAMPLERS, HOOKS, MODELS
from torch.nn.modules.batchnorm import _BatchNorm


@HOOKS.register_module()
class FixedStatistics(Hook):
    """Batch normalisation with its running statistics.

    Otherwise each process normalises by its own half of the batch.
    """

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


@HOOKS.register_module()
class WriteMetrics(Hook):
    """Writes the figures of the first evaluation to a file."""

    def __init__(self, path):
        self.path = path

    def after_val_epoch(self, runner, metrics=None):
        with open(self.path, 'w') as file:
            json.dump(metrics, file)


@DATA_SAMPLERS.register_module()
class RoundedUpSampler(DefaultSampler):
    """The order of one process with the repetition that two need.

    With an odd number of samples the second process gets the first sample of
    the epoch once more.
    """

    def __iter__(self):
        order = list(super().__iter__())
        return iter(order + order[:1])

    def __len__(self):
        return super().__len__() + 1


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpose')


def two_processes(cfg, store, runner=Runner):
    """Train in two children that talk through gloo; their exit codes."""

    def child(rank):
        torch.set_num_threads(1)
        torch.distributed.init_process_group(
            'gloo', init_method=f'file://{store}', rank=rank, world_size=2)
        os.environ.update(RANK=str(rank), LOCAL_RANK='0', WORLD_SIZE='2')
        cfg.launcher = 'pytorch'
        runner.from_cfg(cfg).train()
        torch.distributed.destroy_process_group()

    gc.collect()  # in a copy, collecting frames of PyAV would wait for ever
    context = multiprocessing.get_context('fork')
    children = [context.Process(target=child, args=(r, )) for r in range(2)]
    for process in children:
        process.start()
    deadline = time.monotonic() + 240
    for process in children:
        process.join(max(0, deadline - time.monotonic()))
    codes = [process.exitcode for process in children]
    for process in children:
        process.kill()  # where one hangs
    return codes


def distributed_config(small_config, work_dir, batch_size):
    cfg = small_config(
        work_dir,
        **{
            'train_cfg.max_epochs': 1,
            'train_dataloader.batch_size': batch_size,
            # the last batch is half as large
            'train_dataloader.dataset.indices': 6,
            # an odd number: one process has a sample more
            'val_dataloader.dataset.indices': 5,
            'optim_wrapper.optimizer':
            dict(_delete_=True, type='SGD', lr=0.01),
            'param_scheduler': None,
        })
    # means over the samples: other losses weigh each process' half of a
    # batch by the joints it has, or compare its samples with each other
    cfg.model.head.loss = dict(type='KeypointMSELoss', use_target_weight=True)
    cfg.model.head.mi_loss = None
    folder = work_dir / 'predictions'
    cfg.val_evaluator.out_dir = str(folder)
    cfg.val_evaluator.collect_dir = str(work_dir / 'exchange')
    cfg.custom_hooks = [
        dict(type='FixedStatistics'),
        dict(type='WriteMetrics', path=str(work_dir / 'metrics.json'))
    ]
    return cfg


def assert_equal_training(cfg, one, two):
    """Two work folders hold the same weights, and not those of the start."""
    weights = [
        torch.load(folder / 'epoch_1.pth')['state_dict']
        for folder in (one, two)
    ]
    start = MODELS.build(cfg.model).state_dict()
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        torch.testing.assert_close(
            weights[1][name], value, rtol=1e-3, atol=1e-5, msg=name)
    moved = [
        name for name, value in weights[0].items()
        if value.is_floating_point() and not torch.equal(value, start[name])
    ]
    assert len(moved) > 50


def without_evaluation(cfg, num_samples):
    """The config, training only, on so many samples."""
    cfg.train_dataloader.dataset.indices = num_samples
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.save_best = None
    cfg.custom_hooks = cfg.custom_hooks[:1]
    return cfg


@pytest.mark.slow
def test_a_number_of_samples_that_does_not_divide(small_config, run_training,
                                                  tmp_path):
    # 5 samples: 2 + 2, then 1 + 1, the last of which is the first once more
    one, two = tmp_path / 'one', tmp_path / 'two'
    two.mkdir()
    cfg = without_evaluation(distributed_config(small_config, one, 4), 5)
    cfg.train_dataloader.sampler.type = 'RoundedUpSampler'
    assert run_training(cfg) == 0
    cfg = without_evaluation(distributed_config(small_config, two, 2), 5)
    assert two_processes(cfg, tmp_path / 'store') == [0, 0]
    assert_equal_training(cfg, one, two)


def test_two_processes_equal_one(small_config, run_training, tmp_path):
    one, two = tmp_path / 'one', tmp_path / 'two'
    assert run_training(distributed_config(small_config, one, 4)) == 0
    two.mkdir()
    assert two_processes(
        distributed_config(small_config, two, 2),
        tmp_path / 'store') == [0, 0]
    assert_equal_training(distributed_config(small_config, one, 4), one, two)
    metrics = [
        json.loads((folder / 'metrics.json').read_text())
        for folder in (one, two)
    ]
    assert metrics[0].keys() == metrics[1].keys()
    for name, value in metrics[0].items():
        assert metrics[1][name] == pytest.approx(value, abs=0.1), name
    # every sample once, in order, whatever process had it
    files = [sorted((f / 'predictions').glob('*.json')) for f in (one, two)]
    assert [f.name for f in files[0]] == [f.name for f in files[1]] != []
    for pair in zip(*files):
        found = [json.loads(f.read_text())['annotations'] for f in pair]
        assert [a['image_id']
                for a in found[0]] == [a['image_id'] for a in found[1]]


def test_synchronised_batch_normalisation_is_an_option(small_config, tmp_path):
    # it computes on GPUs only: here, that the whole model converts and tests
    cfg = small_config(tmp_path)
    model = MODELS.build(cfg.model)
    kinds = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    converted = convert_sync_batchnorm(model, 'torch').eval()
    found = [
        m for m in converted.modules() if isinstance(m, torch.nn.SyncBatchNorm)
    ]
    assert len(found) == len(kinds) > 20


@pytest.mark.slow
def test_synchronised_batch_normalisation_needs_gpus(small_config, tmp_path,
                                                     capfd):
    cfg = without_evaluation(distributed_config(small_config, tmp_path, 2), 4)
    cfg.custom_hooks = []
    cfg.sync_bn = 'torch'
    assert two_processes(cfg, tmp_path / 'store') == [1, 1]
    # torch's own words, not a hang and not a wrong result
    assert 'SyncBatchNorm layers only work with' in capfd.readouterr().err
