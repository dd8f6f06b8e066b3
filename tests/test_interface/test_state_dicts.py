"""The names and shapes of models' weights: checkpoints must go on loading."""
import functools
import hashlib
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

import mmpose_tdmi  # noqa: F401

FOLDER = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = {
    'tdmi':
    'tdmi/posetrack18/tdmi_hrnet-w48_2xb24-20e_posetrack18-384x288',
    'tdmi-st':
    'tdmi/posetrack18/tdmi-st_hrnet-w48_2xb24-20e_posetrack18-384x288',
    'tdmi-vit':
    'tdmi/posetrack18/tdmi_vit-s_2xb24-20e_posetrack18-256x192',
    'tdmi-light':
    'tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64',
    'dcpose':
    'rivals/synthetic/dcpose_hrnet-light_1xb16-1e_synthetic-96x64',
    'poseidon':
    'rivals/synthetic/poseidon_hrnet-light_1xb16-1e_synthetic-96x64',
    'posewarper':
    'rivals/synthetic/posewarper_hrnet-light_1xb16-1e_synthetic-96x64',
    'fami-pose':
    'rivals/synthetic/fami-pose_hrnet-light_1xb16-1e_synthetic-96x64',
    'temporal-attention':
    'rivals/synthetic/temporal-attention_hrnet-light_1xb16-1e_synthetic-'
    '96x64',
}


def weights(name: str) -> List[str]:
    """A line, name and shape, for each of a model's weights."""
    config = Config.fromfile(FOLDER / f'{CONFIGS[name]}.py')
    # weights without values: built in no time
    with DefaultScope.overwrite_default_scope('mmpose'), \
            torch.device('meta'):
        model = MODELS.build(config.model)
    return sorted(f'{key} {tuple(value.shape)}'
                  for key, value in model.state_dict().items())


@functools.lru_cache(maxsize=None)
def summary(name: str) -> Dict[str, Any]:
    """Number and hash of the lines, by what they are the weights of."""
    parts: Dict[str, List[str]] = {}
    for line in weights(name):
        names = line.split()[0].split('.')
        # of an own part all modules, of the backbone, which is the host's
        # mostly, none
        depth = 1 if names[0] == 'backbone' else 2
        parts.setdefault('.'.join(names[:-1][:depth]), []).append(line)
    return {
        part:
        dict(
            count=len(lines),
            sha256=hashlib.sha256('\n'.join(lines).encode()).hexdigest())
        for part, lines in parts.items()
    }


def state_dicts() -> Dict[str, Any]:
    """The summaries by model."""
    return {name: summary(name) for name in CONFIGS}


PINS = dict(state_dicts=state_dicts)


@pytest.mark.parametrize('name', CONFIGS)
def test_weights(expected, name):
    assert summary(name) == expected('state_dicts')[name]
