"""What is written, and where."""
from pathlib import Path

import pytest

from mmpose_tdmi.video.results import OutputSettings


def test_settings_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"\['xml'\] are not known"):
        OutputSettings(pred_out_dir=tmp_path, formats=('json', 'xml'))
    with pytest.raises(ValueError, match='nowhere to write'):
        OutputSettings()


def test_files_by_name():
    settings = OutputSettings(
        Path('p'), Path('v'), ('json', 'posetrack'), report=True)
    assert settings.files('walk') == dict(
        json=Path('p/walk.json'),
        posetrack=Path('p/posetrack/walk.json'),
        overlay=Path('v/walk.mp4'),
        report=Path('v/walk.html'))
    # without a folder for videos the page goes to the poses
    settings = OutputSettings(Path('p'), formats=(), report=True)
    assert settings.files('walk') == dict(report=Path('p/walk.html'))
