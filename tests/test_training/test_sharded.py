"""Sharded parameters (FSDP) by MMEngine's FlexibleRunner."""
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import FlexibleRunner
from mmpose.registry import MODELS

from .test_distributed import (assert_equal_training, distributed_config,
                               two_processes, without_evaluation)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpose')


def sharded_config(small_config, work_dir):
    cfg = without_evaluation(distributed_config(small_config, work_dir, 2), 6)
    cfg.pop('model_wrapper_cfg', None)
    cfg.strategy = dict(
        type='FSDPStrategy',
        # the host would take a GPU
        model_wrapper=dict(type='MMFullyShardedDataParallel', device_id='cpu'),
        # one file, as a training without shards leaves it
        state_dict_cfg='full')
    return cfg


@pytest.mark.slow
def test_two_shards_train_as_one_process(small_config, run_training, tmp_path):
    one, two = tmp_path / 'one', tmp_path / 'two'
    two.mkdir()
    cfg = without_evaluation(distributed_config(small_config, one, 4), 6)
    assert run_training(cfg) == 0
    sharded = sharded_config(small_config, two)
    assert two_processes(sharded, tmp_path / 'store', FlexibleRunner) == [0, 0]
    assert_equal_training(cfg, one, two)
    # what it wrote loads without shards
    model = MODELS.build(cfg.model)
    state = torch.load(two / 'epoch_1.pth')['state_dict']
    model.load_state_dict(state, strict=True)
