"""A tiny data set, a config of TDMI on it, and a training of two steps."""
import importlib.util
import json
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

import mmpose_tdmi  # noqa: F401
from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings

BASE = 'configs/tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'


@pytest.fixture(scope='session')
def tiny_clips(tmp_path_factory) -> Path:
    """Data root of five small generated videos, with a detector's boxes."""
    root = tmp_path_factory.mktemp('clips')
    settings = ClipSettings.preset(
        'easy', width=160, height=120, frames=5, label_margin=1)
    generate(root, settings, dict(train=3, val=2), seed=0)
    labels = json.loads((root / 'annotations/synthetic_val.json').read_text())
    boxes = [
        dict(image_id=a['image_id'], category_id=1, bbox=a['bbox'], score=0.9)
        for a in labels['annotations']
    ]
    # one that is nobody's
    boxes.append(dict(boxes[0], bbox=[0, 0, 12, 12], score=0.8))
    (root / 'annotations/boxes.json').write_text(json.dumps(boxes))
    return root


def tiny_config_of(repository: Path, clips: Path, base: str = BASE) -> Config:
    """A synthetic config, without workers, on the tiny clips."""
    config = Config.fromfile(str(repository / base))
    config.model.pop('init_cfg', None)
    config.data_root = f'{clips}/'
    for phase in ('train', 'val', 'test'):
        loader = config[f'{phase}_dataloader']
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=f'{clips}/', indices=8)
        if phase != 'train':
            config[f'{phase}_evaluator'].ann_file = str(
                clips / 'annotations/synthetic_val.json')
    config.default_hooks.logger.interval = 1
    return config


@pytest.fixture(scope='session')
def tiny_config(repository, tiny_clips, tmp_path_factory) -> Path:
    """The config's file."""
    path = tmp_path_factory.mktemp('config') / 'tiny.py'
    tiny_config_of(repository, tiny_clips).dump(path)
    return path


def run_config(config: Config, work_dir: Path, name: str) -> Runner:
    """A Runner on a copy of a config."""
    config = config.copy()
    config.work_dir = str(work_dir)
    config.experiment_name = f'{name}_{abs(hash(str(work_dir)))}'
    # one instance for each name: the last Runner's folder would be used
    config.visualizer.name = config.experiment_name
    return Runner.from_cfg(config)


@pytest.fixture(scope='session')
def tiny_training(tiny_config, tmp_path_factory) -> Path:
    """Work folder of a training of two epochs with two steps each."""
    work_dir = tmp_path_factory.mktemp('training')
    config = Config.fromfile(str(tiny_config))
    config.train_cfg.max_epochs = 2
    runner = run_config(config, work_dir, 'training')
    runner.train()
    return work_dir


@pytest.fixture
def run_main(repository, monkeypatch):
    """``run_main('misc/x.py', ...)`` runs a tool's main in this process."""

    def run(name, *arguments):
        path = repository / 'tools' / name
        spec = importlib.util.spec_from_file_location(f'tool_{path.stem}',
                                                      path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        argv = [str(path), *(str(argument) for argument in arguments)]
        monkeypatch.setattr(sys, 'argv', argv)
        tool.main()

    return run
