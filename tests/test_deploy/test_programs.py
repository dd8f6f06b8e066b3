"""Programs of torch.export: saved, loaded, any batch size."""
import copy

import pytest
import torch
from torch import nn

from mmpose_tdmi.deploy import ClipPhase, export_programs


def load(path):
    return torch.export.load(path).module()


def run_window(program, maps, batch):
    with torch.no_grad():
        return program(*(x.unflatten(0, (batch, 5)) for x in maps))


@pytest.mark.parametrize('batch', [1, 3])
def test_saved_programs_give_the_models_heatmaps(models, exported, batch):
    model = models('tdmi')
    paths = exported('tdmi', 'frame', 'window', 'clip')
    clips = torch.randn(batch, 5, 3, 96, 64)
    with torch.no_grad():
        maps = load(paths['frame.pt2'])(clips.flatten(0, 1))
        expected = ClipPhase(model)(clips)
    found = run_window(load(paths['window.pt2']), maps, batch)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_grid_sample_program(models, exported):
    model = models('last_stage')
    paths = exported('last_stage', 'window', deform_conv='grid_sample')
    phase = ClipPhase(model)
    clips = torch.randn(2, 5, 3, 96, 64)
    with torch.no_grad():
        maps, expected = phase.frame(clips.flatten(0, 1)), phase(clips)
    found = run_window(load(paths['window.pt2']), maps, 2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_phases_are_checked(models):
    with pytest.raises(ValueError, match="'frame' and 'window'"):
        export_programs(models('tdmi'), 5, (64, 96), phases=('head', ))


class FixedSize(nn.Module):
    """A neck that turns the size of the batch into a number."""

    def forward(self, maps):
        x = maps[-1]
        return (x[::3] + x.new_zeros(len(x) // 3, 1, 1, 1), )


def test_parts_that_fix_the_batch_are_named(models):
    model = copy.copy(models('dcpose'))
    model._modules = dict(model._modules, neck=FixedSize())
    with pytest.raises(ValueError, match='FixedSize or .* number of batch'):
        export_programs(model.eval(), 3, (64, 96), phases=('window', ))
