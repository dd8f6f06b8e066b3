"""Configs say what their names and the paper say.

That each builds, trains and tests is ``test_one_step.py``.
"""
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import mmpose_tdmi  # noqa: F401

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
ROOT = CONFIGS / 'tdmi'
NAMED = sorted(
    path for path in CONFIGS.rglob('*.py')
    if re.search(r'_\d+xb\d+-\d+e_', path.name))
PAPER = ROOT / 'posetrack18' / \
    'tdmi_hrnet-w48_2xb24-20e_posetrack18-384x288.py'


def _count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    'path', NAMED, ids=lambda path: str(path.relative_to(CONFIGS))[:-3])
def test_names_tell_batch_schedule_and_size(path):
    cfg = Config.fromfile(str(path))
    processes, batch, epochs, width, height = map(
        int,
        re.search(r'_(\d+)xb(\d+)-(\d+)e_.*-(\d+)x(\d+)', path.name).groups())
    assert batch == cfg.train_dataloader.batch_size
    assert epochs == cfg.train_cfg.max_epochs
    # what tools/train.py --auto-scale-lr divides by
    assert processes * batch == cfg.auto_scale_lr.base_batch_size
    assert any((height, width) == tuple(step.input_size)
               for step in cfg.train_dataloader.dataset.pipeline
               if step.type == 'TopdownAffine')
    # without it, a model takes windows of any length
    num_frames = cfg.model.data_preprocessor.get('num_frames')
    for phase in ('train', 'val', 'test'):
        loader = cfg[f'{phase}_dataloader']
        if None not in (loader, num_frames):
            assert len(loader.dataset.offsets) == num_frames


@pytest.mark.parametrize('name, presence', [('posetrack17', 'poseval'),
                                            ('posetrack18', 'poseval'),
                                            ('posetrack21', 'posetrack21')])
def test_each_posetrack_is_scored_by_its_own_rule(name, presence):
    for path in (ROOT / name).glob('*.py'):
        cfg = Config.fromfile(str(path))
        for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
            assert evaluator.type == 'PoseTrackMetric'
            assert evaluator.presence == presence
            assert evaluator.score_mode == 'keypoint_bbox'
            # the dataset states it
            assert 'box_source' not in evaluator


def test_datasets_share_the_recipe():
    """Two datasets' configs differ in what names the dataset."""
    first = Config.fromfile(str(PAPER)).to_dict()
    for name in ('posetrack17', 'posetrack21'):
        path = str(PAPER).replace('posetrack18', name)
        other = Config.fromfile(path).to_dict()
        for key in ('model', 'codec', 'train_pipeline', 'val_pipeline',
                    'optim_wrapper', 'param_scheduler', 'train_cfg'):
            assert other[key] == first[key]
    hieve = Config.fromfile(str(PAPER).replace('posetrack18', 'hieve'))
    assert hieve.model.head.pop('out_channels') == 14
    assert first['model']['head'].pop('out_channels') == 17
    assert hieve.model.to_dict() == first['model']
    assert hieve.train_pipeline == first['train_pipeline']


def test_the_paper_recipe_is_the_papers():
    cfg = Config.fromfile(str(PAPER))
    assert cfg.offsets == (-2, -1, 0, 1, 2)
    assert cfg.codec.input_size == (288, 384)
    assert cfg.codec.heatmap_size == (72, 96)
    assert cfg.codec.sigma == 3
    assert cfg.optim_wrapper.optimizer.type == 'Adam'
    assert cfg.optim_wrapper.optimizer.lr == 1e-3
    schedule, = cfg.param_scheduler
    assert schedule.milestones == [6, 12, 18] and schedule.gamma == 0.1
    steps = {t.type: t for t in cfg.train_pipeline}
    assert steps['GetBBoxCenterScale'].padding == 1.25
    assert steps['RandomBBoxTransform'].scale_factor == (0.65, 1.35)
    assert steps['RandomBBoxTransform'].rotate_factor == 45
    assert {'RandomFlip', 'RandomHalfBody'} <= set(steps)
    assert cfg.test_dataloader.dataset.bbox_score_thr == 0.2
    assert cfg.test_evaluator.score_mode == 'keypoint_bbox'
    assert cfg.model.test_cfg.flip_test
    assert cfg.model.neck.num_blocks == (3, 3, 2, 2)
    assert cfg.model.head.mi_loss.alpha == 1.0


def test_the_released_variant_has_the_authors_size():
    """2,863,713 parameters, backbone and frozen label layer left out."""
    name = PAPER.stem.replace('tdmi_', 'tdmi-st_') + '_released.py'
    cfg = Config.fromfile(str(PAPER.with_name(name)))
    init_default_scope(cfg.default_scope)
    label_layer = 48 * 17 + 17
    # the backbone is not counted
    total = _count(MODELS.build(cfg.model.neck)) + _count(
        MODELS.build(cfg.model.head)) - label_layer
    assert total == 2_863_713
