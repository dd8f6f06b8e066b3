"""The forms of box files, and the images that boxes are of."""
import json

import pytest

from mmpose_tdmi.datasets.box_files import (FrameIndex, RawBox, known_size,
                                            read_annotation_records,
                                            read_box_file)

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
    with pytest.raises(ValueError, match='boxes.json: not valid json'):
        read_box_file(str(path))


def test_missing_files_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json does not exist'):
        read_box_file(str(tmp_path / 'none.json'))
    with pytest.raises(ValueError, match='no json file'):
        read_box_file(str(tmp_path))


@pytest.mark.parametrize('content, expected', [
    (posetrack(dict(bbox=[1, 2, 3, 4])), r"annotations\[0\].score is missing"),
    (posetrack(dict(score=1)), r"annotations\[0\].bbox is missing"),
    (posetrack(BOX, images=[]),
     r'annotations\[0\].image_id is 7, expected the id of'),
    (posetrack(images=[(1, 'a.jpg'), (1, 'b.jpg')]),
     r"images\[1\]: the id 1 is that of two frames, 'a.jpg' and 'b.jpg'"),
    (posetrack(images=[([1], 'a.jpg')]),
     r'images\[0\].id is a list of 1, expected an integer or'),
    (posetrack(images=[(1, None)]),
     r'images\[0\].file_name is None, expected a text'),
    (dict(images=[3],
          annotations=[]), r'images\[0\] is 3, expected an object'),
    (dict(images=[],
          annotations={}), 'annotations is an empty object, expected a list'),
    ({
        'a.jpg': [[1, 2, 3, 4, 0.5]]
    }, r"'a.jpg'\[0\].*corners"),
    ({
        'a.jpg': [dict(bbox=[1, 2, 3, 4])]
    }, r"'a.jpg'\[0\].score is missing"),
    ({
        'a.jpg': [dict(BOX, track_id='3')]
    }, r"'a.jpg'\[0\].track_id is '3', expected an integer"),
    ({
        'a.jpg': [dict(BOX, track_id=True)]
    }, 'track_id is True, expected an integer'),
])
def test_malformed_entries_are_named(tmp_path, content, expected):
    with pytest.raises(ValueError, match=f'boxes.json: .*{expected}'):
        read_box_file(write(tmp_path / 'boxes.json', content))


# Annotation files

IMAGE = dict(id=7, file_name='a/0.jpg', width=64, height=48)
CONTENT = dict(
    images=[IMAGE],
    annotations=[dict(id=1, image_id=7, bbox=[1, 2, 3, 4])],
    videos=[dict(id='a', name='a', file_names=['a/0.jpg', 'a/1.jpg'])])


def read(tmp_path, content):
    return read_annotation_records(write(tmp_path / 'ann.json', content))


def test_records(tmp_path):
    records = read(tmp_path, CONTENT)
    assert records == ({7: IMAGE}, CONTENT['annotations'], CONTENT['videos'])
    assert known_size(records.images[7]) == (64, 48)
    records = read(tmp_path, dict(images=[dict(id='7', file_name='0.jpg')]))
    assert records.annotations == [] and records.videos == []
    assert known_size(records.images['7']) is None


@pytest.mark.parametrize('change, expected', [
    (dict(images=None), 'images is None, expected a list'),
    (dict(images=[3]), r'images\[0\] is 3, expected an object'),
    (dict(images=[IMAGE, IMAGE]), r'ids of images must be unique, but \[7\]'),
    (dict(images=[dict(id=7)]), r'images\[0\].file_name is missing'),
    (dict(images=[dict(IMAGE, id=[7])]),
     r'images\[0\].id is a list of 1, expected'),
    (dict(images=[dict(IMAGE, width='64')]),
     r"images\[0\].width is '64', expected"),
    (dict(annotations=[dict(image_id=8)]),
     r'annotations\[0\].image_id is 8, expected'),
    (dict(annotations=[dict(image_id={})]),
     r'annotations\[0\].image_id is an empty'),
    (dict(annotations={}), 'annotations is an empty object, expected'),
    (dict(videos=[dict(id='a')]), r'videos\[0\].name is missing'),
    (dict(videos=[dict(id='a', name='a', file_names=[3])]),
     r'file_names\[0\] is 3'),
    (dict(videos=[dict(id='a', name=3, file_names=[])]),
     r'videos\[0\].name is 3, expected a text'),
    (dict(videos=4), 'videos is 4, expected a list'),
])
def test_what_is_malformed_is_named(tmp_path, change, expected):
    with pytest.raises(ValueError, match=rf'ann.json.*{expected}'):
        read(tmp_path, dict(CONTENT, **change))


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json'):
        read_annotation_records(str(tmp_path / 'none.json'))
    with pytest.raises(FileNotFoundError):
        read_annotation_records(str(tmp_path))


