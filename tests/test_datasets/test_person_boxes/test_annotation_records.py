"""What the box readers need of annotation files."""
import json

import pytest

from mmpose_tdmi.datasets.box_files import known_size, read_annotation_records

IMAGE = dict(id=7, file_name='a/0.jpg', width=64, height=48)
CONTENT = dict(
    images=[IMAGE],
    annotations=[dict(id=1, image_id=7, bbox=[1, 2, 3, 4])],
    videos=[dict(id='a', name='a', file_names=['a/0.jpg', 'a/1.jpg'])])


def read(tmp_path, content):
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(content))
    return read_annotation_records(str(path))


def test_records(tmp_path):
    records = read(tmp_path, CONTENT)
    assert records == ({7: IMAGE}, CONTENT['annotations'], CONTENT['videos'])
    assert known_size(records.images[7]) == (64, 48)
    records = read(tmp_path, dict(images=[dict(id='7', file_name='0.jpg')]))
    assert records.annotations == [] and records.videos == []
    assert known_size(records.images['7']) is None


@pytest.mark.parametrize('change, expected', [
    (dict(images=None), 'with "images"'),
    (dict(images=[3]), 'image record, got 3'),
    (dict(images=[IMAGE, IMAGE]), 'two images have the id 7'),
    (dict(images=[dict(id=7)]), r"images\[0\] lacks 'file_name'"),
    (dict(images=[dict(IMAGE, id=[7])]), 'id must be'),
    (dict(images=[dict(IMAGE, width='64')]), "image 7: width .*'64'"),
    (dict(annotations=[dict(image_id=8)]), r'annotations\[0\] is of .* 8'),
    (dict(annotations=[dict(image_id={})]), r'annotations\[0\] must be'),
    (dict(annotations={}), '"annotations" must be a list'),
    (dict(videos=[dict(id='a')]), r"videos\[0\] lacks 'name'"),
    (dict(videos=[dict(id='a', name='a', file_names=[3])]), 'file_names must'),
    (dict(videos=[dict(id='a', name=3, file_names=[])]), 'id and name must'),
    (dict(videos=4), '"videos" must be a list'),
])
def test_what_is_malformed_is_named(tmp_path, change, expected):
    with pytest.raises(ValueError, match=rf'ann.json.*{expected}'):
        read(tmp_path, dict(CONTENT, **change))


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json'):
        read_annotation_records(str(tmp_path / 'none.json'))
    with pytest.raises(FileNotFoundError):
        read_annotation_records(str(tmp_path))
