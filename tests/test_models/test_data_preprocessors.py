"""Clips to the folded batch."""
import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

MEAN, STD = [10., 20., 30.], [2., 4., 5.]


def build(**kwargs):
    return MODELS.build(dict(type='SequencePoseDataPreprocessor', **kwargs))


def batch(*clips):
    return dict(
        inputs=list(clips),
        data_samples=[
            PoseDataSample(metainfo=dict(img_path=f'clip{i}/000002.jpg'))
            for i in range(len(clips))
        ])


def clip(num_frames=5, channels=3, height=8, width=6):
    return torch.randint(
        256, (num_frames, channels, height, width), dtype=torch.uint8)


# three frames: a channel swap along time would not fail, but corrupt
@pytest.mark.parametrize('num_frames', [1, 3, 5])
def test_folds_time_and_normalises_each_frame_as_the_host_does(num_frames):
    clips = [clip(num_frames), clip(num_frames)]
    found = build(mean=MEAN, std=STD, bgr_to_rgb=True)(batch(*clips))
    assert found['inputs'].shape == (2 * num_frames, 3, 8, 6)
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    for b in range(2):
        for t in range(num_frames):
            expected = (clips[b][t].flip(0).float() - mean) / std
            torch.testing.assert_close(found['inputs'][b * num_frames + t],
                                       expected)


def test_channel_swap_without_mean_swaps_channels_and_not_frames():
    frames = clip(3)
    found = build(bgr_to_rgb=True)(batch(frames))['inputs']
    torch.testing.assert_close(found, frames.flip(1).float())


def test_one_sample_per_clip_with_the_shapes_of_its_own_clip():
    data = batch(clip(height=8, width=6), clip(height=5, width=10))
    found = build(num_frames=5, pad_size_divisor=4)(data)
    assert found['inputs'].shape == (10, 3, 8, 12)
    samples = found['data_samples']
    assert [x.img_path
            for x in samples] == ['clip0/000002.jpg', 'clip1/000002.jpg']
    assert [x.pad_shape for x in samples] == [(8, 8), (8, 12)]
    assert [x.batch_input_shape for x in samples] == [(8, 12)] * 2
    # the padding is zero and at the lower right
    assert not found['inputs'][5:, :, 5:].any()


def test_a_stacked_batch_is_taken_too():
    clips = torch.stack([clip(), clip()])
    found = build()({**batch(*clips), 'inputs': clips})['inputs']
    torch.testing.assert_close(found, clips.flatten(0, 1).float())


@pytest.mark.parametrize('clips, message', [
    ([clip()[0]], r'clip0/000002.jpg.*\(T, C, H, W\), got \(3, 8, 6\)'),
    ([clip(), clip(3)], r'clip1/000002.jpg.*\(3, 3, 8, 6\).*\(5, 3, 8, 6\)'),
    ([clip(), clip(5, 1)], r'clip1/000002.jpg.*T and C must agree'),
    ([clip(5, 4)], 'clip0/000002.jpg must have C = 3 channels, got C = 4'),
    ([clip(0)], 'clip0/000002.jpg is empty'),
    (['a path'], r'clip0/000002.jpg must be a tensor .*got str'),
    ([], 'without clips'),
])
def test_wrong_clips_are_refused(clips, message):
    with pytest.raises(ValueError, match=message):
        build(mean=MEAN, std=STD)(batch(*clips))


def test_wrong_number_of_frames_is_refused():
    with pytest.raises(ValueError, match='T = 3 .*num_frames = 5'):
        build(num_frames=5)(batch(clip(3)))


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match='batch_augments'):
        build(batch_augments=[dict(type='BatchSyncRandomResize')])
    with pytest.raises(ValueError, match='num_frames'):
        build(num_frames=0)


def test_channels_last_changes_the_layout_and_no_value():
    frames = clip()
    plain = build(mean=MEAN, std=STD)(batch(frames))['inputs']
    found = build(
        mean=MEAN, std=STD, channels_last=True)(batch(frames))['inputs']
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert not plain.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, plain, rtol=0, atol=0)