# The images of boxes

IMAGES = {
    7: dict(file_name='images/val/000342_mpii_test/000001.jpg', vid_id='342'),
    8: dict(file_name='images/val/000342_mpii_test/000002.jpg', vid_id='342'),
    9: dict(file_name='images/val/000999_mpii_test/000001.jpg', vid_id='999'),
}
VIDEOS = [
    dict(
        id='342',
        name='000342_relpath_5sec',
        file_names=[
            f'images/val/000342_mpii_test/00000{i}.jpg' for i in range(5)
        ])
]


def find(image_id=None, file_name=None, video=None, videos=()):
    box = RawBox({}, True, image_id, file_name, video, 'boxes.json', 'entry 4')
    return FrameIndex(IMAGES, videos).find(box)


@pytest.mark.parametrize('image_id, file_name', [
    (7, None),
    (7, '000001.jpg'),
    (7, '000342_mpii_test/000001.jpg'),
    (7, 'data/posetrack/images/val/000342_mpii_test/000001.jpg'),
    (None, '000342_mpii_test/000001.jpg'),
    (None, '/data/images/val/000342_mpii_test/000001.jpg'),
])
def test_by_id_and_name(image_id, file_name):
    assert find(image_id, file_name) == 7


@pytest.mark.parametrize('file_name', [
    '000002.jpg', '000999_mpii_test/000001.jpg', '1.jpg',
    'images/test/000342_mpii_test/000001.jpg'
])
def test_id_and_name_must_agree(file_name):
    with pytest.raises(
            ValueError,
            match=rf"boxes.json: entry 4: image_id 7 and file name "
            rf"'{file_name}' .*000342_mpii_test/000001.jpg"):
        find(7, file_name)


def test_an_unknown_id_with_a_known_name_is_an_error():
    with pytest.raises(ValueError, match=r'image_id 3 .*has the id 9'):
        find(3, '000999_mpii_test/000001.jpg')


@pytest.mark.parametrize('video', ['000342_mpii_test', '000342_relpath_5sec'])
def test_a_bare_name_is_looked_for_in_its_video(video):
    assert find(None, '000001.jpg', video, VIDEOS) == 7
    assert find(None, '000001.jpg', '000999_mpii_test', VIDEOS) == 9


def test_unknown_frames():
    assert find(3) is None
    assert find(3, '000342_mpii_test/000004.jpg') is None
    assert find(None, '000342_mpii_test/000004.jpg') is None
    assert find(None, '000001.jpg', '000001_mpii_test') is None
    assert find(None, '000001.jpg') is None


@pytest.mark.parametrize('image_id, file_name, video', [
    (None, '000342_mpii_test/000004.jpg', None),
    (3, '000342_mpii_test/000004.jpg', None),
    (None, '000004.jpg', '000342_relpath_5sec'),
])
def test_frames_that_exist_but_have_no_record(image_id, file_name, video):
    found = find(image_id, file_name, video, VIDEOS)
    assert found is FrameIndex.NOT_LISTED
    assert find(3, '000004.jpg', None, VIDEOS) is None


def test_a_name_of_two_images_is_an_error():
    index = FrameIndex({
        1: dict(file_name='a/x/0.jpg'),
        2: dict(file_name='b/x/0.jpg')
    })
    box = RawBox({}, True, None, 'x/0.jpg', None, 'boxes.json', 'entry 0')
    with pytest.raises(ValueError, match=r'2 images have .*\[1, 2\]'):
        index.find(box)
