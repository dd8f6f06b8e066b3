"""The phases are the model; what cannot be exported is named."""
import copy

import pytest
import torch
from torch import nn

from mmpose_tdmi.deploy import ClipPhase, check_exportable, with_deform_backend
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
