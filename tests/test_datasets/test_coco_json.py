"""Reading of json files: what they hold, and the errors that name mistakes."""
import json
from array import array
from typing import Any, Dict, List

import numpy as np
import pytest

from mmpose_tdmi.datasets.coco_json import (AnnolistFile, Coordinate, Count,
                                            Finite, Flag, Id, Positive, Text,
                                            Whole, check, collect_annolist,
                                            load_annotation_file, number_rows,
                                            read_json)

NAMES = ['nose', 'neck']


def write(tmp_path, text):
    path = tmp_path / 'val.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize('strict', [True, False])
@pytest.mark.parametrize('text, message', [
    ('{', 'not valid json: Expecting'),
    ('', 'not valid json: Expecting value'),
    (json.dumps('a')[:-1], 'not valid json'),
    ('[' * 10**5, 'not valid json: nested too deeply'),
    ('[' + '9' * 5000 + ']', 'not valid json: .*digits|range'),
    (b'["\xff"]', 'not valid json: .*utf-8'),
    (b'\xff\xfe\x00', 'not valid json'),
])
def test_what_is_not_json_is_named(tmp_path, text, message, strict):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=f'val.json: {message}'):
        read_json(path, strict=strict)


@pytest.mark.parametrize('text, message, content', [
    ('{"a": NaN}', 'NaN is no json number', {
        'a': pytest.approx(float('nan'), nan_ok=True)
    }),
    ('[-Infinity]', '-Infinity is no', [-float('inf')]),
    ('{"a": {"b": 1, "b": 2}}', "the key 'b' twice", {
        'a': {
            'b': 2
        }
    }),
    ('["\\ud800"]', 'not valid json', ['\ud800']),
])
def test_json_by_the_letter(tmp_path, text, message, content):
    path = write(tmp_path, text)
    assert read_json(path) == content
    with pytest.raises(ValueError, match=f'val.json: .*{message}'):
        read_json(path, strict=True)


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / 'none.json', tmp_path):
        with pytest.raises(FileNotFoundError, match=f'{path} does not exist'):
            read_json(path)


@pytest.mark.parametrize('strict', [True, False])
def test_places_are_named(tmp_path, strict):
    schema = Dict[str, List[AnnolistFile]]
    path = write(tmp_path, '{"a": []}')
    assert read_json(path, schema, strict) == {'a': []}
    path = write(
        tmp_path, '{"annolist": [{"image": [{"name": "x"}], '
        '"annorect": [{"track_id": ["two"]}]}]}')
    with pytest.raises(ValueError) as caught:
        read_json(path, AnnolistFile, strict)
    assert str(caught.value) == (
        f"{path}: annolist[0].annorect[0].track_id[0] is 'two', expected a "
        'number')
    path = write(tmp_path, '{"annolist": [{}]}')
    with pytest.raises(ValueError, match=r'annolist\[0\].image is missing'):
        read_json(path, AnnolistFile, strict)
    with pytest.raises(ValueError, match='the content is 3, expected an obj'):
        read_json(write(tmp_path, '3'), AnnolistFile, strict)


@pytest.mark.parametrize('kind, good, bad', [
    (Whole, [0, -3, 2.0, 2**50], [True, None, 1.5, '1', 2**60, 1e300, [1]]),
    (Count, [0, 7, 7.0], [-1, 0.5, False, 2**53]),
    (Positive, [1, 3.0], [0, -1, True, float('inf')]),
    (Id, [1, -1, 'a', ''], [1.0, None, True, [1]]),
    (Coordinate, [0, -1.5, 1e6], [True, '1', 1e7, -10**400,
                                  float('nan')]),
    (Finite, [0, 1e300, -5],
     [True, '1', float('inf'), float('nan'), 10**400]),
    (Flag, [True, 0, 1], [2, -1, None, '1', 1.0]),
    (Text, ['a', 'é'], ['', 1, None, ['a']]),
    (bool, [True, False], [0, 1, None, 'true']),
    (List[Any], [[], [1]], [{}, 'ab', None]),
    (Dict[str, Any], [{}, {
        'a': 1
    }], [[], 'ab', None]),
    (List[Coordinate], [[], [1, 2.5]], [[1, None], [[1]], 3, None]),
])
def test_values_are_checked(kind, good, bad):
    for value in good:
        assert check(value, kind, 'file', 'place') == value
        # an integer stays one: it is written as it was
        assert type(check(value, kind, 'file', 'place')) is type(value)
    for value in bad:
        with pytest.raises(ValueError, match='^file: '):
            check(value, kind, 'file', 'place')


