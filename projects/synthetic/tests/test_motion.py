"""Motion is smooth, natural and a function of time alone."""
import numpy as np
import pytest

from projects.synthetic.motion import ACTIVITIES, Motion
from projects.synthetic.skeleton import (ANGLES, LIMITS, Proportions,
                                         forward_kinematics)


@pytest.mark.parametrize('activity', list(ACTIVITIES))
def test_motion_is_smooth_and_within_limits(activity):
    rng = np.random.default_rng(0)
    step = 1 / 240
    times = np.arange(0, 2.5, step)
    low, high = np.radians(np.array([LIMITS[name] for name in ANGLES])).T
    for _ in range(4):
        body = Proportions.sample(rng)
        motion = Motion.sample(rng, activity, 0.3, times[-1])
        angles = motion.angles(times)
        assert (angles >= low - 1e-9).all() and (angles <= high + 1e-9).all()
        joints = forward_kinematics(body, angles).joints
        speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1) / step
        force = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1) / step**2
        assert speed.max() < 9, 'metres per second'
        assert force.max() < 160, 'metres per second squared'
        assert speed.max() > 0.02, 'nobody stands frozen'


def test_motion_is_a_function_of_time():
    motion = Motion.sample(np.random.default_rng(1), 'wave', 0.0, 1.0)
    times = np.linspace(0, 1, 31)
    whole = motion.angles(times)
    np.testing.assert_array_equal(motion.angles(times[7:9]), whole[7:9])


def test_walkers_step_with_opposite_legs_and_arms():
    rng = np.random.default_rng(2)
    times = np.linspace(0, 4, 400)
    for _ in range(5):
        motion = Motion.sample(rng, 'walk', 0.0, 4.0)
        assert motion.first.stride > 0.5
        angles = dict(zip(ANGLES, motion.angles(times).T))
        legs = np.corrcoef(angles['left_hip_flex'], angles['right_hip_flex'])
        arms = np.corrcoef(angles['left_hip_flex'],
                           angles['left_shoulder_flex'])
        assert legs[0, 1] < -0.7 and arms[0, 1] < -0.5
