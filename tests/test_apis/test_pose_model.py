"""Loading of pose models."""
import pytest
from mmengine.registry import DefaultScope

from mmpose_tdmi.apis import init_pose_model


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
