"""The phases are the model; their torch.export programs, any batch size."""
import copy

import pytest
import torch
from torch import nn

from mmpose_tdmi.deploy import (ClipPhase, check_exportable, export_programs,
                                with_deform_backend)
from mmpose_tdmi.models.layers import DeformableConv2d


@pytest.mark.parametrize(
    'name', ['tdmi', 'tdmi_st', 'dcpose', 'temporal_attention', 'res18'])
def test_clip_phase_is_the_model(models, name):
    model = models(name)
    num_frames = model.cfg.model.data_preprocessor.num_frames
    clips = torch.randn(2, num_frames, 3, 96, 64)
    with torch.no_grad():
        found = ClipPhase(model)(clips)
        expected = model.head.forward(model.extract_feat(clips.flatten(0, 1)))
        if hasattr(model.head, 'activate'):
            expected = model.head.activate(expected)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_backend_is_set_on_a_copy(models):
    model = models('tdmi')
    copied = with_deform_backend(model, 'torchvision')

    def backends(model):
        return {
            m.backend
            for m in model.modules() if isinstance(m, DeformableConv2d)
        }

    assert backends(copied) == {'torchvision'}
    assert backends(model) == {'auto'}


def replaced(model, **parts):
    model = copy.copy(model)
    model._modules = dict(model._modules, **parts)
    return model


def test_what_cannot_be_exported(models):
    from mmpose.models.heads import RegressionHead
    model = models('tdmi')
    check_exportable(model)
    with pytest.raises(ValueError, match='RegressionHead gives no heatmaps'):
        check_exportable(replaced(model, head=RegressionHead(16, 17)))
    with pytest.raises(ValueError, match='Identity'):
        check_exportable(replaced(model, data_preprocessor=nn.Identity()))
    with pytest.raises(ValueError, match='call model.eval'):
        check_exportable(copy.deepcopy(model).train())


def test_mmcv_operators_are_named(models):
    ops = pytest.importorskip('mmcv.ops')
    neck = nn.Sequential(ops.ModulatedDeformConv2dPack(4, 4, 3, padding=1))
    neck.eval()
    with pytest.raises(ValueError, match='model.neck.0 is an operator of'):
        check_exportable(replaced(models('tdmi'), neck=neck))


def test_optical_flow_is_named(models):
    with pytest.raises(ValueError, match='OpticalFlowNeck'):
        check_exportable(models('op_flow'))


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
