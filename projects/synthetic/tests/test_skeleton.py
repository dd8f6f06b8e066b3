"""The kinematic tree."""
import numpy as np
import pytest

from projects.synthetic.skeleton import (ANGLES, JOINT_INDEX, LIMITS, SEGMENTS,
                                         Proportions, forward_kinematics,
                                         limit_angles)


@pytest.fixture
def body():
    return Proportions.sample(np.random.default_rng(0))


def posed(body, **degrees):
    angles = np.zeros((1, len(ANGLES)))
    for name, value in degrees.items():
        angles[0, ANGLES.index(name)] = np.radians(value)
    pose = forward_kinematics(body, angles)
    return lambda name: pose.joints[0, JOINT_INDEX[name]]


def test_limb_lengths_never_change(body):
    low, high = np.radians(np.array([LIMITS[name] for name in ANGLES])).T
    angles = np.random.default_rng(1).uniform(
        np.maximum(low, -3), np.minimum(high, 3), (50, len(ANGLES)))
    joints = forward_kinematics(body, angles).joints
    for a, b in SEGMENTS:
        lengths = np.linalg.norm(
            joints[:, JOINT_INDEX[a]] - joints[:, JOINT_INDEX[b]], axis=-1)
        assert np.ptp(lengths) < 1e-9, (a, b)
        assert lengths[0] > 0.01, (a, b)


def test_facing_the_camera_shows_the_left_on_the_right(body):
    front, back = posed(body), posed(body, yaw=180)
    for joint in ('shoulder', 'hip', 'knee', 'ankle'):
        assert front(f'left_{joint}')[0] > 0 > front(f'right_{joint}')[0]
        assert back(f'left_{joint}')[0] < 0 < back(f'right_{joint}')[0]
    assert front('nose')[2] < front('head_centre')[2]
    assert back('nose')[2] > back('head_centre')[2]
    turned = posed(body, yaw=90)  # towards the image's left
    assert turned('nose')[0] < turned('head_centre')[0]


def test_joints_bend_the_way_they_do(body):
    rest = posed(body)
    assert posed(body, left_elbow=90)('left_wrist')[2] < rest('left_wrist')[2]
    assert posed(body, left_knee=60)('left_ankle')[2] > rest('left_ankle')[2]
    assert posed(body, left_hip_flex=60)('left_knee')[2] < rest('left_knee')[2]
    for side, sign in (('left', 1), ('right', -1)):
        raised = posed(body, **{f'{side}_shoulder_abd': 90})
        out = raised(f'{side}_elbow') - raised(f'{side}_shoulder')
        assert sign * out[0] == pytest.approx(body.upper_arm, rel=1e-6)
        inward = posed(body, **{
            f'{side}_elbow': 90,
            f'{side}_shoulder_twist': 70
        })
        across = inward(f'{side}_wrist') - inward(f'{side}_elbow')
        assert sign * across[0] < -0.5 * body.forearm
    assert posed(body, spine_bend=45)('nose')[2] < rest('nose')[2] - 0.2


def test_mirrored_angles_give_the_mirrored_body(body):
    rng = np.random.default_rng(2)
    angles = rng.uniform(-0.4, 0.4, (1, len(ANGLES)))
    mirrored = angles.copy()
    for i, name in enumerate(ANGLES):
        if name.startswith('left_'):
            j = ANGLES.index('right_' + name[5:])
            mirrored[0, [i, j]] = angles[0, [j, i]]
        elif name in ('yaw', 'tilt', 'spine_side', 'spine_twist', 'head_yaw',
                      'head_roll'):
            mirrored[0, i] *= -1
    a = forward_kinematics(body, angles).joints[0]
    b = forward_kinematics(body, mirrored).joints[0] * (-1, 1, 1)
    for name, i in JOINT_INDEX.items():
        other = name.replace('left',
                             '#').replace('right',
                                          'left').replace('#', 'right')
        np.testing.assert_allclose(a[i], b[JOINT_INDEX[other]], atol=1e-9)


def test_the_lower_foot_stands_on_the_ground(body):
    angles = np.random.default_rng(3).uniform(-0.6, 0.6, (40, len(ANGLES)))
    joints = forward_kinematics(body, angles).joints
    ankles = joints[:, [JOINT_INDEX['left_ankle'], JOINT_INDEX['right_ankle']],
                    1]
    height = -ankles.max(axis=1) - body.ankle_height
    assert height.min() >= -1e-9 and height.max() < 0.011


def test_people_differ_but_stay_plausible():
    rng = np.random.default_rng(4)
    bodies = [Proportions.sample(rng) for _ in range(200)]
    stature = np.array([b.stature for b in bodies])
    assert 1.48 <= stature.min() < 1.6 and 1.8 < stature.max() <= 1.98
    for b in bodies:
        assert 0.85 < b.upper_arm / b.forearm < 1.55
        assert 0.8 < b.thigh / b.shin < 1.25
        standing = -forward_kinematics(b, np.zeros(
            (1, len(ANGLES)))).joints[0, JOINT_INDEX['head_top'], 1]
        assert standing == pytest.approx(b.stature, rel=0.09)


def test_limits_hold_and_leave_the_middle_alone():
    wild = np.random.default_rng(5).normal(0, 4, (300, len(ANGLES)))
    low, high = np.radians(np.array([LIMITS[name] for name in ANGLES])).T
    limited = limit_angles(wild)
    assert (limited >= low - 1e-9).all() and (limited <= high + 1e-9).all()
    middle = np.clip((low + high) / 2, -3, 3)[None]
    np.testing.assert_allclose(limit_angles(middle), middle, atol=0.06)
