"""``poseval_speed.py`` on a small set; times themselves are not tested."""
import sys

from projects.evaluation_checks import poseval_speed
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import write_random_set
from projects.evaluation_checks.speed import (Timing, count_set, speed_table,
                                              time_evaluation)


def test_counts_and_times_are_printed(monkeypatch, capsys):
    small = RandomSetSettings()
    monkeypatch.setattr(RandomSetSettings, 'posetrack18_val',
                        classmethod(lambda cls: small))
    monkeypatch.setattr(sys, 'argv', ['poseval_speed.py', '--repeats', '1'])
    poseval_speed.main()
    printed = capsys.readouterr().out
    assert 'videos' in printed and 'AP, MOTA and HOTA' in printed


def test_a_set_is_counted_and_timed(tmp_path):
    settings = RandomSetSettings(videos=2, frames=3, unlabelled=0.)
    folders = write_random_set(tmp_path, settings, 0)
    assert count_set(*folders).startswith('2 videos, 6 frames; ')
    timing = time_evaluation(*folders, ('ap', ), 2)
    assert 0 < timing.wall < 10 and 0 < timing.cpu < 10


def test_table_of_times():
    times = dict(AP=Timing(2., 1.), all=Timing(4., 3.))

    def cells(original):
        lines = speed_table(times, original).splitlines()[2:]
        return [[cell.strip() for cell in line.split('|')[1:-1]]
                for line in lines]

    assert cells((60., 50.)) == [
        ['this package, AP', '2.00', '1.00', '30.0 (50.0)'],
        ['this package, all', '4.00', '3.00', ''],
        ['poseval, AP', '60.00', '50.00', '1'],
    ]
    assert [row[-1] for row in cells(None)] == ['', '']


def test_the_large_set_is_as_large_as_posetrack18_val():
    settings = RandomSetSettings.posetrack18_val()
    assert settings.videos == 170 and settings.frames == 47
