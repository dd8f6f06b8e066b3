"""Logs of resumed trainings are read as one, and pictures are drawn."""
import json

import cv2
import numpy as np
import pytest

from projects.demo.cases import Case
from projects.demo.figures import contact_sheet, loss_curves, read_scalars


def _log(folder, records):
    file = folder / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(map(json.dumps, records)))


def test_a_resumed_training_is_read_as_one(tmp_path):
    _log(tmp_path / '20260101_000000', [
        dict(step=10, loss=3., loss_kpt=2.),
        dict(step=20, loss=9.), {
            'step': 1,
            'posetrack/mAP': 50.
        }
    ])
    _log(tmp_path / '20260101_000100',
         [dict(step=20, loss=2.),
          dict(step=30, loss=1.)])
    scalars = read_scalars(tmp_path)
    assert scalars['loss'] == ([10, 20, 30], [3., 2., 1.])
    assert scalars['loss_kpt'] == ([10], [2.])
    assert 'posetrack/mAP' not in scalars
    loss_curves({'a run': tmp_path}, tmp_path / 'curves.png')
    assert cv2.imread(str(tmp_path / 'curves.png')).std() > 0


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read_scalars(tmp_path)


def test_the_contact_sheet_shows_poses(tmp_path):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((90, 80, 3), 127, np.uint8))
    pose = rng.uniform(20, 60, (17, 2))
    case = Case(tmp_path / 'a.png', np.array([20., 20., 40., 40.]), pose,
                np.ones(17, bool), np.zeros(17, bool))
    sheets = []
    for predictions in ({}, {'m': pose + 2.}):
        case.predictions = predictions
        path = tmp_path / 'sheet.png'
        contact_sheet([case], {'m': 'Model'}, path, 'Cases')
        sheets.append(cv2.imread(str(path)).astype(int))
    # the panel of the model differs by its pose, the true pose's does not
    width = sheets[0].shape[1]
    difference = np.abs(sheets[0] - sheets[1]).sum(axis=(0, 2))
    assert difference[width // 2:].sum() > 0
    assert difference[:width // 2 - 10].sum() == 0
