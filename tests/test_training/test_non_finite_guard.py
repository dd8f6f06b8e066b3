"""The guard stops a training before its weights are spoilt."""
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from mmpose_tdmi.engine import NonFiniteError


@HOOKS.register_module()
class Spoil(Hook):
    """Spoils a value in an iteration."""

    priority = 'LOWEST'

    def __init__(self, what, iteration):
        self.what = what
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter != self.iteration:
            return
        Spoil.before = {
            k: v.clone()
            for k, v in runner.model.state_dict().items()
            if 'running' not in k and 'num_batches' not in k
        }
        Spoil.runner = runner
        if self.what == 'target':
            maps = data_batch['data_samples'][1].gt_fields
            maps.set_field(
                torch.full_like(maps.heatmaps, float('nan')), 'heatmaps')
        elif self.what == 'gradient':
            runner.model.head.final_layer.weight.register_hook(
                lambda grad: grad * float('inf'))


def runner(small_config, tmp_path, what):
    cfg = small_config(
        tmp_path, **{
            'val_cfg': None,
            'default_hooks.checkpoint.save_best': None,
            'train_cfg.max_epochs': 2,
        })
    cfg.custom_hooks = [dict(type='Spoil', what=what, iteration=4)]
    return Runner.from_cfg(cfg)


@pytest.mark.parametrize('what, texts', [
    ('target', [
        'the loss is not finite: loss_kpt = nan',
        '<- its target heatmaps are not finite'
    ]),
    ('gradient', [
        'the gradient of 1 parameters is not finite', 'head.final_layer.weight'
    ]),
])
def test_it_stops_in_time(small_config, tmp_path, what, texts):
    init_default_scope('mmpose')
    training = runner(small_config, tmp_path, what)
    with pytest.raises(NonFiniteError) as error:
        training.train()
    message = str(error.value)
    for text in ('epoch 2, iteration 5 of 6', 'learning rate: ', 'epoch_1.pth',
                 *texts):
        assert text in message
    # two samples, named by frame, clip, and annotation
    lines = message.split('samples of the batch in this process:\n')[1]
    assert len(lines.splitlines()) == 2
    for line in lines.splitlines():
        assert '.jpg, frames ' in line and ', annotation ' in line
    now = training.model.state_dict()
    for key, value in Spoil.before.items():
        assert torch.equal(now[key], value), key
    # what was saved is as it was, and can be resumed from
    assert torch.load(tmp_path / 'epoch_1.pth')['meta']['epoch'] == 1
    assert not (tmp_path / 'epoch_2.pth').exists()
