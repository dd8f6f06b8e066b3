"""The benchmark's parts; times themselves are not tested."""
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import write_random_set
from projects.evaluation_checks.speed import (Timing, count_set, speed_table,
                                              time_evaluation)


def test_a_set_is_counted_and_timed(tmp_path):
    settings = RandomSetSettings(videos=2, frames=3, unlabelled=0.)
    folders = write_random_set(tmp_path, settings, 0)
    assert count_set(*folders).startswith('2 videos, 6 frames; ')
    timing = time_evaluation(*folders, ('ap', ), 2)
    assert 0 < timing.wall < 10 and 0 < timing.cpu < 10


def test_table_of_times():
    times = dict(AP=Timing(2., 1.), all=Timing(4., 3.))
    lines = speed_table(times, (60., 50.)).splitlines()
    assert '| 2.00 | 1.00 | 30.0 (50.0) |' in lines[2]
    assert lines[3].endswith('| 4.00 | 3.00 |  |')
    assert lines[4] == '| poseval, AP | 60.00 | 50.00 | 1 |'
    assert len(speed_table(times, None).splitlines()) == 4


def test_the_large_set_is_as_large_as_posetrack18_val():
    settings = RandomSetSettings.posetrack18_val()
    assert settings.videos == 170 and settings.frames == 47
