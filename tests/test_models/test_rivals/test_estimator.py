"""Every rival through the stock estimator."""
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS

from mmpose_tdmi.models.cost import clip_length
from mmpose_tdmi.video.phases import FramePhase, WindowPhase


def build(config):
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model


def test_trains_and_predicts(rival, rival_config, packed_clips):
    model = build(rival_config(rival))
    num_frames = clip_length(model)
    assert num_frames == (3 if rival == 'dcpose' else 5)
    wrapper = OptimWrapper(
        torch.optim.Adam([x for x in model.parameters() if x.requires_grad],
                         1e-3))
    before = {k: v.clone() for k, v in model.named_parameters()}
    model.train()
    data = model.data_preprocessor(packed_clips(num_frames=num_frames), True)
    total, logged = model.parse_losses(model(**data, mode='loss'))
    assert all(torch.as_tensor(x).isfinite() for x in logged.values())
    total.backward()
    for name, x in model.named_parameters():
        # what is trained has a gradient, which distributed training needs
        assert (x.grad is not None) == x.requires_grad, name
    for _ in range(2):
        logged = model.train_step(packed_clips(num_frames=num_frames), wrapper)
        assert all(torch.as_tensor(x).isfinite() for x in logged.values())
    trained = {
        name.split('.')[0]
        for name, x in model.named_parameters() if x.requires_grad
    }
    assert trained == {
        name.split('.')[0]
        for name, x in model.named_parameters()
        if not torch.equal(x, before[name])
    }

    model.eval()
    with torch.no_grad():
        samples = model.test_step(packed_clips(num_frames=num_frames))
    for sample in samples:
        assert sample.pred_instances.keypoints.shape == (1, 17, 2)
        assert sample.pred_instances.keypoint_scores.shape == (1, 17)
        assert sample.pred_fields.heatmaps.shape == (17, 16, 16)


def test_a_batch_may_be_permuted(rival, rival_config, packed_clips):
    model = build(rival_config(rival)).eval()
    # weights at which every part counts
    for x in model.parameters():
        if x.requires_grad:
            torch.nn.init.normal_(x, std=0.1)
    clips = packed_clips(3, num_frames=clip_length(model))
    inputs = model.data_preprocessor(clips)['inputs']
    folded = inputs.unflatten(0, (3, -1))
    order = torch.tensor([2, 0, 1])
    with torch.no_grad():
        found, permuted, alone = (
            model(x.flatten(0, 1), None, mode='tensor')
            for x in (folded, folded[order], folded[1:2]))
    assert found.std() > 0
    torch.testing.assert_close(found[order], permuted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[1:2], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('name', ['posewarper', 'fami', 'attention'])
def test_bfloat16_autocast(name, rival_config, packed_clips):
    model = build(rival_config(name)).train()
    data = model.data_preprocessor(packed_clips(), True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite() and total.dtype == torch.float32
    assert all(x.grad.isfinite().all() for x in model.parameters()
               if x.requires_grad)


@pytest.mark.parametrize('name', ['attention_gated', 'fami_affine'])
def test_starts_as_the_single_frame_model(name, rival_config, packed_clips,
                                          hrnet_extra):
    config = rival_config(name, frozen=False)
    model = build(config)
    final_layer = None if name == 'attention_gated' else dict(
        kernel_size=3, padding=1)
    single = build(
        dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(
                config['data_preprocessor'], type='PoseDataPreprocessor'),
            backbone=dict(type='HRNet', extra=hrnet_extra()),
            head=dict(
                type='SpatialSoftmaxHead',
                in_channels=8,
                out_channels=17,
                deconv_out_channels=None,
                **(dict(final_layer=final_layer) if final_layer else {}),
                decoder=config['head']['decoder']),
            test_cfg=config['test_cfg']))
    for name, x in single.state_dict().items():
        if x.is_floating_point():
            x.copy_(
                torch.rand_like(x) *
                0.2 if 'var' in name else torch.randn_like(x) * 0.2)
    result = model.load_state_dict(single.state_dict(), strict=False)
    assert not result.unexpected_keys
    data = packed_clips()
    key_frames = {**packed_clips(), 'inputs': [x[2] for x in data['inputs']]}
    single.eval()
    model.eval()
    with torch.no_grad():
        found, expected = model.test_step(data), single.test_step(key_frames)
    for a, b in zip(found, expected):
        torch.testing.assert_close(
            a.pred_fields.heatmaps,
            b.pred_fields.heatmaps,
            atol=1e-5,
            rtol=1e-4)


def test_a_video_streams_as_whole_windows(rival, rival_config):
    model = build(rival_config(rival)).eval()
    # weights at which every frame counts
    for x in model.parameters():
        if x.dim() > 1:
            torch.nn.init.normal_(x, std=x[0].numel()**-0.5)
    num_frames = clip_length(model)
    video = torch.randn(num_frames + 2, 3, 64, 64)
    frame, window = FramePhase(model), WindowPhase(model)
    with torch.no_grad():
        # each frame by itself, once
        maps = [torch.cat(x) for x in zip(*map(frame, video.split(1)))]
        found, expected = [], []
        for clip in (slice(t, t + num_frames) for t in range(3)):
            found.append(window(*(x[None, clip] for x in maps)))
            heatmaps = model(video[clip], None, mode='tensor')
            if hasattr(model.head, 'activate'):
                heatmaps = model.head.activate(heatmaps)
            expected.append(heatmaps)
    assert (expected[0] - expected[2]).std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
