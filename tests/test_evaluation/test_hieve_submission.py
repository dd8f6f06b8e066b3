"""Files for HiEve's server: written, checked, packed."""
import copy
import json
import os
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation.functional import (HIEVE_TEST_VIDEOS,
                                               SubmissionError, frame_record,
                                               pack_submission,
                                               validate_submission,
                                               write_submission)


def record(number, persons=2):
    rng = np.random.default_rng(number)
    return frame_record(f'images/test/20/{number:06d}.jpg',
                        rng.uniform(0, 99, (persons, 14, 2)),
                        rng.random((persons, 14)),
                        np.tile([1., 2, 30, 40], (persons, 1)),
                        rng.random(persons), range(persons))


@pytest.fixture
def folder(tmp_path):
    """A valid submission of thirteen videos of two frames."""
    write_submission(tmp_path, {
        video: [record(0), record(1, persons=0)]
        for video in HIEVE_TEST_VIDEOS
    })
    return tmp_path


def test_the_form(folder):
    assert {path.name
            for path in folder.iterdir()
            } == {f'{number}.json'
                  for number in range(20, 33)}
    [first, empty] = json.loads((folder / '20.json').read_text())['annolist']
    assert first['image'] == [dict(name='000000.jpg')]
    assert empty['annorect'] == []
    person = first['annorect'][1]
    assert set(person) == {
        'x1', 'y1', 'x2', 'y2', 'score', 'track_id', 'annopoints'
    }
    assert [person[key] for key in ('x1', 'y1', 'x2', 'y2', 'track_id')
            ] == [[1], [2], [30], [40], [1]]
    [points] = [value['point'] for value in person['annopoints']]
    assert [point['id'] for point in points] == [[i] for i in range(14)]
    assert all(set(point) == {'id', 'x', 'y', 'score'} for point in points)


def test_what_is_written_is_valid(folder):
    summary = validate_submission(folder)
    assert summary.num_frames == {video: 2 for video in HIEVE_TEST_VIDEOS}
    assert summary.num_persons == {video: 2 for video in HIEVE_TEST_VIDEOS}
    names = dict.fromkeys(HIEVE_TEST_VIDEOS, ['000000.jpg', '000001.jpg'])
    assert validate_submission(folder, frame_names=names) == summary


def point(content):
    return content['annolist'][0]['annorect'][0]['annopoints'][0]['point'][3]


def person(content):
    return content['annolist'][0]['annorect'][1]


@pytest.mark.parametrize('change, expected', [
    (lambda c: c.clear(), 'annolist is missing'),
    (lambda c: c['annolist'].append(3),
     r'annolist\[2\] is 3, expected an object'),
    (lambda c: c['annolist'].pop(0),
     r'annolist\[0\].image\[0\].name: expected 000000.jpg, got 000001.jpg'),
    (lambda c: c['annolist'][0].pop('image'), r'\[0\].image is missing'),
    (lambda c: c['annolist'][0]['image'][0].update(name='0.jpg'),
     r'image\[0\].name: expected 000000.jpg, got 0.jpg'),
    (lambda c: c['annolist'][1].update(annorect=None),
     r'annolist\[1\].annorect is None, expected a list'),
    (lambda c: person(c).pop('score'),
     r'annolist\[0\].annorect\[1\].score is missing'),
    (lambda c: person(c).update(x1=1), 'x1 is 1, expected a list'),
    (lambda c: person(c).update(x1=[float('nan')]), 'x1.* nan'),
    (lambda c: person(c).update(x2=[0]), 'ends before it begins'),
    (lambda c: person(c).update(track_id=[-1]),
     r'track_id\[0\] is -1, expected'),
    (lambda c: person(c).update(track_id=[0]), 'track_id occurs more than'),
    (lambda c: person(c).update(annopoints=[]),
     'annopoints is an empty list, expected a list of length 1'),
    (lambda c: point(c).update(id=[14]),
     r'point\[3\].id\[0\] is 14, expected'),
    (lambda c: point(c).update(id=[2]), 'id occurs more than once'),
    (lambda c: point(c).update(x=['3']),
     r"point\[3\].x\[0\] is '3', expected a number"),
    (lambda c: point(c).update(score=[True]), r'score\[0\] is True, expected'),
])
def test_problems_are_named(folder, change, expected):
    path = folder / '23.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(SubmissionError, match=f'23.json: .*{expected}'):
        validate_submission(folder)


