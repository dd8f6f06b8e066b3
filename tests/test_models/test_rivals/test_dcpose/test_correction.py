import pytest
import torch

from mmpose_tdmi.models.rivals.dcpose import PoseCorrection


def build(**kwargs):
    return PoseCorrection(
        3, 6, inner_channels=8, num_blocks=1, dilations=(1, 3), **kwargs)


def test_without_offsets_and_modulation_one_the_merged_maps_pass(randomise):
    correction = build().eval()
    randomise(correction.blocks)
    merged = torch.rand(2, 3, 8, 6)
    residuals = torch.randn(2, 6, 8, 6)
    for layer in (*correction.offset_layers, *correction.mask_layers):
        torch.nn.init.zeros_(layer.weight)
    # the release's modulation has no sigmoid: nothing passes at zero
    assert not correction(residuals, merged).any()
    correction.mask = 'sigmoid'
    torch.testing.assert_close(correction(residuals, merged), merged / 2)


@pytest.mark.parametrize('mask', ['none', 'sigmoid'])
def test_each_joint_has_its_own_modulation(randomise, mask):
    correction = randomise(build(mask=mask)).eval()
    # no joint is mixed with another by the kernels
    for layer in correction.deform_conv_layers:
        layer.weight.data *= torch.eye(3)[:, :, None, None]
        torch.nn.init.zeros_(layer.bias)
    merged = torch.rand(1, 3, 8, 6)
    residuals = torch.randn(1, 6, 8, 6)
    context = correction.blocks(torch.cat((residuals, merged), dim=1))
    found = correction(residuals, merged)
    assert context.shape == (1, 8, 8, 6)
    changed = merged.clone()
    changed[:, 1] = 0
    # with the same context, joint 1's maps count for joint 1 alone
    correction.blocks.forward = lambda x: context
    found, other = (
        correction(residuals, x).detach() for x in (merged, changed))
    same = (found == other).all(dim=3).all(dim=2)[0]
    assert same.tolist() == [True, False, True]
