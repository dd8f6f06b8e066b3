"""HiEve: both forms of labels, and videos to frames."""
import shutil

import cv2
import numpy as np
import pytest

from mmpose_tdmi.datasets.converters import (HIEVE_KEYPOINT_NAMES,
                                             convert_hieve, hieve)
from mmpose_tdmi.datasets.converters.hieve import read_xml
from mmpose_tdmi.video.decoding import open_video


def joints(content):
    return np.array([a['keypoints']
                     for a in content['annotations']]).reshape(-1, 14, 3)


def test_json_labels_and_frames(official_set, load):
    root = official_set('hieve', labels='both')
    result = convert_hieve(root)
    content, official = load(result.path), load(root /
                                                'labels/train/track2&3/1.json')
    assert result.path == root / 'annotations/hieve_train.json'
    assert content['info']['dataset'] == 'hieve'
    assert content['categories'][0]['keypoints'] == list(HIEVE_KEYPOINT_NAMES)
    assert content['videos'] == [
        dict(
            id='1',
            name='1',
            file_names=[f'images/train/1/{n:06d}.jpg' for n in range(7)],
            frame_ids=list(range(7)))
    ]
    rects = [r for frame in official['annolist'] for r in frame['annorect']]
    assert len(content['annotations']) == len(rects) > 10
    for person, rect in zip(content['annotations'], rects):
        x, y, width, height = person['bbox']
        np.testing.assert_allclose(
            [x, y, x + width, y + height],
            [rect[field][0] for field in ('x1', 'y1', 'x2', 'y2')])
        assert person['area'] == width * height
        assert person['track_id'] == rect['track_id'][0]
        assert 'bbox_head' not in person
        expected = np.zeros((14, 3))
        for point in rect['annopoints'][0]['point']:
            expected[point['id'][0]] = point['x'][0], point['y'][0], 1
        assert person['keypoints'] == expected.ravel().tolist()
        assert person['num_keypoints'] == (expected[:, 2] > 0).sum()
        assert person['id'] // 1000 == person['image_id']
    assert content['images'][3]['id'] == 10**6 + 3
    assert all(i['is_labeled'] for i in content['images'])
    for index, frame in enumerate(open_video(root / 'videos/train/1.mp4')):
        image = cv2.imread(str(root / f'images/train/1/{index:06d}.jpg'))
        assert np.abs(image.astype(int) - frame.image).mean() < 4


def test_xml_labels_say_the_same_and_what_is_hidden(pristine_sets, tmp_path,
                                                    load):
    root = tmp_path / 'set'
    shutil.copytree(pristine_sets('hieve', labels='both'), root)
    one, other = (
        load(convert_hieve(root, out=tmp_path / form, labels=form).path)
        for form in ('json', 'xml'))
    assert one['images'] == other['images']
    assert one['videos'] == other['videos']
    np.testing.assert_allclose(
        joints(one)[..., :2], joints(other)[..., :2], atol=0.501)
    present = joints(one)[..., 2] == 1
    np.testing.assert_array_equal(present, joints(other)[..., 2] > 0)
    assert set(np.unique(joints(other)[..., 2])) == {0, 1, 2}
    np.testing.assert_allclose([a['bbox'] for a in one['annotations']],
                               [a['bbox'] for a in other['annotations']],
                               atol=1.01)
    assert [a['track_id'] for a in one['annotations']
            ] == [a['track_id'] for a in other['annotations']]


def test_xml_is_read_where_there_is_no_json(official_set):
    root = official_set('hieve', labels='xml')
    assert convert_hieve(root).counts['persons'] > 0
    with pytest.raises(FileNotFoundError, match='track2&3'):
        convert_hieve(root, labels='json')
    with pytest.raises(ValueError, match="labels is 'csv'"):
        convert_hieve(root, labels='csv')


