"""Annotation files: what is read and what is refused."""
import json
from array import array

import pytest

from mmpose_tdmi.datasets.coco_json import load_annotation_file

NAMES = ['nose', 'neck']


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
        path = tmp_path / 'val.json'
        path.write_text(
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
    ('images', 1, 'id', '1', r'images\[1\].id must be an integer'),
    ('images', 1, 'id', True, r'images\[1\].id must be an integer'),
    ('images', 1, 'id', 3, r'ids of images must be unique.*\[3\]'),
    ('images', 0, 'file_name', None, r'images\[0\].file_name'),
    ('images', 0, 'is_labeled', 'no', r'images\[0\].is_labeled'),
    ('annotations', 2, 'id', None, r'annotations\[2\].id'),
    ('annotations', 2, 'id', 7, r'ids of annotations must be unique.*\[7\]'),
    ('annotations', 2, 'image_id', 2, r'annotations\[2\].image_id 2 .* such'),
    ('annotations', 2, 'image_id', [1], r'annotations\[2\].image_id \[1\]'),
    ('categories', 0, 'keypoints', NAMES[::-1], "'neck', 'nose'.*expected"),
])
def test_records(content, load, table, index, field, value, message):
    content[table][index][field] = value
    with pytest.raises(ValueError, match=rf'val.json: .*{message}|{message}'):
        load(content)


@pytest.mark.parametrize('table, value', [('images', None), ('videos', {}),
                                          ('annotations', [3]),
                                          ('categories', 'person')])
def test_tables(content, load, table, value):
    content[table] = value
    with pytest.raises(ValueError, match=rf'val.json: {table}'):
        load(content)


@pytest.mark.parametrize('text', ['', '[', '[1]', '{"images": [', '[' * 9999])
def test_no_such_file(load, tmp_path, text):
    with pytest.raises(ValueError, match='val.json: (not valid json|expec)'):
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
