"""Sprites land where the maps say, and labels know who is on top."""
import math

import numpy as np
import pytest

from projects.synthetic.render import LabelMap, Picture, along
from projects.synthetic.sprites import Ball, Sprite, Tube, limb


def plain(height=20, width=8, colour=200):
    return Sprite.build(
        np.full((height, width, 3), colour, np.float32),
        np.ones((height, width), np.float32))


@pytest.mark.parametrize('angle', [0, 40, 90, 200, 300])
def test_along_lays_the_sprite_on_the_bone(angle):
    start = np.array([30.0, 40.0])
    direction = np.array(
        [math.cos(math.radians(angle)),
         math.sin(math.radians(angle))])
    end = start + 25 * direction
    a, b, c, d, e, f = along(tuple(start), tuple(end), 3, 5, 6, (20, 8))
    matrix = np.array([[a, b, c], [d, e, f]])
    # the sprite's cells reach from -0.5 to height - 0.5
    top, bottom = (matrix @ (3.5, -0.5, 1), matrix @ (3.5, 19.5, 1))
    np.testing.assert_allclose(top, start - 3 * direction, atol=1e-9)
    np.testing.assert_allclose(bottom, end + 5 * direction, atol=1e-9)
    left = matrix @ (-0.5, 9.5, 1)
    right = matrix @ (7.5, 9.5, 1)
    assert np.linalg.norm(right - left) == pytest.approx(12)


def test_paste_blends_and_clips():
    image = np.full((40, 50, 3), 100, np.uint8)
    sprite = Sprite.build(
        np.full((20, 8, 3), 200, np.float32), np.full((20, 8), 0.5,
                                                      np.float32))
    Picture(image, {}).paste(sprite, (1, 0, 10, 0, 1, 5))
    assert abs(int(image[15, 14, 0]) - 150) <= 2
    assert (image[:, 25:] == 100).all()
    before = image.copy()
    Picture(image, {}).paste(sprite, (1, 0, 900, 0, 1, 5))  # outside
    np.testing.assert_array_equal(image, before)
    Picture(image, {}).paste(sprite, (1, 0, -4, 0, 1, -10))  # half outside
    assert abs(int(image[5, 2, 0]) - 150) <= 2


def test_reused_patches_follow_the_sprite():
    sprite, patches = plain(), {}
    first = np.zeros((60, 60, 3), np.uint8)
    Picture(first, patches).paste(sprite, (1, 0, 10, 0, 1, 10))
    second = np.zeros((60, 60, 3), np.uint8)
    Picture(second, patches).paste(sprite, (1, 0, 15, 0, 1, 13))
    np.testing.assert_array_equal(np.roll(first, (3, 5), axis=(0, 1)), second)
    turned = np.zeros((60, 60, 3), np.uint8)
    Picture(turned, patches).paste(sprite, (0, -1, 40, 1, 0, 20))
    rows, columns = np.nonzero(turned[..., 0] > 100)
    assert np.ptp(columns) > np.ptp(rows), 'a turned part is mapped anew'


def test_labels_keep_the_last_and_cover_all():
    labels = LabelMap(50, 40, 2)
    sprite = plain()
    labels.paste(sprite, (1, 0, 10, 0, 1, 5), 3)
    labels.paste(sprite, (1, 0, 14, 0, 1, 5), LabelMap.PARTS + 2)
    labels.paste(sprite, (1, 0, 10, 0, 1, 20), -1)
    labels.paste(sprite, (1, 0, 30, 0, 1, 20), 0)
    owner = labels.owner()
    assert owner[10, 11] == 0 and owner[10, 16] == 1
    assert owner[22, 12] == -1 and labels.labels[22, 12] == -1
    assert labels.covers[0, 22, 12], 'hidden, but there'
    assert labels.covers[0, 10, 16] and labels.covers[1, 10, 16]
    assert (labels.labels[:, 30:] == 0).all()


def test_limb_is_round_shaded_and_tapered():
    sprite = limb(np.full((60, 20, 3), 180, np.float32), (1.0, 0.5), 8)
    assert sprite.alpha[0, 0] == 0 and sprite.alpha[30, 10] == 255
    widths = (sprite.alpha > 127).sum(axis=1)
    assert widths[12] > widths[48] > 4
    row = sprite.bgra[30, sprite.alpha[30] == 255, 0].astype(int)
    assert row.max() > row[-1] + 30, 'flanks are darker'


def test_tube_and_ball_turn_their_front():
    texture = np.full((40, 128, 3), 60, np.float32)
    texture[:, 54:74] = 250  # the front
    tube = Tube(texture, (2.0, 1.0), (1.0, 1.0), 40, 2)

    def bright(sprite):
        return np.count_nonzero(sprite.bgra[..., 0] > 110)

    assert bright(tube.view(0.0)) > 100 > bright(tube.view(np.pi)) == 0
    columns = np.nonzero(tube.view(0.7).bgra[20, :, 0] > 110)[0]
    # turned to the image's left, as yaw goes
    assert len(columns) and columns.mean() < 19.5
    assert tube.half_width(0) == pytest.approx(2)
    assert tube.half_width(np.pi / 2) == pytest.approx(1)
    ball = Ball(texture, (1.0, 1.2, 1.1), 40)
    assert bright(ball.view(np.eye(3))) > 100
    assert bright(ball.view(np.diag([-1.0, 1.0, -1.0]))) == 0