def test_actions_are_kept_where_the_labels_have_them(official_set, load):
    root = official_set('hieve', labels='both')
    content = load(convert_hieve(root, labels='xml').path)
    assert {a['action'] for a in content['annotations']} == {'walking-alone'}
    content = load(convert_hieve(root, labels='json').path)
    assert all('action' not in a for a in content['annotations'])


def test_the_test_videos_are_listed_unlabelled(official_set, load):
    root = official_set('hieve')
    result = convert_hieve(root, 'test')
    content = load(result.path)
    assert result.counts['frames'] == 7 and not content['annotations']
    assert [i['id']
            for i in content['images']] == [20 * 10**6 + n for n in range(7)]
    assert not any(i['is_labeled'] for i in content['images'])


def test_frames_are_extracted_once_and_whole(official_set):
    root = official_set('hieve')
    convert_hieve(root)
    frames = root / 'images/train/1'
    stamps = [path.stat().st_mtime_ns for path in sorted(frames.iterdir())]
    video = root / 'videos/train/1.mp4'
    assert not convert_hieve(root).written
    (root / 'annotations/hieve_train.json').unlink()
    assert convert_hieve(root).written
    assert stamps == [p.stat().st_mtime_ns for p in sorted(frames.iterdir())]
    (frames / '000003.jpg').unlink()
    with pytest.raises(ValueError, match='has 6 frames, but .* has 7'):
        convert_hieve(root)
    shutil.rmtree(frames)
    video.write_bytes(video.read_bytes()[:3000])
    with pytest.raises(ValueError, match='1.mp4'):
        convert_hieve(root)
    assert not any((root / 'images/train').iterdir())
    video.unlink()
    with pytest.raises(FileNotFoundError, match='neither frames'):
        convert_hieve(root)


def test_frames_alone_are_enough(official_set):
    root = official_set('hieve')
    first = convert_hieve(root, 'train'), convert_hieve(root, 'test')
    shutil.rmtree(root / 'videos')
    shutil.rmtree(root / 'annotations')
    again = convert_hieve(root, 'train'), convert_hieve(root, 'test')
    assert [a.counts for a in first] == [b.counts for b in again]


@pytest.mark.parametrize('change, message', [
    (lambda a: a[1]['image'][0].update(name='frame1.jpg'),
     r"annolist\[1\].image\[0\].name: 'frame1.jpg' is not named"),
    (lambda a: a[1]['image'][0].update(name='000099.jpg'),
     r'annolist\[1\]: there is no frame 99'),
    (lambda a: a[1].update(image=a[0]['image']),
     r'annolist\[1\].image\[0\].name is frame 0, which'),
    (lambda a: a[1]['annorect'][0].pop('track_id'), 'track_id is missing'),
    (lambda a: a[1]['annorect'][0].update(y2=['a']), r"y2\[0\] is 'a'"),
    (lambda a: a[1].update(annorect=a[1]['annorect'] * 400), 'at most 1000'),
])
def test_mistakes_in_json_are_named(official_set, edit_json, change, message):
    root = official_set('hieve')
    path = root / 'labels/train/track2&3/1.json'
    edit_json(path, lambda content: change(content['annolist']))
    with pytest.raises((ValueError, FileNotFoundError),
                       match=message) as caught:
        convert_hieve(root)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize('old, new, message', [
    ('<name>P-0', '<name>0', r"object\[0\]/name\[0\] is '0', expected P-"),
    ('<segmented>0</segmented>', '<person/>', r'person\[0\] is not expected'),
    ('Left-knee>', 'Left-toe>', r'Left-toe\[0\] is not expected'),
    ('Left-knee>', 'Left_Ankle>', r'is not expected: a box, and at most once'),
    (',0</Chest>', ',5</Chest>', 'with the flag 0, 1 or -1'),
    (',0</Chest>', '</Chest>', 'expected 3 number'),
    ('<xmin>', '<xmin>a', r"xmin\[0\] is 'a"),
    ('<width>160', '<width>320', r'of size \(320, 120\), expected'),
])
def test_mistakes_in_xml_are_named(official_set, old, new, message):
    root = official_set('hieve', labels='xml')
    path = root / 'labels/train/all-track/1/000002.xml'
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message) as caught:
        convert_hieve(root)
    assert str(path) in str(caught.value)


