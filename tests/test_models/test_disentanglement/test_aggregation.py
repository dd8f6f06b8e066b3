import torch

from mmpose_tdmi.models.disentanglement import Aggregation


def maps():
    return [torch.randn(2, 4, 6, 5) for _ in range(3)]


def test_parameters_of_the_authors_form():
    assert sum(x.numel() for x in Aggregation(48).parameters()) == 150_432


def test_sees_motion_and_visual_feature_and_not_the_key_frame():
    inputs = [x.requires_grad_() for x in maps()]
    Aggregation(4)(*inputs).square().sum().backward()
    useful, visual, key = inputs
    assert useful.grad.any() and visual.grad.any() and key.grad is None


def test_shortcut_starts_as_the_key_frames_feature_and_can_leave_it():
    module = Aggregation(4, visual_shortcut=True)
    module.init_weights()
    useful, visual, key = (x.requires_grad_() for x in maps())
    found = module(useful, visual, key)
    assert torch.equal(found, key)
    (found * torch.randn_like(found)).sum().backward()
    assert module.shortcut_norm.weight.grad.any()
    with torch.no_grad():
        module.shortcut_norm.weight.fill_(0.1)
    assert not torch.equal(module(useful, visual, key), key)
