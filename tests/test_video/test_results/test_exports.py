"""Result files."""
import csv
import json
import tracemalloc
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import PredictedSequence
from mmpose_tdmi.evaluation.functional.files import read_predictions
from mmpose_tdmi.evaluation.predictions import write_predictions
from mmpose_tdmi.video.results import load_results, results_schema
from mmpose_tdmi.video.results.exports import EXPORTS, FORMAT, frame_record
from mmpose_tdmi.video.results.resume import Journal

INDICES = [0, 1, 2, 4, 5, 6, 7]  # frame 3 did not decode, 6 has nobody


@pytest.fixture
def journal(tmp_path, poses_of):
    journal = Journal(tmp_path / 'records.jsonl')
    for index in INDICES:
        journal.append(
            frame_record(poses_of(index, file_name=f'{index:06d}.jpg')))
    return journal


@pytest.fixture
def export(tmp_path, journal, make_meta):
    """``export(kind)`` writes ``<kind>/walk.json`` and returns its path."""

    def write(kind: str) -> Path:
        path = tmp_path / kind / 'walk.json'
        EXPORTS[kind](path, journal, make_meta().as_json())
        return path

    return write


def test_json_is_as_the_schema_says(export, journal):
    schema = results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    content = load_results(export('json'))
    jsonschema.validate(content, schema)
    assert content['frames'] == list(journal.records())
    assert content['summary'] == dict(
        num_frames=7, num_persons=12, num_tracks=2)
    # and a line per frame
    assert len(export('json').read_text().splitlines()) == 2 + 7 + 1


@pytest.mark.parametrize('change', [
    lambda c: c['frames'][0].update(extra=1),
    lambda c: c['frames'][0]['persons'][0].pop('track_id'),
    lambda c: c['frames'][0]['persons'][0]['keypoints'][0].append(1),
    lambda c: c['meta'].pop('versions'),
    lambda c: c.update(format_version=2),
])
def test_the_schema_refuses(export, change):
    content = load_results(export('json'))
    change(content)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, results_schema())


@pytest.mark.parametrize('content, message', [
    ([], '"format" is None'),
    (dict(format='x'), "\"format\" is 'x'"),
    (dict(format=FORMAT, format_version=9), '"format_version" is 9'),
])
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'a.json: {message}'):
        load_results(path)


def test_csv(export, journal, make_meta):
    with export('csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    record = list(journal.records())[1]
    person, row = record['persons'][1], rows[3]
    assert (row['frame'], row['track_id'], row['source']) == ('1', '4',
                                                              'carried')
    assert row['file_name'] == '000001.jpg'
    assert float(row['bbox_w']) == 20
    name = make_meta().keypoint_names[5]
    assert [float(row[f'{name}_{part}']) for part in ('x', 'y', 'score')] == \
        [*person['keypoints'][5], person['keypoint_scores'][5]]


def test_posetrack_is_what_the_evaluation_writes(export, journal, make_meta,
                                                 tmp_path):
    records = list(journal.records())
    persons = [(place, person) for place, record in enumerate(records)
               for person in record['persons']]

    def column(key):
        return np.array([person[key] for _, person in persons])

    keypoints = column('keypoints')
    expected = write_predictions(
        tmp_path / 'expected',
        PredictedSequence(
            name='walk',
            frame_names=[record['file_name'] for record in records],
            frame_ids=np.array(INDICES),
            frame_index=np.array([place for place, _ in persons]),
            keypoints=keypoints,
            present=np.ones(keypoints.shape[:2], bool),
            track_ids=column('track_id'),
            scores=column('keypoint_scores')), column('bbox_score'),
        make_meta().keypoint_names, 'posetrack18', {})
    found = json.loads(export('posetrack').read_text())
    assert 'boxes.json' in found['info']['box_source']
    found['info'] = {}
    assert found == json.loads(expected.read_text())
    # and readers take it
    sequence = read_predictions(export('posetrack'))
    assert sequence.frame_ids.tolist() == INDICES
    assert sequence.num_persons == 12


def test_coco(export, journal):
    results = json.loads(export('coco').read_text())
    assert len(results) == 12
    assert {result['image_id'] for result in results} == {0, 1, 2, 4, 5, 7}
    person = list(journal.records())[0]['persons'][0]
    found = results[0]
    points = np.array(found['keypoints']).reshape(-1, 3)
    np.testing.assert_array_equal(points[:, :2], person['keypoints'])
    np.testing.assert_array_equal(points[:, 2], person['keypoint_scores'])
    counted = points[points[:, 2] > .2, 2]
    assert len(counted) < 17
    assert found['score'] == pytest.approx(.75 * counted.mean(), abs=1e-6)
    assert found['category_id'] == 1


def test_coco_results_of_an_annotation_file(tmp_path, poses_of, make_meta):
    journal = Journal(tmp_path / 'r.jsonl')
    journal.append(frame_record(poses_of(0), image_id=901))
    EXPORTS['coco'](tmp_path / 'c.json', journal, make_meta().as_json())
    results = json.loads((tmp_path / 'c.json').read_text())
    assert {result['image_id'] for result in results} == {901}


@pytest.mark.parametrize('kind', list(EXPORTS))
def test_memory_does_not_grow_with_the_video(tmp_path, poses_of, make_meta,
                                             kind):
    record = frame_record(poses_of(0, num_persons=4))
    meta = make_meta().as_json()
    peaks = []
    for length in (50, 1000):
        journal = Journal(tmp_path / f'{length}.jsonl')
        for index in range(length):
            journal.append(dict(record, frame=index))
        tracemalloc.start()
        EXPORTS[kind](tmp_path / 'out.json', journal, meta)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 20_000
