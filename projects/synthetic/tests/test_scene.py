"""Scenes: what the knobs do, and that drawing and truth agree."""
import cv2
import numpy as np
import pytest

from projects.synthetic.annotation import OBJECT, annotate
from projects.synthetic.generator import make_scene
from projects.synthetic.settings import ClipSettings
from projects.synthetic.skeleton import JOINT_INDEX


def settings(**changes):
    return ClipSettings(**{
        **dict(width=192, height=144, frames=3, label_margin=1),
        **changes
    })


def middle_frames(count, **changes):
    """The labelled middle frame of some scenes."""
    for number in range(count):
        scene = make_scene(settings(**changes), 0, 'train', number)
        frames = list(scene.frames())
        assert [f.labels is not None for f in frames] == [False, True, False]
        yield scene, frames[1]


def test_more_occlusion_hides_more_joints():
    shares = []
    for occlusion in (0.0, 0.4, 1.0):
        causes = [
            cause for scene, frame in middle_frames(7, occlusion=occlusion)
            for annotation in annotate(scene, frame, 1)[0] for cause, v in zip(
                annotation['occluded_by'], annotation['keypoints'][2::3]) if v
        ]
        shares.append(np.mean(np.array(causes) == OBJECT))
    assert shares[0] < shares[1] < shares[2]
    assert shares[0] < 0.03 and 0.06 < shares[1] < 0.3 < shares[2] + 0.1


def test_blur_softens_the_picture_and_nothing_else():
    sharpness = {}
    for blur in (0.0, 1.0):
        values, joints = [], []
        for _, frame in middle_frames(4, blur=blur, speed=1.0):
            grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
            grey = cv2.GaussianBlur(grey, (3, 3), 0)  # less grain
            values.append(cv2.Laplacian(grey, cv2.CV_64F).var())
            joints += [t.pixels[frame.index] for t in frame.tracks]
        sharpness[blur] = np.mean(values), np.concatenate(joints)
    assert sharpness[1.0][0] < 0.85 * sharpness[0.0][0]
    np.testing.assert_array_equal(sharpness[0.0][1], sharpness[1.0][1])


def test_speed_moves_people_further():
    way = []
    for speed in (0.0, 0.5, 1.0):
        moved = []
        for number in range(4):
            scene = make_scene(settings(speed=speed), 0, 'train', number)
            times = np.arange(3) * scene.settings.time_step
            for person in scene.people:
                pixels = person.track(scene.camera, times).pixels
                moved.append(np.abs(np.diff(pixels, axis=0)).mean())
        way.append(np.mean(moved))
    assert way[0] < 0.8 * way[1] and way[1] < 0.8 * way[2]


def test_crowd_brings_more_people():
    counts = []
    for crowd in (0.0, 0.4, 1.0):
        scenes = [
            make_scene(settings(crowd=crowd), 0, 'val', number)
            for number in range(6)
        ]
        people = [
            sum(not p.background for p in scene.people) for scene in scenes
        ]
        low, high = scenes[0].settings.people_range
        assert low <= min(people) and max(people) <= high
        counts.append(np.mean(people))
    assert counts[0] < counts[1] < counts[2]


def test_people_are_drawn_where_their_joints_are():
    """Hips and knees of seen people lie on their own pixels."""
    on_body = []
    for scene, frame in middle_frames(5, occlusion=0.0):
        for number, track in enumerate(frame.tracks):
            for joint in ('left_hip', 'right_knee', 'left_elbow',
                          'head_centre'):
                x, y = np.rint(track.pixels[frame.index,
                                            JOINT_INDEX[joint]]).astype(int)
                if 0 <= x < 192 and 0 <= y < 144:
                    on_body.append(frame.labels.covers[number, y, x])
    assert len(on_body) > 30 and np.mean(on_body) > 0.99


def test_background_and_people_move_between_frames():
    frames = list(
        make_scene(settings(speed=1.0, frames=4), 0, 'train', 1).frames())
    a, b = (frames[i].image.astype(float) for i in (0, 3))
    assert np.abs(a - b).mean() > 3
    assert frames[0].image.shape == (144, 192, 3)


@pytest.mark.parametrize('width, height', [(64, 64), (97, 131), (320, 90)])
def test_odd_sizes_work(width, height):
    scene = make_scene(settings(width=width, height=height), 0, 'train', 0)
    for frame in scene.frames():
        assert frame.image.shape == (height, width, 3)
