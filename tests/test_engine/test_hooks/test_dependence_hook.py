"""The hook on a small model, alone and in a Runner's training."""
import json

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS, MODELS
from mmpose.testing import get_packed_inputs

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.engine import DependenceHook

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
