"""Estimates of dependence, alone and by the hook in a training."""
import json
import math

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS, MODELS
from mmpose.testing import get_packed_inputs

from projects.known_truth.dependence import (DependenceHook, linear_cka,
                                             normalised_hsic, unbiased_hsic)


def samples(n=200, p=4):
    return torch.randn(n, p)


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_independent_samples_give_about_zero(measure):
    values = [measure(samples(), samples()) for _ in range(10)]
    assert abs(sum(values) / 10) < 0.02
    assert max(map(abs, values)) < 0.1
    # unbiased: below zero as often as above
    assert min(values) < 0 < max(values)


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_equal_samples_give_one_whatever_their_scale(measure):
    x = samples()
    assert measure(x, x) == pytest.approx(1)
    assert measure(x, 1e6 * x + 5) == pytest.approx(1, abs=1e-4)
    assert measure(1e-6 * x, x) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_more_dependence_gives_more(measure):
    x, noise = samples(), samples()
    values = [
        measure(x,
                math.sqrt(1 - rho**2) * noise + rho * x)
        for rho in (0., 0.4, 0.8, 1.)
    ]
    assert values == sorted(values)


def test_only_hsic_sees_what_is_not_linear():
    x = samples(400, 1)
    y = x.abs() + 0.05 * samples(400, 1)
    assert normalised_hsic(x, y) > 0.3
    assert abs(linear_cka(x, y)) < 0.1


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_symmetric_and_blind_to_order_and_rotation(measure):
    x = samples()
    y = x + samples()
    value = measure(x, y)
    assert measure(y, x) == pytest.approx(value)
    order = torch.randperm(len(x))
    assert measure(x[order], y[order]) == pytest.approx(value)
    rotation = torch.linalg.qr(torch.randn(4, 4))[0]
    assert measure(x @ rotation, y) == pytest.approx(value, abs=1e-4)
    assert abs(measure(x[order], y)) < 0.1


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_constant_samples_give_zero(measure):
    assert measure(torch.ones(50, 3), samples(50)) == pytest.approx(
        0, abs=1e-6)
    assert measure(torch.zeros(50, 3), torch.zeros(50, 3)) == pytest.approx(
        0, abs=1e-6)


def test_unbiased_hsic_is_song_s_formula():
    x, y = samples(6, 2), samples(6, 2)
    k, m = x @ x.t(), y @ y.t()
    k.fill_diagonal_(0)
    m.fill_diagonal_(0)
    n, one = 6, torch.ones(6)
    expected = (torch.trace(k @ m) + (one @ k @ one) * (one @ m @ one) /
                ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)) / (
                    n * (n - 3))
    assert torch.isclose(unbiased_hsic(x @ x.t(), y @ y.t()), expected)
    with pytest.raises(ValueError, match='at least 4'):
        unbiased_hsic(torch.eye(3), torch.eye(3))


KEYS = {'hsic_clip', 'hsic_cell', 'cka_clip', 'cka_cell'}


@DATASETS.register_module()
class MadeUpClips(BaseDataset):
    """Twelve clips of noise, the same each time."""

    def __init__(self, length=12, **kwargs):
        super().__init__(lazy_init=True, **kwargs)
        self.length = length
        self._fully_initialized = True

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        packed = get_packed_inputs(
            1,
            num_keypoints=17,
            img_shape=(64, 64),
            input_size=(64, 64),
            heatmap_size=(16, 16))
        generator = torch.Generator().manual_seed(index)
        clip = torch.randint(
            256, (3, 3, 64, 64), generator=generator, dtype=torch.uint8)
        return dict(inputs=clip, data_samples=packed['data_samples'][0])


def model_config(factorisation='attention'):
    stage = dict(num_modules=1, block='BASIC')
    extra = dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK',
            num_blocks=(1, ),
            num_channels=(8, )),
        stage2=dict(
            stage, num_branches=2, num_blocks=(1, ) * 2, num_channels=(8, 16)),
        stage3=dict(
            stage,
            num_branches=3,
            num_blocks=(1, ) * 3,
            num_channels=(8, 16, 32)),
        stage4=dict(
            stage,
            num_branches=4,
            num_blocks=(1, ) * 4,
            num_channels=(8, 16, 32, 64)))
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='SequencePoseDataPreprocessor',
            mean=[120.] * 3,
            std=[58.] * 3),
        backbone=dict(type='MultiStageHRNet', extra=extra),
        neck=dict(
            type='TemporalDifferenceNeck',
            in_channels=(8, ) * 4,
            out_channels=8,
            offsets=(-1, 0, 1),
            num_blocks=1,
            modulation=None),
        head=dict(
            type='DisentanglementHead',
            in_channels=8,
            out_channels=17,
            attention_channels=8,
            num_blocks=1,
            factorisation=factorisation,
            loss=dict(type='SpatialCrossEntropyLoss', use_target_weight=True)))


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpose')
    torch.set_num_threads(1)


