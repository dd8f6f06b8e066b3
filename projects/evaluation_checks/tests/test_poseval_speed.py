"""``projects/evaluation_checks/poseval_speed.py`` on a small set."""
import sys

from projects.evaluation_checks import poseval_speed, random_sets
from projects.evaluation_checks.random_scenes import RandomSetSettings


def test_counts_and_times_are_printed(monkeypatch, capsys):
    small = RandomSetSettings()
    monkeypatch.setattr(RandomSetSettings, 'posetrack18_val',
                        classmethod(lambda cls: small))
    assert random_sets.RandomSetSettings.posetrack18_val() is small
    monkeypatch.setattr(sys, 'argv', ['poseval_speed.py', '--repeats', '1'])
    poseval_speed.main()
    printed = capsys.readouterr().out
    assert 'videos' in printed and 'AP, MOTA and HOTA' in printed
