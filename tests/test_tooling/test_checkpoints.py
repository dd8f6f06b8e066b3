"""Publishing of checkpoints."""
import hashlib

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from mmpose_tdmi.utils.checkpoints import publish


def test_a_published_file_is_the_weights_under_its_hash(
        tiny_config, tiny_training, tmp_path, run_main):
    source = tiny_training / 'epoch_2.pth'
    run_main('misc/publish_model.py', source, tmp_path / 'tdmi.pth', '--drop',
             'head.mi_loss.')
    file, = tmp_path.iterdir()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.name.startswith(f'tdmi-{digest[:8]}_')
    content = torch.load(file, weights_only=True)
    assert set(content) == {'meta', 'state_dict'}
    assert content['meta']['dataset_meta']['num_keypoints'] == 17
    # nothing of the machine it was trained on
    assert 'cfg' not in content['meta']
    assert file.stat().st_size < 0.6 * source.stat().st_size
    before = torch.load(source, weights_only=True)['state_dict']
    assert {n
            for n in before if n not in content['state_dict']
            } == {n
                  for n in before if n.startswith('head.mi_loss.')}
    assert all(
        torch.equal(v, before[n]) for n, v in content['state_dict'].items())
    # and the model loads it
    config = Config.fromfile(str(tiny_config))
    config.model.head.mi_loss = None
    model = MODELS.build(config.model)
    load_checkpoint(model, str(file), strict=True)


def test_published_names_are_reproducible_and_not_doubled(
        tiny_training, tmp_path):
    source = tiny_training / 'epoch_2.pth'
    first = publish(source, tmp_path / 'a')
    assert publish(source, tmp_path / 'a.pth') == first
    # publishing what is published keeps the name
    assert publish(first, first) == first


def test_mistakes_are_named(tiny_training, tmp_path, run_main):
    content = torch.load(tiny_training / 'epoch_1.pth', weights_only=True)
    weights = dict(content['state_dict'])
    name = next(n for n, v in weights.items() if v.is_floating_point())
    weights[name] = torch.full_like(weights[name], float('nan'))
    torch.save(dict(state_dict=weights), tmp_path / 'nan.pth')
    with pytest.raises(SystemExit, match=f'{name} has .* not finite'):
        run_main('misc/publish_model.py', tmp_path / 'nan.pth', tmp_path / 'x')
    assert [p.name for p in tmp_path.iterdir()] == ['nan.pth']
    with pytest.raises(ValueError, match='no weight begins with'):
        publish(tiny_training / 'epoch_1.pth', tmp_path / 'x', ['nothing'])
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match='state_dict'):
        publish(tmp_path / 'list.pth', tmp_path / 'x')