@pytest.mark.parametrize('value, shown', [
    ('x' * 1000, "'" + 'x' * 76 + '[.]{3}'),
    ([1] * 1000, 'a list of 1000'),
    ({}, 'an empty object'),
    (10**400, 'a number of 1329 bits'),
    (-24.9, '-24.9'),
])
def test_what_is_shown_is_short(value, shown):
    with pytest.raises(ValueError, match=f'^file: here is {shown}, expected'):
        check(value, bool, 'file', 'here')


def test_rows_of_numbers():
    rows = number_rows([[1, 2.5], [-3, 10**12]], 2, str)
    assert rows.dtype == np.float64
    assert rows.tolist() == [[1, 2.5], [-3, 1e12]]
    assert number_rows([], 3, str).shape == (0, 3)
    for row in ([1.], [1., 2., 3.], None):
        with pytest.raises(ValueError, match='^row 1 is .* list of 2 numbers'):
            number_rows([[1., 2.], row, [3., 4.]], 2, 'row {}'.format)
    # lengths that even out
    with pytest.raises(ValueError, match='^row 0'):
        number_rows([[1.], [2., 3., 4.]], 2, 'row {}'.format)


# Annotation files of datasets


@pytest.fixture
def content():
    return dict(
        images=[dict(id=3, file_name='a.jpg'),
                dict(id=1, file_name='b.jpg')],
        annotations=[
            dict(id=7, image_id=1),
            dict(id=9, image_id=3),
            dict(id=8, image_id=1)
        ],
        categories=[dict(id=1, name='person', keypoints=NAMES)])


@pytest.fixture
def load(tmp_path):

    def write_and_load(content):
        path = write(
            tmp_path,
            content if isinstance(content, str) else json.dumps(content))
        return load_annotation_file(str(path), NAMES)

    return write_and_load


def test_what_a_file_holds(content, load):
    loaded = load(content)
    assert list(loaded.images) == [3, 1]
    assert [a['id'] for a in loaded.persons[1]] == [7, 8]
    assert loaded.categories == content['categories']
    assert loaded.videos is None
    content['videos'] = [dict(id='v')]
    assert load(content).videos == [dict(id='v')]


def test_files_without_categories_or_their_names(content, load):
    del content['categories'][0]['keypoints']
    load(content)
    del content['categories']
    assert load(content).categories == []


@pytest.mark.parametrize('table, index, field, value, message', [
    ('images', 1, 'id', '1', r"images\[1\].id is '1', expected an integer"),
    ('images', 1, 'id', True, r'images\[1\].id is True, expected an integer'),
    ('images', 1, 'id', 3, r'ids of images must be unique.*\[3\]'),
    ('images', 0, 'file_name', None, r'images\[0\].file_name is None'),
    ('images', 0, 'file_name', '', r"images\[0\].file_name is ''"),
    ('images', 0, 'is_labeled', 'no', r"images\[0\].is_labeled is 'no'"),
    ('annotations', 2, 'id', None, r'annotations\[2\].id is None'),
    ('annotations', 2, 'id', 7, r'ids of annotations must be unique.*\[7\]'),
    ('annotations', 2, 'image_id', 2,
     r'annotations\[2\].image_id is 2.* such'),
    ('annotations', 2, 'image_id', [1
                                    ], r'annotations\[2\].image_id is a list'),
    ('categories', 0, 'keypoints', NAMES[::-1], "'neck', 'nose'.*expected"),
])
def test_records(content, load, table, index, field, value, message):
    content[table][index][field] = value
    with pytest.raises(ValueError, match=f'val.json: .*{message}'):
        load(content)


@pytest.mark.parametrize('table, value', [('images', None), ('videos', {}),
                                          ('annotations', [3]),
                                          ('categories', 'person')])
def test_tables(content, load, table, value):
    content[table] = value
    with pytest.raises(ValueError, match=f'val.json: {table}'):
        load(content)


@pytest.mark.parametrize('text', ['', '[', '[1]', '{"images": [', '[' * 9999])
def test_no_such_file(load, tmp_path, text):
    with pytest.raises(
            ValueError, match='val.json: (not valid json|the cont)'):
        load(text)
    with pytest.raises(FileNotFoundError, match='none.json does not exist'):
        load_annotation_file(str(tmp_path / 'none.json'), NAMES)


