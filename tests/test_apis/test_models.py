"""Models by a path or name, with all of their weights; person detection."""
import argparse
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_tdmi.apis import (PersonDetector, VideoPoseInferencer, find_config,
                              init_pose_model, require_file, require_weights)
from mmpose_tdmi.apis.settings import ModelSettings, add_options, read_options

NAME = 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64'


def test_path_name_and_config(repository):
    path = repository / f'configs/tdmi/synthetic/{NAME}.py'
    config = find_config(path, 'the config')
    assert config.model.type == find_config(NAME, 'the config').model.type
    assert find_config(config, 'the config') is config
    assert isinstance(config, Config)


def test_of_another_package():
    config = find_config('mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
                         "the detector's config")
    assert config.model.type == 'RTMDet'


def test_nothing_found():
    for name in ('no.py', 'no-such-model', 'a/b'):
        with pytest.raises(
                FileNotFoundError, match=f'the config {name} does not exist'):
            find_config(name, 'the config')


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('nested', [True, False])
def test_complete_checkpoint_passes(model, tmp_path, prefix, nested):
    weights = {prefix + k: v for k, v in model.state_dict().items()}
    weights['something.else'] = torch.zeros(1)
    torch.save(
        dict(state_dict=weights) if nested else weights, tmp_path / 'a.pth')
    require_weights(model, tmp_path / 'a.pth')


@pytest.mark.parametrize('missing', ['1.running_mean', '1.running_var'])
def test_statistics_are_weights_too(model, tmp_path, missing):
    """Without them a batch normalisation would use its first values."""
    weights = model.state_dict()
    del weights[missing]
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=rf"1 are missing, \['{missing}'\]"):
        require_weights(model, tmp_path / 'a.pth')


def test_what_old_files_lack_is_none_of_them(model, tmp_path):
    weights = model.state_dict()
    del weights['1.num_batches_tracked']
    torch.save(weights, tmp_path / 'a.pth')
    require_weights(model, tmp_path / 'a.pth')


def test_a_checkpoint_is_read_once(saved_pose_model, saved_detector):
    """For the weights, their check and the fingerprint of runs."""
    read = []
    is_noting = [True]

    def note(event, arguments):
        # of an opener's own opening there is no mode
        if (event == 'open' and is_noting and arguments[1]
                and str(arguments[0]).endswith('.pth')):
            read.append(str(arguments[0]))

    sys.addaudithook(note)  # none can be removed
    try:
        VideoPoseInferencer(
            *saved_pose_model,
            device='cpu',
            det_model=saved_detector.config,
            det_weights=saved_detector.checkpoint)
    finally:
        is_noting.clear()
    assert sorted(read) == sorted(
        [saved_pose_model.checkpoint, saved_detector.checkpoint])


def test_missing_and_misshapen_weights(model, tmp_path):
    weights = model.state_dict()
    del weights['0.bias']
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r"1 are missing, \['0.bias'\]"):
        require_weights(model, tmp_path / 'a.pth')
    weights = dict(model.state_dict(), **{'0.weight': torch.zeros(3, 4)})
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'0.weight \(3, 4\) instead of'):
        require_weights(model, tmp_path / 'a.pth')


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='the config .*none.py'):
        require_file(tmp_path / 'none.py', 'the config')
    require_file('https://example.org/weights.pth', 'the checkpoint')


def test_loads_and_leaves_the_scope_alone(saved_pose_model):
    before = DefaultScope.get_current_instance()
    model = init_pose_model(*saved_pose_model)
    assert not model.training
    assert model.dataset_meta['num_keypoints'] == 17
    after = DefaultScope.get_current_instance()
    assert (after and after.scope_name) == (before and before.scope_name)


def test_checkpoint_of_another_model(saved_pose_model, saved_detector):
    with pytest.raises(ValueError, match='no checkpoint of this model'):
        init_pose_model(saved_pose_model.config, saved_detector.checkpoint)


def test_missing_files(saved_pose_model):
    with pytest.raises(FileNotFoundError, match='checkpoint nothing.pth'):
        init_pose_model(saved_pose_model.config, 'nothing.pth')
    with pytest.raises(FileNotFoundError, match='config nothing.py'):
        init_pose_model('nothing.py', saved_pose_model.checkpoint)


@pytest.fixture(scope='module')
def images():
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        for shape in ((96, 128), (120, 80), (96, 128))
    ]


