import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmpose_tdmi.models.batch_norm_folding import fold_batch_norms
from mmpose_tdmi.models.cost import clip_length
from mmpose_tdmi.models.layers import DeformableConv2d
from projects.performance.models import (build_random_model, resize_input,
                                         tdmi_config)


def norms(model):
    return sum(
        isinstance(module, nn.modules.batchnorm._BatchNorm)
        for module in model.modules())


def randomise(model):
    """Statistics and factors that every normalisation counts by."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


@pytest.mark.parametrize('name', ['w32', 'vit-s'])
def test_heatmaps_stay(name):
    config = tdmi_config(name)
    resize_input(config, (64, 96))
    model = randomise(build_random_model(config, 'cpu'))
    before, folded = norms(model), copy.deepcopy(model)
    assert fold_batch_norms(folded, (96, 64)) == before - norms(folded)
    # what is left are the norms of the objective, which only trains
    left = [
        n for n, m in folded.named_modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm)
    ]
    assert all('mi_loss' in n for n in left), left
    assert before > len(left)
    frames = torch.randn(2 * clip_length(model), 3, 96, 64)
    with torch.no_grad():
        expected = model(frames, None, mode='tensor')
        found = folded(frames, None, mode='tensor')
    assert expected.std() > 0
    torch.testing.assert_close(
        found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize('config', [
    'rivals/synthetic/dcpose_hrnet-light_1xb16-1e_synthetic-96x64.py',
    'rivals/synthetic/fami-pose_hrnet-light_1xb16-1e_synthetic-96x64.py',
    'tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py'
])
def test_other_models(repository, config):
    init_default_scope('mmpose')
    config = Config.fromfile(repository / 'configs' / config)
    # random alignments enlarge rounding errors without bounds
    model = randomise(build_random_model(config, 'cpu')).double()
    folded = copy.deepcopy(model)
    assert fold_batch_norms(folded, (96, 64)) > 10
    frames = torch.randn(2 * clip_length(model), 3, 96, 64).double()
    with torch.no_grad():
        expected = model(frames, None, mode='tensor')
        found = folded(frames, None, mode='tensor')
    torch.testing.assert_close(
        found, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


class Odd(nn.Module):
    """Children in an order that is not that of the data, and a fork."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1, bias=False)
        self.second = nn.ConvTranspose2d(4, 4, 3, bias=False)
        self.norm_of_first = nn.BatchNorm2d(4)
        self.norm_of_second = nn.BatchNorm2d(4)
        self.forked = nn.Conv2d(4, 4, 1)
        self.norm_of_forked = nn.BatchNorm2d(4)
        self.shared = nn.Conv2d(4, 4, 1)
        self.norms_of_shared = nn.ModuleList(
            [nn.BatchNorm2d(4), nn.BatchNorm2d(4)])
        self.norm_of_a_sum = nn.BatchNorm2d(4)

    def forward(self, x, data_samples=None, mode='tensor'):
        x = self.norm_of_first(self.first(x)).relu()
        x = self.norm_of_second(self.second(x)).relu()
        y = self.forked(x)
        x = self.norm_of_forked(y) + y
        x = sum(norm(self.shared(x)) for norm in self.norms_of_shared)
        return self.norm_of_a_sum(x)


def test_only_what_the_data_allows_is_folded():
    model = randomise(Odd())
    folded = copy.deepcopy(model)
    assert fold_batch_norms(folded, (6, 5)) == 2
    assert isinstance(folded.norm_of_first, nn.Identity)
    assert isinstance(folded.norm_of_second, nn.Identity)
    x = torch.randn(2, 3, 6, 5)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), model(x))


def test_a_model_in_training_is_refused():
    with pytest.raises(ValueError, match='model.eval'):
        fold_batch_norms(Odd().train(), (6, 5))


@pytest.mark.parametrize('backend', ['torchvision', 'mmcv'])
def test_any_backend_of_the_deformable_convolution(backend):
    config = tdmi_config('w32')
    resize_input(config, (64, 96))
    model = build_random_model(config, 'cpu')
    layers = [m for m in model.modules() if isinstance(m, DeformableConv2d)]
    for layer in layers:
        layer.backend = backend
    assert fold_batch_norms(model, (96, 64)) > 100
    assert {layer.backend for layer in layers} == {backend}


def test_a_model_that_looks_at_numbers_is_left_alone():

    class Deciding(Odd):

        def forward(self, x, data_samples=None, mode='tensor'):
            x = super().forward(x)
            return x if float(x.sum()) > 0 else -x

    model = Deciding().eval()
    before = norms(model)
    with pytest.warns(UserWarning, match='Deciding are not folded'):
        assert fold_batch_norms(model, (6, 5)) == 0
    assert norms(model) == before