@pytest.mark.parametrize('values', [[1, 2.5, 0], [], [1, None], [True, 1],
                                    [1, 10**400], [float('nan'), 1], 'x', {}])
def test_keypoints_keep_their_values(content, load, values):
    content['annotations'][1]['keypoints'] = values
    found = load(content).persons[3][0]['keypoints']
    plain = values == [1, 2.5, 0] or values == []
    assert isinstance(found, array if plain else type(values))
    assert repr(list(found)) == repr(
        list(map(float, values)) if plain else list(values))


# Annolists


def annolist(points, num_joints=15, strict=True, **fields):
    rect = dict(
        x1=[1],
        y1=[2],
        x2=[11],
        y2=[22.5],
        annopoints=[dict(point=points)],
        **fields)
    frame = dict(image=[dict(name='a/1.jpg')], annorect=[rect])
    file = check(dict(annolist=[frame]), AnnolistFile, 'file')
    return collect_annolist(file.annolist, 'file', num_joints, strict)


def point(number, x, y, **fields):
    return dict(id=[number], x=[x], y=[y], **fields)


@pytest.mark.parametrize('strict', [True, False])
def test_points_and_visibility(strict):
    found = annolist([
        point(3, 0, 0, score=[0.25]),
        point(0, -24.9, 7, is_visible=[1]),
        point(1.0, 5, 6, is_visible=[False]),
        point(2, 8, 9, is_visible=[])
    ], 5, strict)
    nan = float('nan')
    np.testing.assert_array_equal(
        found.joints, [[[-24.9, 7, 1, nan], [5, 6, 0, nan], [8, 9, nan, nan],
                        [0, 0, nan, 0.25], [nan] * 4]])
    assert found.rects[0].corners('here') == [1, 2, 11, 22.5]
    assert found.places == ['annolist[0].annorect[0]']


@pytest.mark.parametrize('annopoints', [[], [{}], [None], None, {}])
def test_persons_without_points(annopoints):
    frame = dict(
        image=[dict(name='a.jpg')], annorect=[dict(annopoints=annopoints)])
    file = check(dict(annolist=[frame]), AnnolistFile, 'file')
    found = collect_annolist(file.annolist, 'file', 15, strict=True)
    assert len(found.rects) == 1 and np.isnan(found.joints).all()
    assert not collect_annolist(file.annolist, 'file', 15).rects


@pytest.mark.parametrize('points, message', [
    ([point(15, 1, 2)], r'point\[0\].id\[0\] is 15, expected an integer from'),
    ([point(-1, 1, 2)], r'id\[0\] is -1'),
    ([point(0.5, 1, 2)], r'id\[0\] is 0.5'),
    ([point(1, 1, 2), point(1, 3, 4)
      ], r'point\[1\].id\[0\] is 1, expected one that no earlier point'),
    ([point(1, float('nan'), 2)], r'point\[0\].x\[0\] is nan'),
    ([point(1, 1, 10**400)], r'y\[0\] is a number of 1329 bits'),
    ([point(1, 0, 0), point(2, 1, -1e7)], r'point\[1\].y\[0\] is -1000'),
    ([point(1, '1', 2)], r"x\[0\] is '1'"),
    ([point(1, True, 2)], r'x\[0\] is True'),
    ([point(1, 1, 2, is_visible=[3])], r'is_visible\[0\] is 3'),
    ([point(1, 1, 2, is_visible=1)], 'is_visible is 1, expected a list'),
    ([dict(id=[1], x=[1])], r'point\[0\].y is missing'),
    ([dict(id=1, x=[1], y=[2])], r'point\[0\].id is 1, expected a list'),
    ([dict(id=[1, 2], x=[1], y=[2])], r'id is a list of 2, .* of length 1'),
    ([None], r'point\[0\] is None'),
    ('ab', r'point is .ab., expected a list'),
])
def test_mistakes_in_points_are_named(points, message):
    where = r'file: annolist\[0\].annorect\[0\].annopoints\[0\]'
    with pytest.raises(
            ValueError, match=rf'{where}\..*{message}|{where}.'
            f'{message}'):
        annolist(points)


@pytest.mark.parametrize('strict', [False, True])
def test_a_byte_order_mark_is_read_over(tmp_path, strict):
    path = write(tmp_path, b'\xef\xbb\xbf{"a": [1]}')
    assert read_json(path, strict=strict) == {'a': [1]}
    assert read_json(path, Dict[str, List[int]]) == {'a': [1]}
