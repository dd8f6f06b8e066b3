"""Every rival's config builds, fits its data and says what its recipe says."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from torch._subclasses.fake_tensor import FakeTensorMode

from mmpose_tdmi.models.cost import clip_length
from mmpose_tdmi.structures import FrameWindow

ROOT = Path(__file__).resolve().parents[3] / 'configs'
RIVALS = sorted((ROOT / 'rivals').rglob('*.py'))
CONFIGS = RIVALS + sorted(
    (ROOT / 'tdmi' / 'posetrack18').glob('tdmi_vit-*.py'))


def find(name):
    config, = [x for x in CONFIGS if x.stem == name]
    return Config.fromfile(str(config))


def windows(model):
    """The windows that a model reads in training and at inference."""
    part = model.neck if model.with_neck else model.head
    return getattr(part, 'train_window', part.window), part.window


@pytest.mark.parametrize(
    'config', [x for x in RIVALS if re.search('posetrack(17|21)', x.name)],
    ids=lambda path: path.stem)
def test_datasets_differ_in_nothing_but_the_data(config):
    cfg = Config.fromfile(str(config))
    other = find(re.sub('posetrack(17|21)', 'posetrack18', config.stem))
    assert cfg.model == other.model
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'codec'):
        assert cfg[key] == other[key], key
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        ours, theirs = cfg[key].dataset, other[key].dataset
        assert ours.type != theirs.type
        assert set(ours) == set(theirs)
        for name in set(ours) & {'offsets', 'random_range', 'padding'}:
            assert ours[name] == theirs[name], name
        assert cfg[key].batch_size == other[key].batch_size


@pytest.mark.parametrize(
    'config',
    [x for x in CONFIGS if not re.search('posetrack(17|21)', x.name)],
    ids=lambda path: path.stem)
def test_it_builds_and_fits_its_data(config):
    cfg = Config.fromfile(str(config))
    # without numbers: nothing is initialised or loaded
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    train_window, window = windows(model)
    assert clip_length(model) == window.num_frames
    for loader, expected in ((cfg.train_dataloader,
                              train_window), (cfg.val_dataloader, window),
                             (cfg.test_dataloader, window)):
        assert FrameWindow(tuple(loader.dataset.offsets)) == expected
    num_frames = model.data_preprocessor.num_frames
    assert num_frames in (None, window.num_frames)
    assert (num_frames is None) == (train_window != window)

    width, height = cfg.codec.input_size
    steps = {t.type: t for t in cfg.val_pipeline}
    assert tuple(steps['TopdownAffine'].input_size) == (width, height)

    match = re.search(r'_(\d+)xb(\d+)-(\d+)e_', config.name)
    assert int(match[2]) == cfg.train_dataloader.batch_size
    assert int(match[3]) == cfg.train_cfg.max_epochs
    assert cfg.param_scheduler[-1].end == cfg.train_cfg.max_epochs
    assert f'{height}x{width}' in config.name
    if 'auto_scale_lr' in cfg:
        assert cfg.auto_scale_lr.base_batch_size == (
            int(match[1]) * int(match[2]))


@pytest.mark.parametrize('name', [
    'posewarper_hrnet-w48_8xb8-20e_posetrack18-384x288',
    'dcpose_hrnet-w48_2xb32-20e_posetrack18-384x288',
    'fami-pose_hrnet-w48_1xb48-21e_posetrack18-384x288',
    'temporal-attention_vit-s_1xb16-30e_posetrack18-384x288',
    'poseidon_vit-s_1xb16-30e_posetrack18-384x288_released',
    'tdmi_vit-s_2xb24-20e_posetrack18-256x192',
])
def test_heatmaps_have_the_codecs_size(name, hrnet_extra):
    cfg = find(name)
    if 'hrnet' in name:
        # as wide, but shallow
        cfg.model.backbone.extra = hrnet_extra(48)
    # shapes without numbers
    with FakeTensorMode(), torch.no_grad():
        model = MODELS.build(cfg.model).eval()
        clip = torch.empty(
            clip_length(model), 3, *reversed(cfg.codec.input_size))
        heatmaps = model(clip, None, mode='tensor')
    width, height = cfg.codec.heatmap_size
    assert heatmaps.shape == (1, 17, height, width)


@pytest.mark.parametrize('name, learning_rate, milestones, gamma, params', [
    ('posewarper_hrnet-w48_8xb8-20e_posetrack18-384x288', 1e-4, [10, 15], 0.1,
     71_154_350),
    ('dcpose_hrnet-w48_2xb32-20e_posetrack18-384x288', 1e-4, [4, 8, 12, 16],
     0.99, 65_196_986),
    ('fami-pose_hrnet-w48_1xb48-21e_posetrack17-384x288_released', 1e-3,
     [8, 12, 16], 0.1, 64_655_124),
])
def test_recipes_are_the_releases(name, learning_rate, milestones, gamma,
                                  params):
    cfg = find(name)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=learning_rate)
    schedule, = cfg.param_scheduler
    assert schedule.milestones == milestones and schedule.gamma == gamma
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert sum(x.numel() for x in model.parameters()) == params
    assert model.backbone.frozen
    assert not any(x.requires_grad for x in model.backbone.parameters())
    # the layer to single-frame heatmaps comes with the backbone's weights
    checkpoint = cfg.model.backbone.init_cfg.checkpoint
    if 'heatmap_layer' in cfg.model.neck:
        source = cfg.model.neck.heatmap_layer
    else:
        source = cfg.model.head.mi_loss.label_init_cfg
    assert source.checkpoint == checkpoint
    assert source.prefix == 'keypoint_head.final_layer'
    # same data and inference path as TDMI's
    steps = {t.type: t for t in cfg.train_pipeline}
    assert steps['RandomBBoxTransform'].scale_factor == (0.65, 1.35)
    assert steps['RandomBBoxTransform'].rotate_factor == 45
    assert cfg.codec.sigma == 3
    assert cfg.model.test_cfg.flip_test != name.endswith('_released')
    assert cfg.test_dataloader.dataset.bbox_score_thr == 0.2


def test_the_temporal_attentions_recipe_is_the_releases():
    cfg = find('temporal-attention_vit-b_1xb16-30e_posetrack17-384x288')
    assert cfg.optim_wrapper.optimizer == dict(
        type='AdamW', lr=5e-6, weight_decay=0.1)
    schedule, = cfg.param_scheduler
    assert schedule.step_size == 5 and schedule.gamma == 0.5
    head = cfg.model.head
    assert (head.num_layers, head.num_heads, head.region_threshold) == (6, 4,
                                                                        0.2)


@pytest.mark.parametrize('name, merge, padding', [
    ('fami-pose_hrnet-w48_1xb48-21e_posetrack18-384x288', 'before',
     'released'),
    ('dcpose_hrnet-w48_2xb32-20e_posetrack18-384x288', None, None),
])
def test_released_variants_differ_from_the_papers_in_what_is_said(
        name, merge, padding):
    paper, released = find(name), find(f'{name}_released')
    assert released.model.neck.pop('merge', None) == merge
    assert paper.model.neck.pop('merge', None) == (merge and 'after')
    assert not released.model.test_cfg.pop('flip_test')
    assert paper.model.test_cfg.pop('flip_test')
    for loader in ('train', 'val', 'test'):
        dataset = released[f'{loader}_dataloader'].dataset
        assert dataset.pop('padding', None) == padding
        assert dataset == paper[f'{loader}_dataloader'].dataset
    assert released.model == paper.model


@pytest.mark.parametrize(
    'config', [x for x in RIVALS if x.parent.name == 'synthetic'],
    ids=lambda path: path.stem)
def test_small_rivals_train(config, packed_clips):
    cfg = Config.fromfile(str(config))
    cfg.model.pop('init_cfg')
    if 'heatmap_layer' in cfg.model.get('neck', {}):
        cfg.model.neck.heatmap_layer.pop('checkpoint')
    if 'map_size' in cfg.model.get('neck', {}):
        cfg.model.neck.map_size = (16, 16)
    model = MODELS.build(cfg.model)
    model.init_weights()
    train_window, window = windows(model)
    # 64 x 64 pixels will do
    data = model.data_preprocessor(
        packed_clips(num_frames=train_window.num_frames), True)
    total, _ = model.parse_losses(model.train()(**data, mode='loss'))
    total.backward()
    assert total.isfinite()
    assert all(x.grad is not None and x.grad.isfinite().all()
               for x in model.parameters() if x.requires_grad)
    model.eval()
    for layer in model.modules():
        # untrained heatmaps are flat, which the host's refinement cannot bear
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    with torch.no_grad():
        samples = model.test_step(packed_clips(num_frames=window.num_frames))
    assert samples[0].pred_instances.keypoints.shape == (1, 17, 2)