def hook(**kwargs):
    return DependenceHook(
        dataset=dict(type='MadeUpClips'),
        interval=2,
        num_clips=8,
        batch_size=3,
        **kwargs)


def test_it_measures_and_changes_nothing():
    model = MODELS.build(model_config())
    model.init_weights()
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    results = hook().measure(model)
    assert set(results) == KEYS
    assert all(-0.5 < v <= 1.0001 for v in results.values())
    assert model.training
    assert all(
        torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_equal_attentions_are_wholly_dependent():
    model = MODELS.build(model_config())
    model.init_weights()
    factors = model.head.factorisation
    factors.noisy.load_state_dict(factors.useful.state_dict())
    results = hook().measure(model)
    assert results['hsic_cell'] == pytest.approx(1, abs=1e-4)
    assert results['cka_cell'] == pytest.approx(1, abs=1e-4)


def test_features_of_different_channels_depend_less():
    model = MODELS.build(model_config('split'))
    model.init_weights()
    with torch.no_grad():
        # independent noise in place of the motion feature's two halves
        model.head.factorisation.forward = lambda motion: (torch.randn_like(
            motion), torch.randn_like(motion))
    results = hook().measure(model)
    assert abs(results['hsic_cell']) < 0.3


def test_a_head_without_a_noisy_part_is_refused():
    model = MODELS.build(model_config('none'))
    with pytest.raises(ValueError, match="factorisation='none'"):
        hook().measure(model)


def test_cells_are_those_of_the_grid():
    maps = torch.arange(2 * 5 * 24 * 16.).reshape(2, 5, 24, 16)
    cells = hook(grid=(4, 2))._cells(maps)
    assert cells.shape == (2 * 8, 5)
    assert torch.allclose(cells[0], maps[0, :, :6, :8].mean(dim=(1, 2)))
    assert len(hook(grid=(4, 2), max_cells=5)._cells(maps)) == 4


@pytest.mark.parametrize('options', [
    dict(interval=0),
    dict(interval=2, num_clips=3),
    dict(interval=2, batch_size=True)
])
def test_bad_options(options):
    with pytest.raises(ValueError, match='must be an integer'):
        DependenceHook(dataset=dict(), **options)


def test_too_few_clips():
    with pytest.raises(ValueError, match='at least 4 clips'):
        DependenceHook(
            dataset=dict(type='MadeUpClips', length=3),
            interval=1)._held_out()


@HOOKS.register_module()
class KeepLogs(Hook):
    """Keeps what the message hub knows after the training."""

    logged = {}

    def after_train(self, runner):
        KeepLogs.logged = {
            k: len(v.data[0])
            for k, v in runner.message_hub.log_scalars.items()
        }


def test_in_a_training(tmp_path):
    runner = Runner(
        model=model_config(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='InfiniteSampler'),
            collate_fn=dict(type='pseudo_collate'),
            dataset=dict(type='MadeUpClips')),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=5, val_interval=5),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-3)),
        custom_hooks=[
            dict(
                type='DependenceHook',
                dataset=dict(type='MadeUpClips'),
                interval=2,
                num_clips=8),
            dict(type='KeepLogs')
        ],
        default_hooks=dict(checkpoint=None),
        default_scope='mmpose',
        log_level='WARNING',
        experiment_name=f'dependence_{tmp_path.name}')
    runner.train()
    history = json.loads((tmp_path / 'dependence.json').read_text())
    assert [h['iteration'] for h in history] == [0, 2, 4, 5]
    assert all(set(h) == {'iteration', *KEYS} for h in history)
    for key in KEYS:
        assert KeepLogs.logged[f'train/dependence/{key}'] == 4
