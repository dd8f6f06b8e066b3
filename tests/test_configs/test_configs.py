"""Every config builds, and says what the paper says."""
import re

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS

import mmpose_tdmi  # noqa: F401
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / 'configs' / 'tdmi'
CONFIGS = sorted(ROOT.rglob('*.py'))
PAPER = ROOT / 'posetrack18' / \
    'tdmi_hrnet-w48_2xb24-20e_posetrack18-384x288.py'


def _model(config):
    """The model without the weights that it would be loaded with."""
    cfg = Config.fromfile(str(config))
    init_default_scope(cfg.default_scope)
    cfg.model.pop('init_cfg', None)
    cfg.model.backbone.pop('init_cfg', None)
    cfg.model.head.get('mi_loss', {}).pop('label_init_cfg', None)
    return cfg, MODELS.build(cfg.model)


def _count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem)
def test_it_builds_and_names_tell_its_batch_and_schedule(config):
    cfg, model = _model(config)
    for pipeline in (cfg.train_pipeline, cfg.val_pipeline):
        for transform in pipeline:
            TRANSFORMS.build(transform)
    num_frames = len(cfg.train_dataloader.dataset.offsets)
    assert model.data_preprocessor.num_frames == num_frames
    for dataset in (cfg.val_dataloader, cfg.test_dataloader):
        assert len(dataset.dataset.offsets) == num_frames
    match = re.search(r'_\d+xb(\d+)-(\d+)e_', config.name)
    assert int(match[1]) == cfg.train_dataloader.batch_size
    assert int(match[2]) == cfg.train_cfg.max_epochs


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
    _, model = _model(PAPER.with_name(
        PAPER.stem.replace('tdmi_', 'tdmi-st_') + '_released.py'))
    label_layer = 48 * 17 + 17
    total = _count(model.neck) + _count(model.head) - label_layer
    assert total == 2_863_713
