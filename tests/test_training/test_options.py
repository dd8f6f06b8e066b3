"""Options of a training that promise an equality."""
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from .test_distributed import FixedStatistics  # noqa: F401


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpose')


def plain_config(small_config, work_dir, **options):
    """One epoch of SGD, without an evaluation, with a mean over samples."""
    cfg = small_config(
        work_dir, **{
            'train_cfg.max_epochs': 1,
            'optim_wrapper.optimizer':
            dict(_delete_=True, type='SGD', lr=0.01),
            'param_scheduler': None,
            'val_cfg': None,
            'default_hooks.checkpoint.save_best': None,
            **options
        })
    cfg.model.head.loss = dict(type='KeypointMSELoss', use_target_weight=True)
    cfg.model.head.mi_loss = None
    cfg.custom_hooks = [dict(type='FixedStatistics')]
    return cfg


def weights(work_dir):
    return torch.load(work_dir / 'epoch_1.pth')['state_dict']


def test_accumulated_gradients_equal_the_larger_batch(small_config,
                                                      run_training, tmp_path):
    # 8 samples: two steps either way, of 4 samples each
    small, large = tmp_path / 'small', tmp_path / 'large'
    options = {'train_dataloader.dataset.indices': 8}
    cfg = plain_config(small_config, large, **options,
                       **{'train_dataloader.batch_size': 4})
    assert run_training(cfg) == 0
    cfg = plain_config(
        small_config, small, **options, **{
            'train_dataloader.batch_size': 2,
            'optim_wrapper.accumulative_counts': 2
        })
    assert run_training(cfg) == 0
    found, expected = weights(small), weights(large)
    start = MODELS.build(cfg.model).state_dict()
    moved = 0
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=1e-3, atol=1e-5, msg=name)
        moved += value.is_floating_point() and not torch.equal(
            value, start[name])
    assert moved > 50


def test_a_frozen_backbone_stays_and_the_rest_learns(small_config, tmp_path):
    cfg = small_config(
        tmp_path, **{
            'train_cfg.max_epochs': 1,
            'model.backbone.frozen': True,
            'val_cfg': None,
            'default_hooks.checkpoint.save_best': None,
        })
    cfg.custom_hooks = []
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    changed = {k for k, v in after.items() if not torch.equal(v, before[k])}
    # neither weights nor running statistics
    assert not {k for k in changed if k.startswith('backbone.')}
    assert {k.split('.')[0] for k in changed} >= {'neck', 'head'}
    # and the optimiser keeps nothing about them
    kept = [p for p in runner.optim_wrapper.optimizer.state]
    frozen = {id(p) for p in runner.model.backbone.parameters()}
    assert kept and not frozen & {id(p) for p in kept}


def test_layers_of_a_transformer_get_rates_by_depth(repository):
    # the constructor and its options are those of the ViT configs
    vit = Config.fromfile(
        str(repository / 'configs/tdmi/posetrack18/'
            'tdmi_vit-s_2xb24-20e_posetrack18-256x192.py'))
    model = vit.model
    model.init_cfg = model.backbone.init_cfg = None
    model = MODELS.build(model)
    wrapper = build_optim_wrapper(model, vit.optim_wrapper)
    rates = {}
    for group in wrapper.optimizer.param_groups:
        for parameter in group['params']:
            rates[id(parameter)] = group['lr']
    named = {name: rates[id(p)] for name, p in model.named_parameters()}
    decay, base = vit.optim_wrapper.paramwise_cfg.layer_decay_rate, 2e-4
    depth = vit.optim_wrapper.paramwise_cfg.num_layers
    assert depth == len(model.backbone.layers)
    for name, rate in named.items():
        if name.startswith('backbone.layers.'):
            power = depth - int(name.split('.')[2])
        elif name.startswith(('backbone.patch_embed', 'backbone.pos_embed')):
            power = depth + 1
        else:
            power = 0
        assert rate == pytest.approx(base * decay**power), name
    assert {n for n in named if n.startswith(('neck.', 'head.'))}


@pytest.mark.slow
def test_deterministic_kernels_exist_on_cpus(small_config, run_training,
                                             read_losses, tmp_path):
    # torch raises where a layer has none
    found = []
    for name in ('first', 'second'):
        cfg = small_config(
            tmp_path / name, **{
                'randomness': dict(seed=3, deterministic=True),
                'train_cfg.max_epochs': 1,
                'train_dataloader.dataset.indices': 4,
                'val_cfg': None,
                'default_hooks.checkpoint.save_best': None,
            })
        assert run_training(cfg) == 0
        found.append(read_losses(tmp_path / name))
    assert len(found[0]) == 2 and found[0] == found[1]
