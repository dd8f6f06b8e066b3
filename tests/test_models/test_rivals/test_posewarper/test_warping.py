import pytest
import torch

from mmpose_tdmi.models.rivals.posewarper import HeatmapWarping


def build(**kwargs):
    options = dict(
        num_keypoints=3, inner_channels=4, num_blocks=1, dilations=(1, 2))
    options.update(kwargs)
    return HeatmapWarping(**options)


def maps(num=2):
    return torch.rand(num, 3, 8, 6)


def test_a_new_warp_passes_the_supporting_heatmaps_through(randomise):
    warping = build().eval()
    # whatever the difference features are
    randomise(warping.offset_feats)
    support, key = maps(), maps()
    assert not any(x.any() for x in warping.offsets(support, key))
    torch.testing.assert_close(warping(support, key), support)


def test_a_constant_offset_moves_the_heatmaps():
    # with identity kernels only the kernel's centre counts
    warping = build(dilations=(1, )).eval()
    support = maps()
    offsets = torch.zeros(2, 3, 9, 2, 8, 6)
    offsets[:, :, 4, 0], offsets[:, :, 4, 1] = 2, -1
    layer = warping.deform_conv_layers[0]
    found = layer(support, offsets.flatten(1, 3), torch.ones(2, 27, 8, 6))
    # the cell two below and one to the left is seen
    torch.testing.assert_close(found[:, :, :6, 1:], support[:, :, 2:, :5])


def test_flipped_frames_give_flipped_heatmaps_with_symmetric_offsets(
        randomise):
    warping = randomise(build()).eval()
    for x in warping.parameters():
        if x.dim() == 4:
            x.data = (x + x.flip(-1)) / 2
    # vertical offsets mirror with the kernel's points, horizontal ones
    # change their sign: leave none
    for layer in warping.offset_layers:
        weight = layer.weight.data.unflatten(0, (3, 3, 3, 2))
        weight[:, :, :, 1] = 0
        weight.copy_((weight + weight.flip(2)) / 2)
    support, key = maps(), maps()
    torch.testing.assert_close(
        warping(support.flip(-1), key.flip(-1)),
        warping(support, key).flip(-1),
        atol=1e-4,
        rtol=1e-4)


@pytest.mark.parametrize('kwargs', [
    dict(dilations=()),
    dict(dilations=(0, )),
    dict(inner_channels=0),
    dict(num_blocks=0),
])
def test_invalid_option_is_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        build(**kwargs)
