"""Sets that a seed names for good."""
import hashlib
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation import (evaluate_folders, read_annotations,
                                    read_predictions)
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import (write_jittered_predictions,
                                                    write_random_set)


def digest(folder):
    total = hashlib.sha256()
    for path in sorted(folder.rglob('*.json')):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def test_a_seed_names_a_set(tmp_path):
    sets = []
    for name, seed in (('a', 1), ('b', 1), ('c', 2)):
        write_random_set(tmp_path / name, RandomSetSettings.varied(1), seed)
        sets.append(digest(tmp_path / name))
    assert sets[0] == sets[1] != sets[2]


def test_what_decides_numbers_is_in_the_sets(tmp_path):
    found = dict.fromkeys(
        ('missing', 'jointless', 'regions', 'unlabelled', 'negative'), False)
    for seed in range(0, 8, 4):
        gt_dir, pred_dir = write_random_set(tmp_path / str(seed),
                                            RandomSetSettings.varied(seed),
                                            seed)
        for path in gt_dir.iterdir():
            video = read_annotations(path)
            found['missing'] |= not video.present.all()
            found['jointless'] |= not video.present.any(axis=1).all()
            found['regions'] |= any(video.ignore_regions)
            found['unlabelled'] |= not video.labelled.all()
            predicted = read_predictions(pred_dir / path.name)
            found['negative'] |= bool((predicted.keypoints < 0).any())
    assert all(found.values()), found


@pytest.mark.parametrize('seed', range(4))
def test_settings_take_all_formats_in_turn(tmp_path, seed):
    settings = RandomSetSettings.varied(seed)
    folders = write_random_set(tmp_path, settings, seed)
    for folder, fmt in zip(folders,
                           (settings.gt_format, settings.pred_format)):
        content = json.loads(sorted(folder.iterdir())[0].read_text())
        assert ('annolist' in content) == (fmt == 'posetrack17')


def test_jitter_hits_some(tmp_path):
    gt_dir, _ = write_random_set(tmp_path,
                                 RandomSetSettings(regions=0., missing=0.), 0)
    write_jittered_predictions(gt_dir, tmp_path / 'jittered', 0)
    scores = evaluate_folders(gt_dir, tmp_path / 'jittered')
    assert 10 < scores.ap.mean < 90
    assert np.isfinite(scores.ap.ap).all()
