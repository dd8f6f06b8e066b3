"""The tool that tells a model's errors, on real annotations."""
import json

import numpy as np
import pytest


def write_predictions(annotation, folder, change):
    """Official predictions: the annotated poses after a change."""
    for path in annotation.glob('*.json'):
        content = json.loads(path.read_text())
        for person in content['annotations']:
            keypoints = np.array(person['keypoints'], float).reshape(-1, 3)
            person['keypoints'] = change(keypoints).ravel().tolist()
            person['scores'] = [0.5] * len(keypoints)
        folder.mkdir(exist_ok=True)
        (folder / path.name).write_text(json.dumps(content))


def test_real_frames(shared_clips, tmp_path, run_tool, capsys):
    annotations = shared_clips / 'posetrack18' / 'annotations'

    def shift(keypoints):
        moved = keypoints.copy()
        moved[keypoints.any(axis=1), 0] += 3
        return moved

    write_predictions(annotations / 'val', tmp_path / 'predictions', shift)
    run_tool('analysis_tools/pose_errors', tmp_path / 'predictions',
             annotations / 'test_posetrack18_val.json', '--out',
             tmp_path / 'errors')
    out = capsys.readouterr().out
    assert out.startswith('3 videos, 3 scored frames')
    assert out.count('by ') == 5
    totals = [
        line.split() for line in out.splitlines() if line.startswith('all')
    ]
    assert len(totals) == 5 and len({tuple(t[1:]) for t in totals}) == 1
    assert {p.name
            for p in (tmp_path / 'errors').iterdir()} == {
                'pose_errors.csv',
                *(f'errors_by_{by}.png'
                  for by in ('joint', 'visibility', 'size', 'speed', 'crowd'))
            }
    for picture in (tmp_path / 'errors').glob('*.png'):
        assert picture.read_bytes()[:4] == b'\x89PNG'


def test_bad_input_is_one_line(tmp_path, run_tool):
    with pytest.raises(SystemExit, match='error: there is no folder'):
        run_tool('analysis_tools/pose_errors', tmp_path / 'none',
                 tmp_path / 'ann')
    with pytest.raises(SystemExit, match='error: .*does not exist'):
        run_tool('analysis_tools/pose_errors', tmp_path, tmp_path / 'ann.json')
