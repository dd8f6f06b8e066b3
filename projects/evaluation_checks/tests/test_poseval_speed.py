"""``projects/evaluation_checks/poseval_speed.py`` on a small set."""
from projects.evaluation_checks import random_sets
from projects.evaluation_checks.random_scenes import RandomSetSettings


def test_counts_and_times_are_printed(run_tool, monkeypatch, capsys):
    small = RandomSetSettings()
    monkeypatch.setattr(RandomSetSettings, 'posetrack18_val',
                        classmethod(lambda cls: small))
    assert random_sets.RandomSetSettings.posetrack18_val() is small
    run_tool('benchmark/poseval_speed', '--repeats', 1)
    printed = capsys.readouterr().out
    assert 'videos' in printed and 'AP, MOTA and HOTA' in printed
