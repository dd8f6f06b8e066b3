"""Folders of official files, evaluated, and the table that is printed."""
import json
import shutil

import numpy as np
import pytest

from mmpose_tdmi.evaluation import (POSEVAL_JOINTS, MotResult,
                                    PoseTrackEvaluator, PoseTrackScores,
                                    PosevalResult, evaluate_folders,
                                    format_scores)
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import write_random_set

J = len(POSEVAL_JOINTS)


@pytest.fixture
def folders(tmp_path):
    """Ground truth and predictions of three videos."""
    return write_random_set(tmp_path, RandomSetSettings(), 0)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def first(folder):
    return sorted(folder.iterdir())[0]


def test_ground_truth_is_perfect(tmp_path, folders):
    gt_dir, _ = folders
    for path in gt_dir.iterdir():
        target = tmp_path / 'copy' / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
        edit(
            target, lambda content:
            [a.update(scores=[1.] * 17) for a in content['annotations']])
    scores = evaluate_folders(gt_dir, tmp_path / 'copy',
                              ('ap', 'mota', 'hota'))
    assert scores.ap.mean == 100
    assert scores.mot.by_joint()['motp']['total'] == 100
    assert scores.mot.num_switches.sum() == 0
    assert scores.hota.by_joint()['loc_a']['total'] == pytest.approx(100)
    assert scores.videos == [f'{i:06d}_mpii_test' for i in (1, 2, 3)]


def test_formats_may_be_mixed(tmp_path):
    totals = set()
    for gt_format in ('posetrack17', 'posetrack18'):
        for pred_format in ('posetrack17', 'posetrack18'):
            settings = RandomSetSettings(
                gt_format=gt_format, pred_format=pred_format)
            folders = write_random_set(tmp_path / f'{gt_format}-{pred_format}',
                                       settings, 1)
            totals.add(evaluate_folders(*folders).ap.mean)
    assert len(totals) == 1


def test_numbers_for_json(folders):
    scores = evaluate_folders(*folders, ('ap', 'mota', 'hota'))
    content = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert list(content) == [
        *POSEVAL_JOINTS, 'total', 'mota', 'hota', 'evaluated'
    ]
    assert content['total'] == scores.ap.mean
    assert content['nose'] == scores.ap.ap[POSEVAL_JOINTS.index('nose')]
    assert set(content['mota']) == {'mota', 'motp', 'precision', 'recall'}
    assert list(content['hota']['det_a']) == [*POSEVAL_JOINTS, 'total']
    evaluated = content['evaluated']
    assert evaluated['presence'] == 'poseval'
    assert evaluated['box_source'] == 'not stated'
    assert evaluated['videos'] == len(evaluated['files']) == 3
    assert evaluated['frames'] == scores.num_frames


def test_nan_becomes_null(tmp_path):
    settings = RandomSetSettings(unseen='nose', regions=0.)
    folders = write_random_set(tmp_path, settings, 0)
    content = evaluate_folders(*folders).as_dict()
    assert content['nose'] is None
    assert content['total'] == pytest.approx(
        np.mean([content[name] for name in POSEVAL_JOINTS if name != 'nose']))
    # PoseTrack21 counts such a joint as 0
    content = evaluate_folders(*folders, presence='posetrack21').as_dict()
    assert content['nose'] == 0


def test_only_what_is_asked_for(folders):
    scores = evaluate_folders(*folders, ['hota'])
    assert scores.ap is None and scores.mot is None
    assert list(scores.as_dict()) == ['hota', 'evaluated']
    with pytest.raises(ValueError, match="metrics must be .* got .'map'"):
        evaluate_folders(*folders, ['map'])
    with pytest.raises(ValueError, match="got 'ap'"):
        PoseTrackEvaluator('ap')


def test_missing_files_are_an_error_that_names_them(folders):
    gt_dir, pred_dir = folders
    first(pred_dir).unlink()
    with pytest.raises(
            FileNotFoundError,
            match=r"1 of 3 videos are missing: \['000001_mpii_test.json'\]"):
        evaluate_folders(gt_dir, pred_dir)
    with pytest.raises(FileNotFoundError, match='no json files'):
        evaluate_folders(gt_dir.parent, pred_dir)
    with pytest.raises(FileNotFoundError, match='is not a folder'):
        evaluate_folders(gt_dir / 'none', pred_dir)


def test_missing_frames_are_an_error_that_names_them(folders):
    gt_dir, pred_dir = folders

    def drop_first(content):
        gone = content['images'].pop(0)['id']
        content['annotations'] = [
            a for a in content['annotations'] if a['image_id'] != gone
        ]

    edit(first(pred_dir), drop_first)
    with pytest.raises(
            ValueError,
            match='000001_mpii_test: the predictions lack frames .*000000.jpg'
    ):
        evaluate_folders(gt_dir, pred_dir)


def test_order_of_frames_in_the_file_does_not_matter(folders):
    before = evaluate_folders(*folders, ('ap', 'mota', 'hota')).as_dict()
    for path in folders[1].iterdir():
        edit(path, lambda content: content['images'].reverse())
    assert evaluate_folders(*folders, ('ap', 'mota', 'hota')).as_dict() == \
        before


def test_predictions_for_nothing_are_noted(folders):
    gt_dir, pred_dir = folders
    first(gt_dir).unlink()
    notes = evaluate_folders(gt_dir, pred_dir).notes
    assert any('1 prediction files have no ground truth' in note
               and '000001_mpii_test.json' in note for note in notes)


