"""Every config trains and tests for one step on its dataset's format.

A config's data root is replaced by a tiny generated set, which is written in
the official format and goes through the converter; its annotation and box
files must be there under the names that the config gives. What is reduced
otherwise:

* one iteration on two clips for training, on one for testing, no worker
  processes, no validation, no checkpoint;
* no pretrained weights;
* inputs of 64x96 pixels (heatmaps to scale) in place of larger ones;
* the depth, not the width, of large backbones: one module and block in each
  branch of HRNet, as many transformer blocks as maps are taken from (ViT-H is
  as wide as ViT-S, too); one update of an optical flow network.
"""
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmpose_tdmi.models.backbones import ARCHITECTURES
from .conftest import FORMATS

ROOT = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = sorted(
    path for path in ROOT.rglob('*.py')
    if '_base_' not in path.relative_to(ROOT).parts)
MAX_INPUT = (64, 96)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    # gradients of weights of 0.001 are so small that arithmetic is slow
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    init_default_scope('mmpose')


def replace_strings(value, old, new):
    """Replace the beginning ``old`` of all strings in a config."""
    if isinstance(value, dict):
        return type(value)({
            key: replace_strings(item, old, new)
            for key, item in value.items()
        })
    if isinstance(value, (list, tuple)):
        return type(value)(replace_strings(item, old, new) for item in value)
    if isinstance(value, str) and value.startswith(old):
        return new + value[len(old):]
    return value


def walk(value):
    """All dicts in a config."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from walk(item)


def reduce_size(cfg):
    """Smaller inputs and shallower backbones."""
    for part in walk(cfg._cfg_dict):
        for key in ('init_cfg', 'label_init_cfg', 'heatmap_layer'):
            # without a pretrained file
            if 'checkpoint' in (part.get(key) or {}):
                del part[key].checkpoint
                if key != 'heatmap_layer':
                    part[key] = None
        if 'weights' in (part.get('flow') or {}):
            # the flow network takes 128 pixels and more
            part.flow.update(weights=None, frame_scale=2.0, num_updates=1)
    sizes = {
        tuple(part.input_size)
        for part in walk(cfg.model) if 'heatmap_size' in part
    }
    for width, height in sizes:
        if width <= MAX_INPUT[0]:
            continue
        for part in walk(cfg._cfg_dict):
            if 'map_size' in part:
                part.map_size = tuple(x // 16 for x in reversed(MAX_INPUT))
            if tuple(part.get('input_size', ())) == (width, height):
                part.input_size = MAX_INPUT
                if 'heatmap_size' in part:
                    part.heatmap_size = tuple(
                        new * heat // old for new, heat, old in zip(
                            MAX_INPUT, part.heatmap_size, (width, height)))
    for part in walk(cfg.model):
        for stage in part.get('extra', {}).values():
            stage.num_modules = 1
            stage.num_blocks = (1, ) * len(stage.num_blocks)
        if part.get('in_channels') == ARCHITECTURES['huge']['embed_dims']:
            part.in_channels = ARCHITECTURES['small']['embed_dims']
        if part.get('type') == 'MultiStageViT':
            count = len(part.out_indices)
            arch = 'small' if part.arch == 'huge' else part.arch
            part.arch = {**ARCHITECTURES[arch], 'num_layers': count}
            part.out_indices = tuple(range(count))


def reduce_run(cfg, work_dir):
    """One iteration of training, one batch of testing, nothing kept."""
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = cfg.visualizer.name = work_dir.name
    cfg.log_level = 'ERROR'
    for phase, size in (('train', 2), ('test', 1)):
        loader = cfg[f'{phase}_dataloader']
        loader.update(batch_size=size, num_workers=0, persistent_workers=False)
        loader.dataset.indices = size
    if cfg.train_cfg.get('type') == 'IterBasedTrainLoop':
        cfg.train_cfg.max_iters = 1
    else:
        cfg.train_cfg.max_epochs = 1
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.default_hooks.checkpoint = None
    if 'out_dir' in cfg.test_evaluator:
        cfg.test_evaluator.out_dir = str(work_dir / 'predictions')


@pytest.mark.parametrize(
    'path', CONFIGS, ids=lambda path: str(path.relative_to(ROOT))[:-3])
def test_a_step_of_training_and_of_testing(path, official_sets, tmp_path):
    cfg = Config.fromfile(str(path))
    if 'model' not in cfg:
        pytest.skip('the shared part of configs that a command joins')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        root = official_sets(FORMATS[loader.dataset.type])
        old = loader.dataset.data_root
        cfg = Config(replace_strings(cfg.to_dict(), old, f'{root}/'))
    reduce_size(cfg)
    reduce_run(cfg, tmp_path)

    runner = Runner.from_cfg(cfg)
    before = {
        name: value.detach().clone()
        for name, value in runner.model.named_parameters()
        if value.numel() < 10_000
    }
    runner.train()
    assert runner.iter == 1
    losses = {
        name: scalar.current()
        for name, scalar in runner.message_hub.log_scalars.items()
        if 'loss' in name
    }
    assert losses and all(map(math.isfinite, losses.values()))
    assert any(not torch.equal(value, before[name])
               for name, value in runner.model.named_parameters()
               if name in before)

    figures = runner.test()
    if cfg.test_evaluator.get('format_only'):
        assert list(Path(cfg.test_evaluator.out_dir).glob('*.json'))
    else:
        assert figures and all(map(math.isfinite, figures.values()))
