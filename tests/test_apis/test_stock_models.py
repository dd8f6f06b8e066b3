"""MMPose's own top-down models along a video."""
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown

from mmpose_tdmi.apis import VideoPoseInferencer, init_pose_model
from projects.evaluation_checks.stock_models import (CONFIGS, STOCK, compare,
                                                     halved, make_video,
                                                     save_random)


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """``saved(what)``: config, random weights and changes of an entry of
    ``STOCK``, of half its size."""

    def get(what):
        config = Config.fromfile(CONFIGS / STOCK[what])
        changes = halved(config)
        config.merge_from_dict(dict(changes))
        checkpoint = save_random(config, tmp_path_factory.mktemp('stock'))
        return CONFIGS / STOCK[what], checkpoint, changes

    return get


@pytest.fixture(scope='module')
def stock(saved):
    """``stock(what)``: an inferencer of an entry, each built once."""
    built = {}

    def get(what):
        if what not in built:
            config, checkpoint, changes = saved(what)
            built[what] = VideoPoseInferencer(
                config, checkpoint, device='cpu', cfg_options=changes)
        return built[what]

    return get


@pytest.mark.parametrize('what', STOCK)
def test_poses_are_the_hosts(what, tmp_path):
    for _, found in compare(STOCK[what], tmp_path):
        # a regression's joints lie anywhere: floats have 24 bits
        assert found.largest < max(1e-3, 5e-6 * found.spread)
        assert found.spread > 1  # pixels: poses come from the images


@pytest.mark.parametrize('name', ['ViTPose-small', 'ViTPose-small-simple'])
def test_vitpose_without_mmpretrain(name, tmp_path):
    """With the names of weights that its released checkpoints have."""
    path = CONFIGS / ('body_2d_keypoint/topdown_heatmap/coco/'
                      f'td-hm_{name}_8xb64-210e_coco-256x192.py')
    config = Config.fromfile(path)
    config.model.backbone = dict(type='MultiStageViT', out_indices=(-1, ))
    checkpoint = save_random(config, tmp_path)
    weights = torch.load(checkpoint)['state_dict']
    assert {
        'backbone.pos_embed', 'backbone.patch_embed.projection.weight',
        'backbone.layers.11.attn.qkv.weight', 'backbone.layers.0.ln2.bias',
        'backbone.layers.3.ffn.layers.0.0.weight', 'backbone.ln1.weight'
    } <= set(weights)
    inferencer = VideoPoseInferencer(
        path, checkpoint, device='cpu', fold_batch_norm=False)
    frames, boxes = make_video(1)
    result, = inferencer(frames, boxes=boxes, mode='naive')
    expected = inference_topdown(inferencer.model, frames[0], boxes[0][:, :4])
    for person, sample in zip(result.poses.persons, expected):
        np.testing.assert_allclose(
            person.keypoints, sample.pred_instances.keypoints[0], atol=1e-3)


@pytest.mark.parametrize('options', [
    dict(),
    dict(batch_size=5),
    dict(batch_size=1, mode='online'),
])
def test_by_default_up_to_rounding(options, stock):
    """Folded batch normalisations and another layout of memory; a window of
    one frame waits for no other."""
    frames, boxes = make_video(4)
    inferencer = stock('RTMPose')
    found, expected = ([[
        p.keypoints for p in result.poses.persons
    ] for result in inferencer(frames, boxes=boxes, **kwargs)]
                       for kwargs in (options, dict(mode='naive')))
    assert np.shape(found) == (4, 3, 17, 2)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize('what', ['SimCC', 'MSRA', 'integral'])
def test_half_precision(what, stock):
    """The host's heads decode in the format that they compute in."""
    frames, boxes = make_video(1)
    result, = stock(what)(frames, boxes=boxes, precision='bfloat16')
    for person in result.poses.persons:
        assert np.isfinite(person.keypoints).all()
        x1, y1, x2, y2 = person.box.bbox
        reach = 2 * max(x2 - x1, y2 - y1)
        assert (np.abs(person.keypoints - [x1, y1]) < reach).all()


def test_results_are_of_the_models_keypoints(stock, tmp_path):
    """Names, limbs and colours of a hand; an interrupted run goes on."""
    frames, boxes = make_video(4)
    inferencer = stock('hand, neck')
    options = dict(boxes=boxes, out_dir=tmp_path, name='hand', report=True)
    whole = inferencer(frames, **options)
    next(whole)
    whole.close()
    assert not (tmp_path / 'predictions' / 'hand.json').exists()
    inferencer.run(frames, **options)
    stored = json.loads((tmp_path / 'predictions/hand.json').read_text())
    assert stored['meta']['frame_offsets'] == [0]
    assert len(stored['frames']) == 4
    for frame in stored['frames']:
        assert np.shape([p['keypoints']
                         for p in frame['persons']]) == (3, 21, 2)
    text = json.dumps(stored['meta'])
    assert 'forefinger1' in text and 'left_knee' not in text


def test_heatmaps_are_drawn_where_there_are_some(stock):
    frames, boxes = make_video(1)
    result, = stock('SimCC')(frames, boxes=boxes, draw_heatmap=True)
    assert result.poses.persons[0].heatmaps.shape[0] == 17
    with pytest.raises(ValueError, match='RLEHead, gives none'):
        list(stock('regression, RLE')(frames, boxes=boxes, draw_heatmap=True))


@pytest.mark.parametrize('name', [
    'body_2d_keypoint/dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512.py',
    'body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py',
    'body_3d_keypoint/video_pose_lift/h36m/'
    'video-pose-lift_tcn-27frm-supv_8xb128-160e_h36m.py',
    'wholebody_2d_keypoint/dwpose/coco-wholebody/s1_dis/'
    'dwpose_l_dis_m_coco-256x192.py',
])
def test_other_kinds_of_models(name, tmp_path):
    torch.save({}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='expected TopdownPoseEstimator'):
        init_pose_model(CONFIGS / name, tmp_path / 'a.pth')


def test_another_models_checkpoint_and_no_layout(saved):
    config, checkpoint, changes = saved('MSRA')
    with pytest.raises(ValueError, match='no checkpoint of this model'):
        init_pose_model(CONFIGS / STOCK['RTMPose'], checkpoint)
    config = Config.fromfile(config)
    config.pop('train_dataloader')
    with pytest.raises(ValueError, match='the layout of the keypoints'):
        init_pose_model(config, checkpoint, cfg_options=changes)


def test_a_mean_of_heatmaps_needs_heatmaps(stock):
    frames, boxes = make_video(3)
    for what, head in (('SimCC', 'SimCCHead'), ('integral', 'DSNTHead')):
        with pytest.raises(ValueError, match=f'this model\'s head is {head}'):
            list(stock(what)(frames, boxes=boxes, temporal='mean'))
    results = list(stock('UDP')(frames, boxes=boxes, temporal='mean'))
    assert [len(r.poses.persons) for r in results] == [3] * 3
