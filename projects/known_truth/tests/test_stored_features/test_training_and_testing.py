"""Trained and tested on stored features as on frames."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

from mmpose_tdmi.structures import FrameWindow
from projects.known_truth.clips import BenchmarkClips, ClipPlan
from projects.known_truth.features import (complete_weights,
                                           use_stored_features, write_store)
from projects.known_truth.stored_features.dataset import StoredFeatureDataset
from projects.known_truth.stored_features.store import FeatureStore
from projects.known_truth.stored_features.writing import store_features

STORED = FrameWindow.from_config(delta=3)
PLAN = ClipPlan(train=dict(easy=2), val=dict(easy=2), width=160, height=120)


@pytest.fixture(scope='module')
def config(tmp_path_factory, repository):
    """The benchmark's config of a small TDMI on a few generated videos."""
    from projects.known_truth.composition import compose
    from projects.known_truth.systems import TDMI
    init_default_scope('mmpose')
    folder = tmp_path_factory.mktemp('stored')
    clips = BenchmarkClips(folder / 'clips', PLAN)
    clips.generate()
    base = repository / 'projects/known_truth/configs/known_truth.py'
    options = dict(TDMI.options)
    weights = folder / 'pretrained.pth'
    config = compose(base, TDMI.path, clips.root, options, weights)
    torch.manual_seed(0)
    model = MODELS.build(dict(config.model, init_cfg=None))
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), weights)
    config.folder = str(folder)
    return config


@pytest.fixture(scope='module')
def stores(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp('stores')
    write_store(config, 'train_dataloader', STORED, folder / 'train', passes=2)
    write_store(config, 'test_dataloader', STORED, folder / 'val')
    return dict(train=folder / 'train', val=folder / 'val')


@pytest.fixture
def stored(config, stores):
    changed = Config(copy.deepcopy(config.to_dict()))
    use_stored_features(changed, stores)
    return changed


def build(config):
    init_default_scope('mmpose')
    model = MODELS.build(config.model)
    model.init_weights()
    return model.eval()


@torch.no_grad()
def test_a_test_is_that_of_the_frames(config, stored):
    """The same samples and boxes, heatmaps but for half precision."""
    heatmaps, samples = [], []
    for each in (config, stored):
        dataset = DATASETS.build(each.test_dataloader.dataset)
        model = build(each)
        batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
        data = model.data_preprocessor(batch, False)
        heatmaps.append(model(**data, mode='tensor'))
        samples.append(model(**data, mode='predict'))
    span = heatmaps[0].amax() - heatmaps[0].amin()
    assert span > 0 and len(heatmaps[0]) > 4
    # of random weights the sums nearly vanish, their errors do not
    torch.testing.assert_close(*heatmaps, rtol=0, atol=2e-2 * float(span))
    for one, other in zip(*samples):
        assert one.img_id == other.img_id and one.id == other.id
        for name in ('input_center', 'input_scale', 'input_size'):
            np.testing.assert_array_equal(one.get(name), other.get(name))
        np.testing.assert_array_equal(one.gt_instances.bboxes,
                                      other.gt_instances.bboxes)
        np.testing.assert_allclose(
            one.pred_instances.keypoint_scores,
            other.pred_instances.keypoint_scores,
            rtol=0.02)


def test_a_pass_is_augmented_by_its_seed_alone(config, stores):
    store = FeatureStore(stores['train'])
    assert store.num_passes == 2
    first, second = (
        store.features[n * store.num_samples:][:1] for n in range(2))
    assert not np.array_equal(first, second)
    again = stores['train'].parent / 'again'
    np.random.seed(5)
    write_store(
        config, 'train_dataloader', STORED, again, passes=2, batch_size=3)
    np.testing.assert_allclose(
        FeatureStore(again).features[:],
        store.features[:],
        rtol=0.01,
        atol=0.01)


def test_losses_need_nothing_but_the_store(stored):
    model = build(stored).train()
    dataset = DATASETS.build(stored.train_dataloader.dataset)
    assert len(dataset) == 2 * dataset.store.num_samples
    data = model.data_preprocessor(
        pseudo_collate([dataset[i] for i in range(3)]), True)
    losses = model(**data, mode='loss')
    assert losses['loss_kpt'].isfinite() and losses['loss_kpt'] > 0
    total, _ = model.parse_losses(losses)
    total.backward()
    assert not [n for n, _ in model.named_parameters() if 'backbone' in n]


def test_windows_are_drawn_from_the_stored_frames(stores):
    dataset = StoredFeatureDataset(
        str(stores['train']), (-1, 0, 1), random_range=(-2, 2))
    clips = [dataset[0]['inputs'] for _ in range(20)]
    whole = dataset.store.features[0]
    drawn = set()
    for clip in clips:
        assert clip.dtype == torch.float16 and len(clip) == 3
        assert np.array_equal(clip[1], whole[3])
        drawn.add(
            next(o for o in (-2, -1) if np.array_equal(clip[0], whole[3 + o])))
    assert drawn == {-2, -1}
    with pytest.raises(ValueError, match='not stored'):
        StoredFeatureDataset(
            str(stores['train']), (-1, 0, 1), random_range=(-4, 4))


def test_a_store_of_another_dataset_is_refused(stored, stores):
    dataset = DATASETS.build(stored.test_dataloader.dataset)
    loading = dataset.pipeline.transforms[2]
    loading.store.about['samples'][0] = '1/2'
    with pytest.raises(ValueError, match='of another dataset: stored is 1/2'):
        dataset[0]


def test_stores_are_of_the_right_kind(stored, stores):
    with pytest.raises(ValueError, match='no heatmaps to train on'):
        StoredFeatureDataset(str(stores['val']))
    pipeline = stored.test_dataloader.dataset.pipeline
    pipeline[2]['store'] = str(stores['train'])
    with pytest.raises(ValueError, match='needs a store of one pass'):
        DATASETS.build(stored.test_dataloader.dataset)


def test_the_whole_model_comes_together(config, stored, tmp_path):
    """Trained parts and the backbone load into the config of the frames."""
    trained = build(stored)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1)
    torch.save(dict(state_dict=trained.state_dict()), tmp_path / 'trained.pth')
    whole = tmp_path / 'model.pth'
    pretrained = config.model.init_cfg.checkpoint
    complete_weights(pretrained, tmp_path / 'trained.pth', whole)
    weights = torch.load(whole)['state_dict']
    model = MODELS.build(dict(config.model, init_cfg=None))
    model.load_state_dict(weights)
    backbone = torch.load(pretrained)['state_dict']
    for name, value in trained.state_dict().items():
        assert torch.equal(weights[name], value)
    assert torch.equal(weights['backbone.conv1.weight'],
                       backbone['backbone.conv1.weight'])


def test_a_store_of_other_weights_is_refused(config, stores):
    options = (config, 'test_dataloader', STORED, stores['val'])
    write_store(*options)
    with pytest.raises(ValueError, match='of another pretrained, None'):
        write_store(*options, about=dict(pretrained='abc'))


def test_features_beyond_half_precision_are_refused(config, tmp_path):
    model = build(config)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.mul_(1e3)
    dataset = DATASETS.build(
        dict(config.test_dataloader.dataset, offsets=STORED.offsets))
    model.data_preprocessor.num_frames = STORED.num_frames
    with pytest.raises(ValueError, match='not finite in half precision'):
        store_features(model, dataset, STORED, tmp_path / 'store')
    assert not list(tmp_path.iterdir())
