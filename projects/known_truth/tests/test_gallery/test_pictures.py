"""What is drawn, and where."""
from dataclasses import replace

import numpy as np
import pytest

from mmpose_tdmi.video.structures import Crop
from projects.known_truth.gallery.traces import Trace, trace

from projects.known_truth.gallery.pictures import (  # isort: skip
    CropView, difference_picture, draw_pose, motion_picture, offset_picture,
    prediction_picture, strength)

LINKS = [(0, 1), (1, 2)]
OFFSETS = (-2, -1, 0, 1, 2)


def red(picture):
    """Pixels of the red rings."""
    blue, green, red = picture.astype(int).transpose(2, 0, 1)
    return (red > 200) & (blue < 70) & (green < 70)


@pytest.mark.parametrize('height', [40, 192])
def test_points_lie_where_the_picture_shows_them(height):
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[39:42, 59:62] = 255  # around (60, 40)
    view = CropView(Crop((52., 44.), (64., 96.)), height)
    rows, columns = np.nonzero(view.cut(frame)[..., 0] > 100)
    x, y = view.points(np.array([60., 40.]))
    assert abs(columns.mean() - x) < .6 and abs(rows.mean() - y) < .6
    assert view.cut(frame).shape[:2] == view.size[::-1]
    assert np.isclose(view.length(96.), height)


def test_beyond_the_frame_is_black():
    view = CropView(Crop((0., 0.), (20., 20.)), 40)
    cut = view.cut(np.full((50, 50, 3), 255, np.uint8))
    assert (cut[:15, :15] == 0).all() and (cut[-15:, -15:] == 255).all()


def test_strength_is_the_root_mean_square():
    maps = np.stack([np.full((2, 2), 3.), np.full((2, 2), 4.)])
    assert np.allclose(strength(maps), np.sqrt(12.5))


def test_pictures_of_features(models, subject):
    kept = trace(models['tdmi'], subject)
    motion = motion_picture(subject, kept, OFFSETS)
    assert motion.dtype == np.uint8 and motion.shape[0] > 2 * 240
    steps = difference_picture(subject, kept, OFFSETS)
    assert steps.shape[0] > 4 * 144 and steps.shape[1] > 4 * 90
    points = offset_picture(subject, kept, [0, 9])
    assert points.shape[1] > 4 * 190
    # no differences, no colours
    still = replace(
        kept, differences=[np.zeros_like(d) for d in kept.differences])
    assert difference_picture(subject, still, OFFSETS).sum() < steps.sum()


def test_a_model_without_disentanglement_has_m_alone(models, subject):
    kept = trace(models['tdmi'], subject)
    full = motion_picture(subject, kept, OFFSETS)
    kept.maps = dict(motion=kept.maps['motion'])
    assert motion_picture(subject, kept, OFFSETS).shape == full.shape


def test_wrong_joints_are_ringed(subject):
    crop = Crop((80., 60.), (60., 90.))
    keypoints = np.where(np.isnan(subject.keypoints), 0, subject.keypoints)
    right, wrong = (
        Trace(crop, keypoints + [3, 0], np.ones(17)) for _ in range(2))
    wrong.keypoints[7] += [5, 0]  # by more than half a head of 10 pixels
    pictures = [
        prediction_picture(subject, {'model': t}, LINKS)
        for t in (right, wrong)
    ]
    none, some = (red(p[:, p.shape[1] // 2:]).sum() for p in pictures)
    assert some > none + 40


def test_hidden_joints_are_rings():
    blank = np.full((60, 60, 3), 128, np.uint8)
    points, shown = np.array([[30., 30.]] * 3), np.array([True, False, False])
    seen, hidden = (
        draw_pose(blank, points, shown, LINKS, np.array([h, False, False]))
        for h in (False, True))
    assert (blank == 128).all()
    assert (hidden[30, 30] == 128).all() and (seen[30, 30] != 128).any()


def test_people_without_truth(subject):
    unknown = replace(subject, keypoints=None, hidden=None)
    crop = Crop((80., 60.), (60., 90.))
    kept = Trace(crop, np.full((17, 2), 60.), np.ones(17))
    picture = prediction_picture(unknown, {'a': kept, 'b': kept}, LINKS, [1])
    assert picture.shape[1] >= 3 * 160
