"""The forms of box files."""
import json

import pytest

from mmpose_tdmi.datasets.box_files import read_box_file

BOX = dict(bbox=[10, 10, 20, 20], score=0.9)
COCO = dict(BOX, image_id=7, category_id=1)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def posetrack(*boxes, images=((7, 'images/val/a/000000.jpg'), )):
    return dict(
        images=[dict(id=i, file_name=name) for i, name in images],
        annotations=[dict(image_id=7, keypoints=[0] * 51, **b) for b in boxes])


def keys(box):
    return box.image_id, box.file_name, box.video


def test_coco_style_keeps_all_fields(tmp_path):
    entries = [COCO, dict(COCO, category_id=2, file_name='x/7.jpg', more=1)]
    boxes = read_box_file(write(tmp_path / 'boxes.json', entries))
    assert [box.record for box in boxes] == entries
    assert [keys(box) for box in boxes] == [(7, None, None),
                                            (7, 'x/7.jpg', None)]
    assert [box.is_person for box in boxes] == [True, False]


def test_posetrack_style_has_id_and_name_and_keeps_tracks(tmp_path):
    content = posetrack(dict(BOX, track_id=3), dict(BOX, category_id=2))
    boxes = read_box_file(write(tmp_path / 'boxes.json', content))
    assert [box.record for box in boxes] == [dict(BOX, track_id=3), BOX]
    assert keys(boxes[0]) == (7, 'images/val/a/000000.jpg', None)
    assert [box.is_person for box in boxes] == [True, False]


def test_per_frame_form_is_of_the_video_it_is_named_after(tmp_path):
    content = {'000000.jpg': [BOX, dict(BOX, track_id=1)], '000001.jpg': []}
    boxes = read_box_file(write(tmp_path / 'video_3.json', content))
    assert [keys(box)
            for box in boxes] == [(None, '000000.jpg', 'video_3')] * 2
    assert boxes[1].record == dict(BOX, track_id=1)


def test_a_folder_is_read_in_alphabetical_order(tmp_path):
    for name in ('b', 'a', '.c'):
        write(tmp_path / f'{name}.json', {'0.jpg': [BOX]})
    write(tmp_path / 'd.json', posetrack(BOX))
    (tmp_path / 'README').write_text('no boxes')
    boxes = read_box_file(str(tmp_path))
    assert [keys(box)
            for box in boxes] == [(None, '0.jpg', 'a'), (None, '0.jpg', 'b'),
                                  (7, 'images/val/a/000000.jpg', None)]
    assert boxes[1].where == f"{tmp_path / 'b.json'}: '0.jpg'[0]"


@pytest.mark.parametrize('content, expected', [
    (3, 'got a int'),
    ('boxes', 'got a str'),
    (dict(annolist=[]), r"a dict with \['annolist'\]"),
    (dict(images=[]), r"a dict with \['images'\]"),
    (dict(results=3), r"a dict with \['results'\]"),
])
def test_files_in_no_form_are_named_with_the_forms(tmp_path, content,
                                                   expected):
    with pytest.raises(
            ValueError, match=rf'boxes.json.*list of detections.*{expected}'):
        read_box_file(write(tmp_path / 'boxes.json', content))


@pytest.mark.parametrize('content', [
    b'{', b'\xff\xfe', b'[' * 100000, b'', b'[NaN', b'[1' + b'0' * 5000 + b']'
])
def test_files_that_are_no_json_are_named(tmp_path, content):
    path = tmp_path / 'boxes.json'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='boxes.json is'):
        read_box_file(str(path))


def test_missing_files_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json does not exist'):
        read_box_file(str(tmp_path / 'none.json'))
    with pytest.raises(ValueError, match='no json file'):
        read_box_file(str(tmp_path))


@pytest.mark.parametrize('content, expected', [
    (posetrack(
        dict(bbox=[1, 2, 3, 4])), r"annotations\[0\] lacks \['score'\]"),
    (posetrack(dict(score=1)), r"annotations\[0\] lacks \['bbox'\]"),
    (posetrack(BOX, images=[]), r'image_id 7 is not in the file'),
    (posetrack(images=[(1, 'a.jpg'), (1, 'b.jpg')]),
     r"images\[1\]: the id 1 is that of two frames, 'a.jpg' and 'b.jpg'"),
    (posetrack(images=[([1], 'a.jpg')]), r'images\[0\]: id must be'),
    (posetrack(images=[(1, None)]), r'images\[0\]: file_name must be'),
    (dict(images=[3], annotations=[]), r'images\[0\]: expected a dict'),
    (dict(images=[], annotations={}), '"annotations" must be a list'),
    ({
        'a.jpg': [[1, 2, 3, 4, 0.5]]
    }, r"'a.jpg'\[0\].*corners"),
    ({
        'a.jpg': [dict(bbox=[1, 2, 3, 4])]
    }, r"'a.jpg'\[0\] lacks \['score'\]"),
    ({
        'a.jpg': [dict(BOX, track_id='3')]
    }, r"track_id must be .*'3'"),
    ({
        'a.jpg': [dict(BOX, track_id=True)]
    }, 'track_id must be .*True'),
])
def test_malformed_entries_are_named(tmp_path, content, expected):
    with pytest.raises(ValueError, match=f'boxes.json: .*{expected}'):
        read_box_file(write(tmp_path / 'boxes.json', content))