def test_files_that_are_missing_or_too_many(folder):
    (folder / '25.json').unlink()
    (folder / '33.json').write_text('{}')
    (folder / '26.json').write_text('{')
    with pytest.raises(SubmissionError) as raised:
        validate_submission(folder)
    assert raised.value.problems[:2] == [
        '25.json: missing', '33.json: not one of the expected files'
    ]
    assert raised.value.problems[2].startswith('26.json: the file: is no json')
    with pytest.raises(FileNotFoundError, match='nowhere'):
        validate_submission(folder / 'nowhere')


def test_all_frames_must_be_there(folder):
    names = dict.fromkeys(HIEVE_TEST_VIDEOS, ['000000.jpg', '000001.jpg'])
    names['22'] = ['000000.jpg', '000001.jpg', '000002.jpg']
    with pytest.raises(SubmissionError, match='22.json: annolist: expected 3'):
        validate_submission(folder, frame_names=names)
    names['22'] = ['000000.jpg', '000002.jpg']
    with pytest.raises(SubmissionError, match='expected 000002.jpg, got'):
        validate_submission(folder, frame_names=names)


def test_a_file_full_of_problems_is_cut_short(folder):
    content = dict(annolist=[record(i) for i in range(40)])
    for frame in content['annolist']:
        del frame['image']
    (folder / '20.json').write_text(json.dumps(content))
    with pytest.raises(SubmissionError) as raised:
        validate_submission(folder)
    assert len(raised.value.problems) == 11
    assert raised.value.problems[-1].endswith('more')


def test_packed_files_are_in_the_root(folder, tmp_path):
    pack_submission(folder, tmp_path / 'out' / 'submission.zip')
    with zipfile.ZipFile(tmp_path / 'out' / 'submission.zip') as archive:
        assert archive.namelist() == [f'{i}.json' for i in range(20, 33)]
        assert archive.read('20.json') == (folder / '20.json').read_bytes()


EXAMPLES = int(os.environ.get('MMPOSE_TDMI_FUZZ_EXAMPLES', 100))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck))

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(),
              st.text(max_size=3), st.sampled_from([10**400, 1e308, '1'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(['point', 'id', 'image']), inner)),
    max_leaves=5)


def places(value, path=()):
    """The paths of all parts of a json value but the whole."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@st.composite
def texts(draw, original):
    """Files in which one to three parts are replaced, removed, damaged."""
    value = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(value)) or [None]))
        if path is None:
            break
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[path[-1]] = draw(VALUES)
        else:
            del parent[path[-1]]
    text = json.dumps(value).encode()
    if draw(st.integers(0, 3)) == 0:
        start = draw(st.integers(0, len(text) - 1))
        text = text[:start] + draw(st.binary(max_size=4)) + text[start + 2:]
    return text


SUBMISSION = dict(annolist=[
    frame_record('000000.jpg', np.ones((1, 3, 2)), np.ones((
        1, 3)), np.array([[1., 2, 30, 40]]), np.ones(1), [0]),
    frame_record('000001.jpg', np.ones((0, 3, 2)), np.ones((
        0, 3)), np.ones((0, 4)), np.ones(0), [])
])


@FUZZ
@given(text=texts(SUBMISSION))
def test_damaged_submissions(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp('submission')
    (folder / '20.json').write_bytes(text)
    try:
        summary = validate_submission(folder, ['20'])
    except SubmissionError as error:
        assert '20.json' in str(error)
    else:
        assert 1 <= summary.num_frames['20'] <= 2
