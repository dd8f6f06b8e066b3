"""Temporal models on the small model of real people: clips, damage, scores."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mmpose_tdmi.apis.models import init_pose_model
from projects.real_video import window_page, window_scores, windows
from projects.real_video.clips import moved
from projects.real_video.corruption import CORRUPTIONS, events_of
from projects.real_video.pck import torsos
from projects.real_video.people import CONFIGS, People
from projects.real_video.windows import SYSTEMS, WINDOW, KeyFrameOnly

SHIPPED = CONFIGS.parent / 'weights' / 'real-people.pth'


def make_video(count=7):
    """Frames of noise, and joints (count, 14, 2) of one who moves right."""
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 255, (count, 90, 120, 3), dtype=np.uint8))
    joints = rng.uniform(20, 70,
                         (14, 2)) + np.arange(count)[:, None, None] * (3, 0)
    return frames, joints


def damage(kind, events=(3, )):
    frames, joints = make_video()
    rng = np.random.default_rng(1)
    return frames, joints, CORRUPTIONS[kind](
        frames, joints, 30., list(events), rng,
        [np.full((50, 50, 3), 77, np.uint8)])


def test_what_is_covered_is_under_the_occluder():
    frames, joints, damaged = damage('occluded')
    assert damaged.covered[3].any() and damaged.hit[3]
    for t, (before, after) in enumerate(zip(frames, damaged.frames)):
        is_patch = (after == 77).all(axis=-1)
        assert (after[~is_patch] == before[~is_patch]).all()
        for (x, y), is_covered in zip(joints[t], damaged.covered[t]):
            # pixels are at whole numbers: a joint belongs to the one before
            assert is_patch[int(y), int(x)] == is_covered


def test_joints_that_are_not_known_are_never_covered():
    frames, joints = make_video()
    joints[:, 5:] = np.nan
    damaged = CORRUPTIONS['occluded'](frames, joints, 30., [3],
                                      np.random.default_rng(1), frames)
    assert damaged.covered[3, :5].any() and not damaged.covered[:, 5:].any()


@pytest.mark.parametrize('kind', ['blurred', 'dropped'])
def test_the_other_frames_stay(kind):
    frames, _, damaged = damage(kind)
    assert damaged.hit[3] and not damaged.hit[[0, 1, 2, 5, 6]].any()
    for t, (before, after) in enumerate(zip(frames, damaged.frames)):
        assert (after is not before) == damaged.hit[t]
    if kind == 'dropped':
        assert damaged.frames[3] is frames[2]
    else:
        assert damaged.frames[3].std() < 0.6 * frames[3].std()


def test_each_period_has_an_event():
    events = events_of(20, np.random.default_rng(0))
    assert list(events // 8) == [0, 1, 2] and events[-1] < 20


def test_a_photograph_moves_with_its_joints():
    image = np.zeros((100, 80, 3), np.uint8)
    joints = np.array([[20., 30.], [60., 70.], [0., 0.]])
    labelled = np.array([True, True, False])
    for x, y in joints[:2].astype(int):
        image[y - 2:y + 3, x - 2:x + 3] = 255
    motion = np.array([[.2, 0.], [0., -.3], [9., 9.]])
    done = moved(image, joints, labelled, motion, 30.)
    for (x, y), shift in zip(joints[:2], motion[:2] * 30):
        found = np.argwhere(done[int(y) - 15:int(y) + 16,
                                 int(x) - 15:int(x) + 16, 0] > 120)
        middle = found.mean(axis=0)[::-1] - 15
        # around a joint the field is a little weaker than at it
        assert np.abs(middle - shift).max() < 1.5
    assert (moved(image, joints, labelled, 0 * motion, 30.) == image).all()


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    """The weights that all start from."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp('start') / 'single_frame.pth'
        patch.setattr(windows, 'SINGLE_FRAME', path)
        patch.setattr(windows, 'WEIGHTS', SHIPPED)
        windows.write_single_frame()
        yield path


def build(name, start):
    config = windows.read_config(SYSTEMS[name])
    config.model.init_cfg = None
    layer = (config.model.get('neck') or {}).get('heatmap_layer')
    if layer:
        layer.checkpoint = str(start)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model)
    model.init_weights()
    load_checkpoint(model, str(start), 'cpu', logger='silent')
    return model.eval()


