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
        # one file, as a training without shards leaves it: 'full', but for
        # taking it from a GPU, in which torch 2.8 crashes where there is none
        state_dict_cfg=dict(
            state_dict_type='FULL_STATE_DICT',
            state_dict_config=dict(
                type='FullStateDictConfig', rank0_only=True),
            optim_state_dict_config=dict(
                type='FullOptimStateDictConfig', rank0_only=True)))
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
