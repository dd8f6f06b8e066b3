"""Pieces: what is run, what is kept, what is not repeated."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from mmpose_tdmi.structures import FrameWindow
from projects.demo.steps import StepRecord
from projects.known_truth import foundation, running, train_and_test
from projects.known_truth.known_motion import KnownMotionHead
from projects.known_truth.records import RunRecords, read_run
from projects.known_truth.results import Results
from projects.known_truth.running import Benchmark
from projects.known_truth.scale import Scale
from projects.known_truth.stored_features.store import FeatureStoreWriter
from projects.known_truth.systems import SINGLE_FRAME, SYSTEMS, TDMI
from projects.known_truth.workspace import write_config


@pytest.fixture
def benchmark(clips, tmp_path):
    scale = Scale('tiny', clips.plan, 4, 2, 6, 1, ('tdmi', ), (0, ))
    benchmark = Benchmark(tmp_path, tmp_path / 'results', scale)
    benchmark.clips = clips
    torch.save(
        dict(state_dict={
            'backbone.w': torch.zeros(1),
            'head.w': torch.zeros(1)
        }), benchmark.pretrained)
    for split in ('train', 'val'):
        with FeatureStoreWriter(
                benchmark.store(split), FrameWindow((0, )), (16, ) * 4,
                1) as writer:
            writer.write(0, np.zeros((1, 64, 24, 16)))
    return benchmark


@pytest.fixture
def fake_steps(monkeypatch, benchmark, write_predictions):
    """Stands in for the commands: leaves what they would leave."""
    ran = []

    def run_steps(steps, folder):
        ran.append((folder, steps))
        if steps[0].name == 'cost':
            (folder / 'cost.json').write_text(json.dumps(dict(params=1)))
        else:
            write_predictions(benchmark.clips, folder / 'predictions', 3.)
            (folder / 'training').mkdir(exist_ok=True)
            torch.save(
                dict(state_dict={'head.w': torch.ones(1)}),
                folder / 'training' / 'iter_6.pth')
        return [StepRecord(step, 12.) for step in steps]

    monkeypatch.setattr(running, 'run_steps', run_steps)
    return ran


def test_a_piece_leaves_its_json_and_is_not_repeated(benchmark, fake_steps):
    assert not benchmark.is_done(TDMI, 1)
    path = benchmark.run(TDMI, 1)
    assert path == benchmark.result(TDMI, 1) and benchmark.is_done(TDMI, 1)
    piece = json.loads(path.read_text())
    assert (piece['system'], piece['seed'], piece['samples']) == ('tdmi', 1,
                                                                  6 * 16)
    assert piece['train_seconds'] == 12 and piece['cost'] == dict(params=1)
    assert piece['data'] == benchmark.clips.fingerprint()
    joints = piece['figures']
    assert joints['all']['joints'] == sum(joints[d]['joints']
                                          for d in ('easy', 'hard'))
    assert 0 < joints['all']['AP'] < 100 and 0 < joints['all']['PCKh'] < 100
    assert RunRecords.from_json(piece['records']).hits.shape[1] == 15
    assert str(benchmark.folder) not in path.read_text()
    ran = len(fake_steps)
    benchmark.run(TDMI, 1)
    assert len(fake_steps) == ran
    results = Results(benchmark.results)
    assert list(results.pieces) == ['tdmi']


def test_the_cost_belongs_to_the_system(benchmark, fake_steps):
    for seed in (0, 1):
        benchmark.run(TDMI, seed)
    folders = [
        folder for folder, steps in fake_steps if steps[0].name == 'cost'
    ]
    assert set(folders) == {benchmark.folder / 'costs' / 'tdmi'}
    trained = [
        folder for folder, steps in fake_steps if steps[0].name == 'train'
    ]
    assert trained == [benchmark.run_folder(TDMI, seed) for seed in (0, 1)]


def test_a_piece_leaves_a_whole_model(benchmark, fake_steps):
    benchmark.run(TDMI, 0)
    weights = torch.load(benchmark.checkpoint(TDMI, 0))['state_dict']
    assert weights['backbone.w'] == 0 and weights['head.w'] == 1
    config = Config.fromfile(benchmark.run_folder(TDMI, 0) / 'config.py')
    assert config.model.backbone.type == 'MultiStageHRNet'


def test_frozen_backbones_are_trained_on_stored_features(benchmark):
    config = benchmark.compose_stored(TDMI, 0)
    assert config.model.backbone.type == 'StoredFeatureBackbone'
    assert config.train_dataloader.dataset.type == 'StoredFeatureDataset'
    types = [step['type'] for step in config.test_dataloader.dataset.pipeline]
    assert 'LoadStoredFeatures' in types and 'TopdownAffine' not in types
    hook = config.custom_hooks[-1]
    assert hook['dataset'] == config.test_dataloader.dataset.to_dict()
    for name in ('single_frame', 'tdmi_trained'):
        config = benchmark.compose_stored(SYSTEMS[name], 0)
        assert config.model.backbone.type != 'StoredFeatureBackbone'
        assert config.test_dataloader.dataset.pipeline[0].type == \
            'LoadFrameSequence'


def test_the_objective_comes_in_at_shares_of_the_training(benchmark):
    for name, iterations in (('tdmi', 6), ('mi_released', 6)):
        alpha = benchmark.compose(SYSTEMS[name], 0).model.head.mi_loss.alpha
        assert (alpha.begin, alpha.stop) == (iterations // 6, iterations // 3)


def test_the_config_of_a_piece(benchmark):
    config = benchmark.compose(TDMI, 2)
    assert config.randomness == dict(seed=2)
    assert config.model.init_cfg.checkpoint == str(benchmark.pretrained)
    assert config.train_cfg.max_iters == 6
    hook, = config.custom_hooks[-1:]
    assert hook['type'] == 'DependenceHook' and hook['interval'] == 1
    for system in (SINGLE_FRAME, SYSTEMS['tde_only']):
        hooks = benchmark.compose(system, 2).get('custom_hooks', [])
        assert all(h['type'] != 'DependenceHook' for h in hooks)
    longer = benchmark.compose(SYSTEMS['single_frame_long'], 0)
    assert longer.train_cfg.max_iters == 3 * 6


def test_seeds_change_nothing_but_the_seed(benchmark):
    one, other = (benchmark.compose(TDMI, seed).to_dict() for seed in (0, 1))
    for config in (one, other):
        config.pop('randomness')
        config['test_evaluator'].pop('out_dir')
    assert one == other


def test_what_is_not_trained_leaves_no_model_and_no_cost(
        benchmark, fake_steps):
    system = SYSTEMS['known_motion']
    piece = json.loads(benchmark.run(system, 0).read_text())
    assert (piece['samples'], piece['cost']) == (0, None)
    assert [steps[0].name for _, steps in fake_steps] == ['train']
    assert not benchmark.checkpoint(system, 0).exists()


def test_what_is_not_trained_is_tested_as_it_starts(benchmark, clips,
                                                    monkeypatch):
    """The true command, from frames, with a random single-frame model."""
    init_default_scope('mmpose')
    model = MODELS.build(
        dict(Config.fromfile(SINGLE_FRAME.path).model, init_cfg=None))
    torch.save(dict(state_dict=model.state_dict()), benchmark.pretrained)
    config = benchmark.compose(SYSTEMS['known_motion'], 0)
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    path = write_config(benchmark.folder / 'piece', config)
    loaded = []
    predict = KnownMotionHead.predict

    def spy(head, *args, **kwargs):
        loaded.append(head.heatmap_layer.weight.detach().clone())
        return predict(head, *args, **kwargs)

    monkeypatch.setattr(KnownMotionHead, 'predict', spy)
    monkeypatch.setattr(
        sys, 'argv',
        ['', str(path),
         str(benchmark.folder / 'piece' / 'training')])
    train_and_test.main()
    folder = Path(config.test_evaluator.out_dir)
    assert read_run(clips.annotations('val'), folder).scored.any()
    assert loaded and torch.equal(loaded[0], model.head.final_layer.weight)


def test_a_folder_of_another_config_is_refused(benchmark, fake_steps):
    benchmark.run(TDMI, 0)
    benchmark.result(TDMI, 0).unlink()
    config = benchmark.run_folder(TDMI, 0) / 'config.py'
    text = config.read_text()
    assert "'max_iters': 6" in text
    config.write_text(text.replace("'max_iters': 6", "'max_iters': 7"))
    with pytest.raises(ValueError, match='another config'):
        benchmark.run(TDMI, 0)


def test_the_config_survives_an_interrupted_training(benchmark, monkeypatch,
                                                     fake_steps):
    """The runner dumps its own form of the config into its work folder."""
    complete = running.run_steps

    def interrupted(steps, folder):
        line = steps[0].lines()[0].split()
        config = Config.fromfile(line[-2])
        config.resume = True
        work_dir = Path(line[-1])
        work_dir.mkdir(parents=True)
        config.dump(str(work_dir / 'config.py'))
        raise KeyboardInterrupt

    monkeypatch.setattr(running, 'run_steps', interrupted)
    with pytest.raises(KeyboardInterrupt):
        benchmark.run(TDMI, 0)
    path = benchmark.run_folder(TDMI, 0) / 'config.py'
    before = path.read_bytes()
    monkeypatch.setattr(running, 'run_steps', complete)
    assert benchmark.run(TDMI, 0).is_file()
    assert path.read_bytes() == before


def test_dependence_is_read_from_the_training(benchmark, fake_steps):
    folder = benchmark.run_folder(TDMI, 0) / 'training'
    folder.mkdir(parents=True)
    history = [dict(iteration=0, hsic_clip=0.5)]
    (folder / 'dependence.json').write_text(json.dumps(history))
    piece = json.loads(benchmark.run(TDMI, 0).read_text())
    assert piece['dependence'] == history


def test_results_of_other_clips_are_refused(benchmark):
    benchmark.write_truth()
    path = benchmark.results / 'truth.json'
    path.write_text(
        json.dumps(dict(json.loads(path.read_text()), data='other')))
    with pytest.raises(ValueError, match='other clips'):
        benchmark.write_truth()


def test_pretraining_leaves_its_weights(benchmark, monkeypatch):
    weights = dict(layer=torch.arange(3.))
    training = benchmark.folder / 'pretrain' / 'training'
    training.mkdir(parents=True)

    def run_steps(steps, folder):
        assert str(training) in steps[-1].lines()[0]
        torch.save(
            dict(state_dict=weights, optimizer=[1, 2, 3]),
            training / 'epoch_4.pth')

    monkeypatch.setattr(foundation, 'run_steps', run_steps)
    benchmark.pretrained.unlink()
    benchmark.pretrain()
    saved = torch.load(benchmark.pretrained)
    assert list(saved) == ['state_dict']
    assert torch.equal(saved['state_dict']['layer'], weights['layer'])
    monkeypatch.setattr(foundation, 'run_steps', None)
    benchmark.pretrain()  # is done


def test_pretraining_comes_in_pieces_that_resume(benchmark):
    steps = benchmark.pretrain_steps()
    lines = [step.lines()[0] for step in steps]
    assert [step.name for step in steps] == ['pretrain_2', 'pretrain_4']
    assert 'train_cfg.max_epochs=2' in lines[0]
    assert 'train_cfg.max_epochs=4' in lines[1]
    assert all('--resume' in line for line in lines)
