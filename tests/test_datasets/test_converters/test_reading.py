"""Values of json files, and the errors that name them."""
import pytest

from mmpose_tdmi.datasets.converters.conversion import Record, read_json, shown


def write(tmp_path, text):
    path = tmp_path / 'file.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize('text, message', [
    ('{', 'not valid json'),
    ('{"a": NaN}', 'NaN is no json number'),
    ('[-Infinity]', '-Infinity'),
    ('{"a": {"b": 1, "b": 2}}', "the key 'b' twice"),
    ('[' * 10**5, 'nested too deeply'),
    ('[' + '9' * 5000 + ']', 'digits'),
    (b'["\xff"]', 'utf-8'),
    ('\ufeff[]', 'BOM'),
    ('', 'Expecting value'),
])
def test_what_is_not_json_is_named(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json'):
        read_json(tmp_path / 'none.json')


def test_places_are_named(tmp_path):
    path = write(tmp_path, '{"images": [{"id": 1}, {"id": "two"}]}')
    content = read_json(path)
    first, second = content['images']
    assert first['id'].integer() == 1 and first.get('size') is None
    with pytest.raises(ValueError) as caught:
        second['id'].integer()
    assert str(caught.value) == (
        f"{path}: images[1].id is 'two', expected an integer")
    with pytest.raises(ValueError, match=r'images\[0\].name is missing'):
        first['name']
    with pytest.raises(ValueError, match='annotations is missing'):
        content['annotations']


@pytest.mark.parametrize('kind, good, bad', [
    ('integer', [0, -3, 2.0, 2**50], [True, None, 1.5, '1', 2**60, 1e300]),
    ('number', [0, -1.5, 1e6], [True, '1', 1e7, -10**400, [1]]),
    ('boolean', [True, False], [0, 1, None, 'true']),
    ('flag', [True, 0, 1], [2, -1, None, '1', [1]]),
    ('string', ['a', 'é'], ['', 1, None, '\ud800', ['a']]),
    ('path', ['a/b.jpg', './a.jpg'],
     ['/a', '../a', 'a/../b', 'a\\b', 'a\0', 'x' * 300, 'x/' * 600 + 'x']),
    ('single', [[1], [None]], [[], [1, 2], 1, {}]),
    ('list', [[], [1]], [{}, 'ab', None]),
    ('object', [{}, {
        'a': 1
    }], [[], 'ab', None]),
    ('numbers', [[], [1, 2.5]], [[1, None], [[1]], [float('inf')], 3, None]),
])
def test_values_are_checked(kind, good, bad):
    for value in good:
        getattr(Record(value, 'file', 'place'), kind)()
    for value in bad:
        with pytest.raises(ValueError, match='^file: place'):
            getattr(Record(value, 'file', 'place'), kind)()


def test_bounds_and_lengths():
    with pytest.raises(ValueError, match=r'in \[0, 15\)'):
        Record(15, 'file').integer(0, 15)
    with pytest.raises(ValueError, match='has 2 numbers, expected 4'):
        Record([1, 2], 'file').numbers(4)
    with pytest.raises(ValueError, match=r'file: \[1\] is None'):
        Record([1, None], 'file').numbers(2)


def test_what_is_shown_is_short():
    assert shown('x' * 1000) == "'" + 'x' * 76 + '...'
    assert shown([1] * 1000) == 'a list of 1000'
    assert shown({}) == 'an empty object'
    assert 'bits' in shown(10**5000)
    assert shown(-24.9) == '-24.9'
