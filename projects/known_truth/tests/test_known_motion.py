"""The bound that known motion sets, on clips whose motion is known."""
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from mmpose.structures.bbox import get_udp_warp_matrix

from mmpose_tdmi.structures import FrameWindow
from projects.known_truth.known_motion import constant_velocity, move
from projects.known_truth.systems import ROOT

W, H = CELLS = (16, 24)
K = 17


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpose')


@pytest.fixture
def samples(clips):
    """Data samples of the key frames, and the config of their codec."""
    config = Config.fromfile(ROOT / 'projects' / 'known_truth' / 'configs' /
                             'known_truth.py')
    dataset = DATASETS.build(
        dict(
            config.test_dataloader.dataset,
            data_root=f'{clips.root}/',
            offsets=(-2, -1, 0, 1, 2)))
    return [s['data_samples'] for s in dataset][:4], config.codec


def truth_in_cells(clips, sample, offset):
    """A person's joints in another frame of the key frame's crop, (K, 2); NaN
    where they are not annotated."""
    for path in (clips.root / 'annotations/val').glob('*.json'):
        for person in json.loads(path.read_text())['annotations']:
            if (person['image_id'] == sample.img_id + offset
                    and person['track_id'] == sample.id % 100):
                matrix = get_udp_warp_matrix(sample.input_center,
                                             sample.input_scale, 0., CELLS)
                points = np.array(person['keypoints']).reshape(K, 3)
                there = points.any(axis=1, keepdims=True)
                points = np.concatenate((points[:, :2], np.ones((K, 1))), 1)
                return np.where(there, points @ matrix.T, np.nan)
    return np.full((K, 2), np.nan)


def gaussians(points):
    """Heatmaps with peaks at points in cells, (K, H, W); 0 without."""
    x, y = np.meshgrid(np.arange(W), np.arange(H))
    distance = ((points[:, 0, None, None] - x)**2 +
                (points[:, 1, None, None] - y)**2)
    return np.nan_to_num(np.exp(-distance / 2))


def make_head(codec, offsets, weights):
    head = MODELS.build(
        dict(
            type='KnownMotionHead',
            in_channels=K,
            out_channels=K,
            offsets=offsets,
            frame_weights=weights,
            heatmap_layer=dict(kernel_size=1),
            decoder=codec))
    layer = head.heatmap_layer
    with torch.no_grad():
        layer.weight.copy_(torch.eye(K)[..., None, None])
        layer.bias.zero_()
    return head.eval()


def test_maps_move_by_cells():
    maps = torch.zeros(1, 2, 5, 7)
    maps[:, :, 2, 3] = 1
    moved = move(maps, torch.tensor([[[1., -2], [-.5, 0]]]))
    assert moved[0, 0, 0, 4] == pytest.approx(1, abs=1e-5)
    assert moved[0, 1, 2, 2:4].tolist() == pytest.approx([.5, .5], abs=1e-5)
    assert moved.sum() == pytest.approx(2, abs=1e-4)


@torch.no_grad()
def test_peaks_that_move_meet_at_the_key_frames(clips, samples):
    samples, codec = samples
    offsets = (-2, -1, 0, 1, 2)
    maps = np.stack([
        gaussians(truth_in_cells(clips, sample, offset)) for sample in samples
        for offset in offsets
    ])
    head = make_head(codec, offsets, (.1, .25, .3, .25, .1))
    found = head.predict((torch.tensor(maps, dtype=torch.float32), ), samples)
    distances = []
    for sample, poses in zip(samples, found):
        expected = truth_in_cells(clips, sample, 0)
        # peaks near the map's border are cut off in some frames
        inside = ((expected > 3) &
                  (expected < np.array(CELLS) - 4)).all(axis=1)
        expected = expected / (W - 1, H - 1) * codec.input_size
        distances += np.linalg.norm(
            poses.keypoints[0] - expected, axis=1)[inside].tolist()
        assert poses.keypoint_scores[0][inside].min() > 0.7
    assert len(distances) > 20 and max(distances) < .5


@torch.no_grad()
def test_frames_that_tell_nothing_do_not_count(clips, samples):
    samples, codec = samples
    maps = np.random.rand(len(samples), 2, K, H, W)
    maps[:, 1] = [
        gaussians(truth_in_cells(clips, sample, 0)) for sample in samples
    ]
    head = make_head(codec, (-90, 0), (.9, .1))
    maps = torch.tensor(maps, dtype=torch.float32)
    found = head.predict((maps.flatten(0, 1), ), samples)
    alone = make_head(codec, (0, ), (1., )).predict((maps[:, 1], ), samples)
    for one, other in zip(found, alone):
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-4)


def test_joints_of_constant_velocity_move_as_they_do():
    window = FrameWindow((-2, -1, 0, 1, 2))
    velocity = np.random.rand(K, 2).astype(np.float32)
    offsets = np.array(window.offsets, np.float32)[:, None, None]
    known = np.ones((5, K), np.float32)
    known[0, 3] = known[3, 4] = 0
    motion = -offsets * velocity * known[..., None]
    found, told = constant_velocity(motion, known, window)
    assert told[:, 4].tolist() == [0, 0, 1, 0, 0]  # a neighbour is missing
    assert told[:, 3].tolist() == [0, 1, 1, 1, 1]
    motion[:, 4] = 0
    np.testing.assert_allclose(found, motion, atol=1e-6)
    # what it does faster and faster is not told
    quadratic = np.abs(offsets) * motion
    found, _ = constant_velocity(quadratic, known, window)
    np.testing.assert_allclose(found[1], quadratic[1], atol=1e-6)
    assert np.abs(found[4] - quadratic[4])[:3].min() > 0


def test_a_flip_test_is_refused(samples):
    head = make_head(samples[1], (0, ), (1., ))
    with pytest.raises(ValueError, match='flip_test must be False'):
        head.predict([], [], dict(flip_test=True))