def test_files_of_one_video_twice(folders):
    gt_dir, pred_dir = folders
    for folder in folders:
        shutil.copy(first(folder), folder / 'copy.json')
    with pytest.raises(ValueError, match='copy.json and .* the same video'):
        evaluate_folders(gt_dir, pred_dir)


def test_predictions_of_another_video(folders):
    gt_dir, pred_dir = folders
    files = sorted(pred_dir.iterdir())
    shutil.copy(files[1], files[0])
    with pytest.raises(
            ValueError,
            match='000001.*its frames are those of '
            '.*000002_mpii_test'):
        evaluate_folders(gt_dir, pred_dir)


def test_box_only_frames_are_noted(tmp_path):
    settings = RandomSetSettings(boxes_only=1.)
    folders = write_random_set(tmp_path, settings, 0)
    skipped = evaluate_folders(*folders)
    assert any('not labelled' in n and 'left out' in n for n in skipped.notes)
    scored = evaluate_folders(*folders, unlabelled='score')
    assert scored.num_frames > skipped.num_frames
    assert scored.ap.mean < skipped.ap.mean
    assert any('as poseval does' in note for note in scored.notes)


def test_missing_scores_are_noted(folders):
    gt_dir, pred_dir = folders
    edit(
        first(pred_dir),
        lambda content: [a.pop('scores') for a in content['annotations']])
    notes = evaluate_folders(gt_dir, pred_dir).notes
    assert any('lack scores' in n and '-9999' in n for n in notes)


def test_box_sources_are_gathered(folders):
    for path, source in zip(sorted(folders[1].iterdir()), ('a', 'b', 'a')):
        edit(path,
             lambda content: content.update(info=dict(box_source=source)))
    assert evaluate_folders(*folders).box_source == 'a, b'


def test_nothing_to_score(tmp_path, folders):
    for path in folders[0].iterdir():
        edit(
            path, lambda content:
            [image.update(is_labeled=False) for image in content['images']])
    with pytest.raises(ValueError, match='3 videos .* nothing to score'):
        evaluate_folders(*folders)


def test_tracking_needs_ids(folders):
    edit(
        first(folders[1]),
        lambda content: [a.pop('track_id') for a in content['annotations']])
    assert evaluate_folders(*folders).ap is not None
    with pytest.raises(ValueError, match='has no track_id'):
        evaluate_folders(*folders, ['mota'])


def test_single_frame_videos_are_noted(video, frame, person):
    evaluator = PoseTrackEvaluator(['mota', 'hota'])
    evaluator.add(*video([frame([person()], [person()])], 'short'))
    lone = [frame([person()], [person()])] * 2 + [frame([person()])] * 2
    evaluator.add(*video(lone, 'long'))
    notes = evaluator.result().notes
    assert any("add nothing to MOTA" in n and "['short']" in n for n in notes)
    assert any('MOTA counts one object' in n and ': 1;' in n for n in notes)
    assert any('HOTA counts them' in n and ': 2;' in n for n in notes)


def cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_the_table_has_posevals_columns():
    ap = np.arange(15.)
    ap[POSEVAL_JOINTS.index('nose')] = np.nan
    counts = np.full(15, 250)
    scores = PoseTrackScores(
        videos=['a', 'b'],
        num_frames=7,
        presence='poseval',
        unlabelled='skip',
        box_source='gt',
        notes=['something'],
        ap=PosevalResult(ap, ap, ap, counts, counts, 7),
        # 250 objects, 25 of them found; 525 false positives
        mot=MotResult(counts, counts // 10, counts - 25, counts + 275,
                      counts * 0, np.full(15, 6.26), 7, 0, []))
    lines = format_scores(scores).splitlines()
    assert lines[0] == ('2 videos, 7 scored frames; presence rule: poseval; '
                        'person boxes: gt')
    assert cells(lines[1]) == [
        '', 'Head', 'Shou', 'Elb', 'Wri', 'Hip', 'Knee', 'Ankl', 'Total'
    ]
    assert cells(lines[3]) == [
        'AP', 'nan', '8.5', '8.5', '8.5', '2.5', '2.5', '2.5', '6.6'
    ]
    assert cells(lines[4]) == ['MOTA'] + ['-200.0'] * 8
    assert [cells(line)[::8] for line in lines[5:8]] == [['MOTP', '75.0'],
                                                         ['Prec', '4.5'],
                                                         ['Rec', '10.0']]
    assert lines[8:] == ['note: something']


def test_scores_say_what_they_are_of(video, frame, person):
    evaluator = PoseTrackEvaluator(('ap', 'mota', 'hota'))
    annotated, predicted = video([frame([person()], [person()])] * 2)
    evaluator.add(annotated, predicted.replace(box_source='a detector'))
    lines = format_scores(evaluator.result()).splitlines()
    assert lines[0] == ('1 videos, 2 scored frames; presence rule: poseval; '
                        'person boxes: a detector')
    assert {
        cells(line)[0]: cells(line)[1:]
        for line in lines[3:]
    } == {
        name: ['100.0'] * 8
        for name in ('AP', 'MOTA', 'MOTP', 'Prec', 'Rec', 'HOTA', 'DetA',
                     'AssA', 'LocA')
    }
