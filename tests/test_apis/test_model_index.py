"""Models by the names that MMPose's and MMDetection's indices have."""
from pathlib import Path

import pytest
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.apis.inferencers.utils import default_det_models

from mmpose_tdmi.apis import (PersonDetector, VideoPoseInferencer, find_config,
                              models)
from mmpose_tdmi.apis.models import (IndexedModel, default_detector,
                                     find_weights, look_up)
from mmpose_tdmi.utils.checkpoints import WEIGHTS

HRNET = 'td-hm_hrnet-w48_8xb32-210e_coco-384x288'


@pytest.mark.parametrize('name', ['human', 'ViTPose-B', 'rtmpose-l', HRNET])
def test_names_are_the_hosts(name):
    """The config and weights that MMPose's own inferencer would take."""

    class Inferencer(Pose2DInferencer):

        def __init__(self):
            self.scope = 'mmpose'

    config, weights = Inferencer()._load_model_from_metafile(name)
    assert look_up(name, 'mmpose').weights == weights
    found = find_config(name, 'the config')
    assert found.filename == config.filename
    assert default_detector(found) == 'body'


def test_detectors():
    assert find_config('rtmdet-m', 'the detector',
                       'mmdet').model.type == ('RTMDet')
    default = look_up('body', 'mmdet')
    assert default == look_up('human', 'mmdet') == IndexedModel(
        default_det_models['human']['model'],
        default_det_models['human']['weights'], [0])
    assert Path(default.config).is_file()
    # one that is given by its name in the index
    animal = look_up('animal', 'mmdet')
    assert animal.weights == look_up('rtmdet-m', 'mmdet').weights
    assert animal.cat_ids[0] == 15


@pytest.mark.parametrize('kind', ['hand', 'face', 'wholebody', 'animal'])
def test_each_kind_of_poses_has_its_detector(kind):
    assert default_detector(find_config(kind, 'the config')) == kind


def test_unknown_names():
    with pytest.raises(FileNotFoundError, match='vitpose-c does.*vitpose-b'):
        find_config('vitpose-c', 'the config')
    with pytest.raises(FileNotFoundError, match='rtmdet_m.* like it: .*rtmd'):
        find_weights('rtmdet_m', None, 'det_weights', 'mmdet')
    # a pose model's name is no detector's
    with pytest.raises(FileNotFoundError, match='vitpose-b does not exist'):
        find_config('vitpose-b', 'the detector', 'mmdet')


def test_none_are_published(saved_pose_model):
    own = 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64'
    for model in (own, saved_pose_model.config):
        with pytest.raises(ValueError, match='pose2d_weights of .*none are'):
            VideoPoseInferencer(model)


def test_damaged_weights_of_the_default(tmp_path, monkeypatch):
    """Offline, with a folder: nothing is asked of the network."""
    name = look_up('human', 'mmpose').weights.rsplit('/', 1)[1]
    (tmp_path / name).write_bytes(b'PK not at all')
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    with pytest.raises(ValueError, match=f'{name}: the checkpoint'):
        VideoPoseInferencer('human')


@pytest.fixture
def published(weights_server, saved_pose_model, saved_detector, monkeypatch):
    """An index of two small models; gives their addresses."""
    pose, detector = (weights_server.add('v1', stem,
                                         Path(saved.checkpoint).read_bytes())
                      for stem, saved in (('pose', saved_pose_model),
                                          ('detector', saved_detector)))
    index = dict(
        mmpose=dict(human=IndexedModel(saved_pose_model.config, pose)),
        mmdet=dict(
            body=IndexedModel(saved_detector.config, detector, [0]),
            small=IndexedModel(saved_detector.config, detector)))
    monkeypatch.setattr(models, 'read_index', index.get)
    return pose, detector


def test_by_name_as_by_file(published, saved_pose_model, saved_detector, clip,
                            weights_server, box_file):
    """The same poses; the detector comes when it is needed."""
    named = VideoPoseInferencer('human', device='cpu')
    assert named.detector is None
    assert named.run(clip.folder, boxes=box_file)[0].num_persons == 8
    assert len(weights_server.asked) == 1
    found = [r.predictions for r in named(clip.folder, bbox_thr=0.)]
    assert len(weights_server.asked) == 2 and named.detector is not None
    given = VideoPoseInferencer(
        *saved_pose_model,
        device='cpu',
        det_model=saved_detector.config,
        det_weights=saved_detector.checkpoint)
    assert found == [r.predictions for r in given(clip.folder, bbox_thr=0.)]
    assert any(found)


def test_own_model_with_the_default_detector(published, saved_pose_model, clip,
                                             tmp_path):
    inferencer = VideoPoseInferencer(*saved_pose_model, device='cpu')
    for _ in inferencer(clip.folder, pred_out_dir=tmp_path / 'out'):
        pass
    assert PersonDetector('small').model.cfg.filename == (
        inferencer.detector.model.cfg.filename)


def test_poses_without_a_default_detector(saved_pose_model, clip):
    config = find_config(saved_pose_model.config, 'the config')
    config.pop('dataset_type')
    inferencer = VideoPoseInferencer(config, saved_pose_model.checkpoint)
    with pytest.raises(ValueError, match='give det_model and det_weights, or'):
        inferencer(clip.folder)


def test_addresses_are_weights(published, saved_pose_model, clip):
    pose, detector = published
    inferencer = VideoPoseInferencer(saved_pose_model.config, pose, 'cpu',
                                     'small', detector)
    assert inferencer.run(clip.folder, bbox_thr=0.)[0].num_persons
