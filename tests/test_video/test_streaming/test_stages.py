"""Stages and their times."""
import threading

import pytest

from mmpose_tdmi.utils.stages import StageTimes, stage
from mmpose_tdmi.video import StreamingPoseEstimator
from .conftest import make_video


class Clock:
    """Time that passes when it is told to."""

    now = 0.

    def __call__(self):
        return self.now


def test_times_add_up_without_what_is_inside():
    clock = Clock()
    with StageTimes(clock) as times:
        for _ in range(2):
            with stage('a'):
                clock.now += 1
                with stage('b'):
                    clock.now += 10
                    with stage('a'):
                        clock.now += 100
                clock.now += 1
        clock.now += 1000
    assert times.seconds == {'a': 204, 'b': 20}
    assert times.calls == {'a': 4, 'b': 2}


def test_nothing_is_done_unless_asked_for():
    assert stage('a') is stage('b')
    times = StageTimes()
    with stage('a'):
        pass
    with times:
        pass
    with stage('a'):
        pass
    assert times.seconds == {}


def test_a_stage_that_fails_counts():
    clock = Clock()
    with StageTimes(clock) as times:
        with pytest.raises(KeyError), stage('a'):
            clock.now += 1
            raise KeyError
        with stage('b'):
            clock.now += 1
    assert times.seconds == {'a': 1, 'b': 1}
    assert stage('a') is stage('b')


def test_stages_of_other_threads_are_their_own():
    clock = Clock()
    inside, done = threading.Event(), threading.Event()

    def work():
        with stage('there'):
            inside.set()
            done.wait(10)

    with StageTimes(clock) as times:
        with stage('here'):
            thread = threading.Thread(target=work)
            thread.start()
            inside.wait(10)
            clock.now += 1
            done.set()
            thread.join()
    assert times.seconds == {'here': 1, 'there': 1}


def test_one_at_a_time():
    with StageTimes():
        with pytest.raises(RuntimeError, match='already'), StageTimes():
            pass


def test_kernels_are_waited_for():
    waits = []
    with StageTimes(wait=lambda: waits.append(1)):
        with stage('a'):
            assert len(waits) == 1
    assert len(waits) == 2


@pytest.mark.parametrize('mode', ['offline', 'naive'])
def test_the_estimators_stages(models, mode):
    estimator = StreamingPoseEstimator(models(), mode)
    with StageTimes() as times:
        list(estimator.iterate_poses(make_video(3)))
    assert set(times.seconds) == {'crop', 'backbone', 'neck_head', 'keypoints'}
    assert all(value > 0 for value in times.seconds.values())
