"""``tools/benchmark/poseval_speed.py`` on a small set."""
from mmpose_tdmi.evaluation import random_sets
from mmpose_tdmi.evaluation.random_sets import RandomSetSettings


def test_counts_and_times_are_printed(run_tool, monkeypatch, capsys):
    small = RandomSetSettings()
    monkeypatch.setattr(RandomSetSettings, 'posetrack18_val',
                        classmethod(lambda cls: small))
    assert random_sets.RandomSetSettings.posetrack18_val() is small
    run_tool('benchmark/poseval_speed', '--repeats', 1)
    printed = capsys.readouterr().out
    assert 'videos' in printed and 'AP, MOTA and HOTA' in printed
