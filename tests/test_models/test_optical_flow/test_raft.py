from urllib.error import URLError

import pytest
import torch
from torchvision.models.optical_flow import Raft_Small_Weights

from mmpose_tdmi.models.optical_flow import RaftFlow

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
WEIGHTS = Raft_Small_Weights.DEFAULT


def build(**kwargs):
    options = dict(arch='small', weights=None, num_updates=2) | kwargs
    return RaftFlow(MEAN, STD, **options)


def normalised(level):
    """A frame of one RGB level, 0 to 255, after the data preprocessor."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, STD))
    return ((level - mean) / std).expand(1, 3, 128, 136)


@pytest.mark.parametrize('arch', ['small', 'large'])
def test_gives_a_flow_of_the_frames_size(arch):
    flow = build(arch=arch)(torch.randn(1, 3, 128, 136),
                            torch.randn(1, 3, 128, 136))
    assert flow.shape == (1, 2, 128, 136)
    assert flow.isfinite().all() and flow.abs().max() > 0


def test_the_network_sees_rgb_from_minus_one_to_one():
    flow = build()
    seen = []
    flow.network.register_forward_pre_hook(
        lambda module, arguments: seen.extend(arguments))
    flow(normalised(0), normalised(255))
    torch.testing.assert_close(seen[0], torch.full_like(seen[0], -1))
    torch.testing.assert_close(seen[1], torch.ones_like(seen[1]))


def test_flow_is_in_pixels_of_the_crop(brightness_flow):
    flow = build(frame_scale=2.)
    flow.network = brightness_flow
    small = [x[..., :64, :72] for x in (normalised(0), normalised(255))]
    found = flow(*small)
    assert found.shape == (1, 2, 128, 144)
    # 2 pixels of the enlarged frames
    torch.testing.assert_close(found, torch.ones_like(found))


@pytest.mark.parametrize('size,scale', [((96, 64), 1), ((128, 132), 1),
                                        ((96, 64), 1.5)])
def test_sizes_that_raft_cannot_take(size, scale):
    with pytest.raises(
            ValueError,
            match='frame_scale = .* multiples|'
            'multiples .*frame_scale'):
        build(frame_scale=scale)(*torch.randn(2, 1, 3, *size))


def test_frozen_by_default():
    flow = build().train()
    assert not any(x.training for x in flow.modules())
    assert not any(x.requires_grad for x in flow.parameters())
    frames = torch.randn(1, 3, 128, 128, requires_grad=True)
    assert not flow(frames, frames.flip(-1)).requires_grad


def test_trainable():
    flow = build(frozen=False).train()
    assert flow.network.training
    flow(torch.randn(1, 3, 128, 128),
         torch.randn(1, 3, 128, 128)).square().mean().backward()
    assert all(x.grad is not None for x in flow.parameters())


def test_bfloat16_autocast_leaves_it_in_float32():
    flow, frames = build(), torch.randn(2, 1, 3, 128, 128)
    expected = flow(*frames)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(flow(*frames), expected)


@pytest.mark.parametrize('source', ['hub', 'file'])
def test_weights_are_loaded(monkeypatch, tmp_path, source):
    # as a download would have left them
    folder = tmp_path / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    path = folder / WEIGHTS.url.rsplit('/', 1)[-1]
    trained = build().network.state_dict()
    torch.save(trained, path)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    flow = build(weights='DEFAULT' if source == 'hub' else str(path))
    flow.init_weights()
    for name, x in flow.network.state_dict().items():
        assert torch.equal(x, trained[name]), name
    assert not any(x.requires_grad for x in flow.parameters())


def test_offline_it_says_what_is_wanted(monkeypatch, tmp_path):

    def urlopen(*args, **kwargs):
        raise URLError('no route to host')

    monkeypatch.setattr('torch.hub.urlopen', urlopen)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    flow = build(weights='C_T_V2')
    with pytest.raises(RuntimeError) as caught:
        flow.init_weights()
    message = str(caught.value)
    assert Raft_Small_Weights.C_T_V2.url in message
    assert str(tmp_path / 'hub' / 'checkpoints') in message
    assert 'neck.flow.weights' in message and 'no route to host' in message


def test_a_missing_file(tmp_path):
    flow = build(weights=str(tmp_path / 'x.pth'))
    with pytest.raises(FileNotFoundError, match='flow.weights.*x.pth'):
        flow.init_weights()


@pytest.mark.parametrize('wrong,message', [
    (dict(arch='medium'), 'flow.arch'),
    (dict(weights='C_T_SKHT_V2'), 'flow.weights .*C_T_V1.*got'),
    (dict(num_updates=0), 'flow.num_updates'),
    (dict(frame_scale=0), 'flow.frame_scale'),
])
def test_wrong_options(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)


def test_mean_of_another_number_of_channels():
    with pytest.raises(ValueError, match='mean must be three numbers'):
        RaftFlow((0., ), STD, arch='small', weights=None)