def test_boxes_are_in_the_image_and_sorted(saved_detector, images):
    for boxes, image in zip(PersonDetector(*saved_detector)(images), images):
        assert boxes.shape[1] == 5 and 0 < len(boxes) <= 20
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, [2, 3]] <= image.shape[1::-1]).all()
        assert (boxes[:, 2:4] > boxes[:, :2]).all()
        assert (np.diff(boxes[:, 4]) <= 0).all()


def test_a_batch_gives_what_single_images_give(saved_detector, images):
    detector = PersonDetector(*saved_detector)
    same_size = [images[0], images[2]]
    for one, many in zip(same_size, detector(same_size)):
        np.testing.assert_allclose(detector([one])[0], many, atol=1e-3)


def test_score_threshold_and_nms(saved_detector, images):

    def scores(**kwargs):
        return PersonDetector(*saved_detector, **kwargs)(images[:1])[0]

    everything = scores()
    threshold = float(np.median(everything[:, 4]))
    above = scores(score_thr=threshold)
    assert len(above) == (everything[:, 4]
                          >= threshold).sum() < len(everything)
    # at IoU 0 only boxes that do not touch each other are left
    apart = scores(nms_thr=0.)
    assert 0 < len(apart) < len(everything)
    np.testing.assert_array_equal(apart[0], everything[0])
    for i, a in enumerate(apart):
        for b in apart[:i]:
            overlap = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
            assert (overlap <= 0).any()


def test_category_is_looked_up_by_name(saved_detector, tmp_path, images):
    with pytest.raises(ValueError, match="no category 'cat'.* person"):
        PersonDetector(*saved_detector, category='cat')
    # the same weights with their class called otherwise
    checkpoint = torch.load(saved_detector.checkpoint)
    checkpoint['meta']['dataset_meta']['classes'] = ('pedestrian', )
    torch.save(checkpoint, tmp_path / 'renamed.pth')
    files = saved_detector.config, tmp_path / 'renamed.pth'
    with pytest.raises(ValueError, match='classes, 0 to 0, are pedestrian'):
        PersonDetector(*files)
    renamed = PersonDetector(*files, category='pedestrian')(images[:1])
    np.testing.assert_array_equal(
        renamed[0],
        PersonDetector(*saved_detector)(images[:1])[0])


def test_categories_by_index(saved_detector, images):
    everything = PersonDetector(*saved_detector)(images[:1])[0]
    for category in (0, [0], ['person']):
        np.testing.assert_array_equal(
            PersonDetector(*saved_detector, category=category)(images[:1])[0],
            everything)
    with pytest.raises(
            ValueError, match='category 1; its classes, 0 to 0, are person'):
        PersonDetector(*saved_detector, category=[0, 1])


def test_thresholds_of_a_call(saved_detector, images):
    detector = PersonDetector(*saved_detector, score_thr=1.)
    expected = PersonDetector(*saved_detector, nms_thr=.1)(images[:1])[0]
    assert len(detector(images[:1])[0]) == 0
    np.testing.assert_array_equal(
        detector(images[:1], score_thr=0., nms_thr=.1)[0], expected)


def test_other_categories_are_left_out(saved_detector, images):
    detector = PersonDetector(*saved_detector)
    detector._labels = [1]  # a category the model never predicts
    assert detector(images[:1])[0].shape == (0, 5)


def test_no_weights_are_an_error(saved_detector, saved_pose_model):
    with pytest.raises(FileNotFoundError, match='checkpoint nothing.pth'):
        PersonDetector(saved_detector.config, 'nothing.pth')
    with pytest.raises(ValueError, match='no checkpoint of this model'):
        PersonDetector(saved_detector.config, saved_pose_model.checkpoint)


def test_scopes_do_not_mix(saved_detector, images):
    with DefaultScope.overwrite_default_scope('mmpose'):
        detector = PersonDetector(*saved_detector)
        detector(images[:1])
        current = DefaultScope.get_current_instance().scope_name
    assert current == 'mmpose'


def test_a_tool_takes_classes_by_name_and_by_index():
    parser = argparse.ArgumentParser()
    add_options(parser, ModelSettings)
    args = parser.parse_args(['--det-cat-ids', 'dog', '3'])
    assert read_options(args, ModelSettings)['det_cat_ids'] == ['dog', 3]