def test_parts_that_are_missing_are_absent(official_set, load):
    root = official_set('hieve', labels='xml')
    before = joints(load(convert_hieve(root).path))
    for path in (root / 'labels/train/all-track/1').iterdir():
        lines = path.read_text().splitlines()
        path.write_text('\n'.join(
            line.replace('Left-Knee', 'left_knee') for line in lines
            if 'Nose' not in line))
    after = joints(load(convert_hieve(root).path))
    assert before[:, 0].any() and not after[:, 0].any()
    np.testing.assert_array_equal(before[:, 1:], after[:, 1:])


def test_videos_are_called_by_numbers(official_set):
    root = official_set('hieve')
    labels = root / 'labels/train/track2&3'
    (labels / '1.json').rename(labels / 'one.json')
    with pytest.raises(ValueError, match="'one' is no video of HiEve"):
        convert_hieve(root)
    (labels / 'one.json').unlink()
    with pytest.raises(FileNotFoundError, match='no videos of the split'):
        convert_hieve(root)
    shutil.copy(root / 'videos/test/20.mp4', root / 'videos/test/20.MOV')
    with pytest.raises(ValueError, match='are the same video'):
        convert_hieve(root, 'test')


# XML from outside

BOMB = ('<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "' + '&b;' * 1000 +
        '"><!ENTITY d "' + '&c;' * 1000 + '">]><a>&d;</a>')


def write(tmp_path, text):
    path = tmp_path / 'file.xml'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize('text, message', [
    (BOMB, 'document type definition'),
    ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 'document type'),
    ('<a><b></a>', 'mismatched'),
    ('<a>&nothing;</a>', 'undefined entity'),
    ('', 'no element'),
    (b'<a>\xff</a>', 'invalid'),
    ('<?xml version="1.0" encoding="nonsense"?><a/>', 'encoding'),
    ('<a>' * 40 + '</a>' * 40, 'nested more than 32'),
    ('<b/>', 'root element is <b>, expected <a>'),
])
def test_what_cannot_be_read_is_named(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        read_xml(path, 'a')
    assert str(path) in str(caught.value)


def test_large_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hieve, 'MAX_BYTES', 10)
    with pytest.raises(ValueError, match='has 17 bytes'):
        read_xml(write(tmp_path, '<a>1234567890</a>'), 'a')
    with pytest.raises(FileNotFoundError):
        read_xml(tmp_path / 'none.xml', 'a')


def test_values_and_places(tmp_path):
    root = read_xml(
        write(tmp_path, '<a><b>1, -2.5,3e1</b><c>x</c><c>1_0</c></a>'), 'a')
    assert root.child('b').numbers(3) == [1, -2.5, 30]
    children = [child for tag, child in root.children() if tag == 'c']
    assert [child.text for child in children] == ['x', '1_0']
    for place, child in enumerate(children):
        with pytest.raises(ValueError, match=rf'a/c\[{place}\] is'):
            child.numbers(1)
    for tag, found in (('c', 2), ('d', 0)):
        with pytest.raises(ValueError, match=f'has {found} elements <{tag}>'):
            root.child(tag)
    with pytest.raises(ValueError, match=r'a/b\[0\] is .* expected 2'):
        root.child('b').numbers(2)


@pytest.mark.parametrize('text', ['', 'nan', 'inf', '1e9', '0x1', '1,', '--1'])
def test_numbers_are_finite_pixels(tmp_path, text):
    with pytest.raises(ValueError, match='separated by commas'):
        read_xml(write(tmp_path, f'<a>{text}</a>'), 'a').numbers(1)