@pytest.mark.parametrize('name', list(SYSTEMS))
def test_all_start_as_the_single_frame(name, start):
    shipped = init_pose_model(CONFIGS / 'real-people_mobilenetv2_192x144.py',
                              SHIPPED)
    model = build(name, start)
    frames = torch.rand(2, 5, 3, 192, 144) * 2 - 1
    with torch.no_grad():
        expected = shipped.head(
            shipped.neck(shipped.backbone(frames.flatten(0, 1))))
        expected = expected.unflatten(0, (2, 5))
        if name == 'single_frame':
            maps = model.backbone(frames[:, 2])
        elif name == 'dcpose':
            maps = model.backbone(frames[:, 1:4].flatten(0, 1))
        else:
            maps = model.backbone(frames.flatten(0, 1))
        assert maps[0].shape[1:] == (64, 48, 36)
        found = model.head(model.neck(maps) if model.with_neck else maps)
    if name == 'dcpose':
        # its correction is new; what it corrects is the shipped model's
        assert found.shape == (2, 14, 48, 36)
        return
    target = expected[:, 2]
    if name == 'tdmi_window':
        weights = torch.tensor(model.head.window_shortcut.start_weights)
        target = torch.einsum('t,btkhw->bkhw', weights, expected)
    torch.testing.assert_close(found, target, rtol=1e-3, atol=2e-3)


def test_a_blind_model_sees_the_key_frame_alone():
    with DefaultScope.overwrite_default_scope('mmpose'):
        blind = KeyFrameOnly()
    clip = torch.arange(5.)[:, None, None, None].expand(5, 3, 4, 4)
    data = blind(
        pseudo_collate([dict(inputs=clip, data_samples=PoseDataSample())]))
    assert (data['inputs'] == WINDOW.key).all()


class OneVideo(window_scores.Truth):
    """A video of 30 frames, clean and occluded, of one who moves evenly."""

    def __init__(self):
        _, joints = make_video(30)
        self.frame = np.tile(np.arange(30), 2)
        joints = joints[self.frame]
        self.people = People([Path('x.jpg')] * 60,
                             np.tile([0., 0., 100., 90.], (60, 1)), joints,
                             np.ones((60, 14), bool))
        self.kind = np.repeat(['clean', 'occluded'], 30)
        self.scene = np.full(60, 'jhmdb_x')
        self.set = np.full(60, 'videos')
        self.block = np.array([f'x/{t // 12}' for t in self.frame])
        self.covered = np.zeros((60, 14), bool)
        self.covered[35, 3] = True
        self.hit = self.covered.any(axis=1)
        self.torso = torsos(self.people)


def test_the_labels_have_no_error_and_even_motion_no_jitter():
    truth = OneVideo()
    found = window_scores.sums(truth, truth.people.joints)
    assert set(found) == {'videos/clean', 'videos/occluded', 'videos/hidden'}
    assert list(found['videos/hidden'].values()) == [[1, 1, 1, 0, 1, 0]]
    total = np.sum(list(found['videos/clean'].values()), axis=0)
    # a video's first and last frame have no jitter
    assert total.tolist() == pytest.approx([420, 420, 420, 0, 28 * 14, 0])


def test_errors_are_in_torsos():
    truth = OneVideo()
    joints = truth.people.joints.copy()
    joints[::2, :, 1] += 0.15 * truth.torso[::2, None]
    found = window_scores.sums(truth, joints)
    total = np.sum(list(found['videos/clean'].values()), axis=0)
    assert total[:3].tolist() == [420, 420, 210]
    assert total[3] == pytest.approx(0.15 * 210, rel=1e-3)
    assert total[5] / total[4] == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize('name', list(window_scores.SMOOTHERS))
def test_smoothing_follows_a_video(name):
    truth = OneVideo()
    rng = np.random.default_rng(0)
    noisy = truth.people.joints + rng.normal(0, 2, (60, 14, 2))
    frames = np.repeat(noisy[:, None], 5, axis=1)
    done = window_scores.smoothed(truth, name, frames, np.ones((60, 5, 14)))
    before, after = (
        np.nanmean(window_scores.jitter(truth, x)) for x in (noisy, done))
    assert after < 0.7 * before


def test_the_page_is_of_the_results():
    text = window_page.PAGE.read_text(encoding='utf-8')
    shown = text.split(window_page.BEGIN)[1].split(window_page.END)[0]
    assert shown.strip() == window_page.tables().strip()
