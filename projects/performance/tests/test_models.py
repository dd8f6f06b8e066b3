"""Models with random weights."""
import pytest
import torch

from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         load_config, resize_input,
                                         single_frame_config, tdmi_config)


@pytest.mark.parametrize('name', MODEL_CONFIGS)
def test_both_have_the_same_backbone_and_input(name):
    ours, stock = tdmi_config(name), single_frame_config(name)
    assert ours.model.head.decoder.input_size == \
        stock.model.head.decoder.input_size
    if 'extra' in stock.model.backbone:
        for stage in ('stage2', 'stage3', 'stage4'):
            assert ours.model.backbone.extra[stage].num_channels == \
                stock.model.backbone.extra[stage].num_channels


def test_the_last_stages_neck_is_table_6_a(repository):
    config = load_config(
        repository / 'configs/ablations/posetrack17/tdmi_hrnet-w48_2xb24-20e_'
        'posetrack17-384x288_last-stage.py')
    assert tdmi_config('w48-last').model.neck == config.model.neck


@pytest.mark.parametrize('name', ['w32', 'vit-s'])
def test_another_input_size(name):
    config = tdmi_config(name)
    resize_input(config, (64, 96))
    model = build_random_model(config)
    assert not model.training and model.dataset_meta['num_keypoints'] == 17
    with torch.no_grad():
        maps = model.extract_feat(torch.randn(5, 3, 96, 64))
        heatmaps = model.head(maps)
    assert heatmaps.shape == (1, 17, 24, 16)
    assert torch.isfinite(heatmaps).all() and heatmaps.std() > 0


def test_a_config_that_is_not_there():
    with pytest.raises(FileNotFoundError, match='nowhere.py'):
        load_config('nowhere.py')
