"""Generated sets in the official formats."""
import hashlib
import json
import runpy
import shutil
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from mmpose_tdmi.video.decoding import open_frames
from projects.synthetic.generator import generate
from projects.synthetic.official.writing import (OFFICIAL_FORMATS, TINY,
                                                 write_official_set)
from projects.synthetic.settings import ClipSettings

SMALL = ClipSettings(width=96, height=72, frames=4, label_margin=1, crowd=0.3)


def digests(root):
    return {
        str(path.relative_to(root)):
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*')) if path.is_file()
    }


def names(root):
    return sorted(
        str(path.relative_to(root)) for path in root.rglob('*')
        if path.is_file())


@pytest.mark.parametrize('name', OFFICIAL_FORMATS)
def test_reproducible_resumable_and_claimed(tmp_path, name):
    one = write_official_set(tmp_path / 'one', name, dict(train=2), SMALL)
    before = digests(one)
    assert digests(
        write_official_set(
            tmp_path / 'two', name, dict(train=2), SMALL, workers=2)) == before
    stamps = [path.stat().st_mtime_ns for path in sorted(one.rglob('*.jpg'))]
    write_official_set(one, name, dict(train=2), SMALL)
    assert stamps == [p.stat().st_mtime_ns for p in sorted(one.rglob('*.jpg'))]
    with pytest.raises(ValueError, match='generated otherwise.*seed'):
        write_official_set(one, name, dict(train=2), SMALL, seed=1)
    assert digests(one) == before
    write_official_set(one, name, dict(train=1), SMALL, seed=1, overwrite=True)
    assert 0 < len(names(one)) < len(before)
    assert json.loads((one / 'generated.json').read_text())['seed'] == 1


def test_posetrack18_is_what_generate_writes(tmp_path):
    generate(tmp_path / 'a', SMALL, dict(train=1, val=1), seed=3)
    write_official_set(tmp_path / 'b', 'posetrack18', settings=SMALL, seed=3)
    assert digests(tmp_path / 'a') == digests(tmp_path / 'b')


def test_posetrack17s_tree_and_annolist(tmp_path):
    root = write_official_set(tmp_path, 'posetrack17', dict(val=2), SMALL)
    videos = [f'50000{n}_mpii' for n in range(2)]
    frames = [[f'{57 + n:04d}_crop.jpg' for n in range(3)] + ['00000060.jpg'],
              [f'{n:08d}.jpg' for n in (1, 2, 3, 5)]]
    assert names(root) == sorted([
        *(f'annotations/val/{video}_relpath_5sec_testsub.json'
          for video in videos), 'generated.json',
        *(f'images/bonn_5sec/{video}/{name}'
          for video, found in zip(videos, frames) for name in found)
    ])
    content = json.loads(
        (root /
         f'annotations/val/{videos[1]}_relpath_5sec_testsub.json').read_text())
    frame = content['annolist'][1]
    assert frame['image'] == [
        dict(name='images/bonn_5sec/500001_mpii/00000002.jpg')
    ]
    assert frame['is_labeled'] == [1] and frame['imgnum'] == [2]
    assert [f['is_labeled'][0] for f in content['annolist']] == [0, 1, 1, 0]
    person = frame['annorect'][0]
    assert set(person) == {'x1', 'y1', 'x2', 'y2', 'track_id', 'annopoints'}
    points = person['annopoints'][0]['point']
    assert 5 <= len(points) <= 15
    ids = [point['id'][0] for point in points]
    assert ids == sorted(set(ids)) and set(ids) <= set(range(15))
    # heads above ankles, by the official numbers
    height = {point['id'][0]: point['y'][0] for point in points}
    assert height[14] < height[13] < height[12]


def test_posetrack17s_renamed_frames(tmp_path):
    root = write_official_set(
        tmp_path, 'posetrack17', dict(train=1), SMALL, naming='renamed')
    folder = root / 'images_renamed/bonn_5sec/000000_mpii'
    assert sorted(p.name for p in folder.iterdir()) == [
        f'{n:08d}.jpg' for n in (1, 2, 3, 4)
    ]
    assert not (root / 'images').exists()
    other = write_official_set(tmp_path / 'b', 'posetrack17', dict(train=1),
                               SMALL)
    annotation = 'annotations/train/000000_mpii_relpath_5sec_trainsub.json'
    assert (root / annotation).read_text() == (other / annotation).read_text()


def test_posetrack21s_box_only_frames(tmp_path):
    settings = ClipSettings(width=96, height=72, frames=8, label_margin=1)
    root = write_official_set(tmp_path, 'posetrack21', dict(train=1), settings)
    content = json.loads(
        (root / 'posetrack_data/train/000000_mpii_train.json').read_text())
    assert [i['is_labeled'] for i in content['images']
            ] == [False, True, True, False, True, True, False, False]
    for image in content['images']:
        persons = [
            a for a in content['annotations'] if a['image_id'] == image['id']
        ]
        assert image['has_labeled_person'] == bool(persons)
        if persons and not image['is_labeled']:
            assert not any(any(a['keypoints']) for a in persons)
    assert any(any(a['keypoints']) for a in content['annotations'])
    persons = {a['person_id']: a['track_id'] for a in content['annotations']}
    assert len(persons) == len(set(persons.values()))
    assert content['images'][2]['id'] == 10**10 + 2


def test_hieves_videos_and_labels(tmp_path):
    root = write_official_set(
        tmp_path, 'hieve', dict(train=1, test=2), SMALL, labels='both')
    assert names(root) == sorted([
        'generated.json', 'videos/train/1.mp4', 'videos/test/20.mp4',
        'videos/test/21.mp4', 'labels/train/track2&3/1.json',
        *(f'labels/train/all-track/1/{n:06d}.xml' for n in range(4))
    ])
    video = open_frames(root / 'videos/test/21.mp4')
    assert len(video) == 4 and video.size == (96, 72)
    content = json.loads((root / 'labels/train/track2&3/1.json').read_text())
    assert [f['image'][0]['name'] for f in content['annolist']
            ] == [f'{n:06d}.jpg' for n in range(4)]
    rects = [r for f in content['annolist'] for r in f['annorect']]
    items = [
        item for n in range(4) for item in ElementTree.parse(
            root / f'labels/train/all-track/1/{n:06d}.xml').iter('object')
    ]
    assert len(rects) == len(items) > 3
    for rect, item in zip(rects, items):
        assert item.find('name').text == f'P-{rect["track_id"][0]}'
        box = item.find('bndbox')
        assert len(box) == 4 + 14
        assert int(box.find('ymax').text) == round(rect['y2'][0])
        points = {
            p['id'][0]: (p['x'][0], p['y'][0])
            for p in rect['annopoints'][0]['point']
        }
        assert set(points) <= set(range(14))
        for number, tag in ((0, 'Nose'), (1, 'Chest'), (5, 'Left-shoulder'),
                            (10, 'Right-ankle')):
            x, y, flag = map(int, box.find(tag).text.split(','))
            assert (flag == -1) == (number not in points)
            if number in points:
                assert flag in (0, 1)
                np.testing.assert_allclose((x, y), points[number], atol=0.501)
        if {1, 2, 5} <= set(points):  # the chest is between the shoulders
            middle = np.add(points[2], points[5]) / 2
            width = np.hypot(*np.subtract(points[2], points[5]))
            assert np.hypot(*(middle - points[1])) < max(4, width)


def test_tiny_is_small_and_quick():
    assert TINY.width * TINY.height <= 160 * 120 and TINY.frames <= 7
    assert sum(map(TINY.labelled, range(TINY.frames))) == 3


@pytest.mark.parametrize('arguments, message', [
    (dict(format='coco'), "unknown format 'coco'"),
    (dict(format='hieve', videos=dict(val=1)), "unknown splits .*'val'"),
    (dict(format='posetrack21', videos=dict(train=-1)), 'videos'),
    (dict(format='posetrack21', seed=-1), 'seed'),
    (dict(format='posetrack21', workers=0), 'workers'),
    (dict(format='posetrack21', labels='xml'), 'posetrack21 has no labels'),
    (dict(naming='renamed'), 'posetrack18 has no naming'),
    (dict(format='hieve', labels='csv'), "labels is 'csv'"),
])
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_official_set(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name, options, expected', [
    ('posetrack17', ('--naming', 'renamed'), 'images_renamed/bonn_5sec'),
    ('posetrack18', (), 'annotations/train/000000_synthetic_train.json'),
    ('posetrack21', (), 'posetrack_data/val/500000_mpii_test.json'),
    ('hieve', ('--labels', 'xml'), 'labels/train/all-track/1'),
])
def test_command_line(tmp_path, repository, monkeypatch, capsys, name, options,
                      expected):

    def run(*arguments):
        monkeypatch.setattr('sys.argv', ['generate_clips.py', *arguments])
        runpy.run_path(
            str(repository / 'projects/synthetic/generate_clips.py'),
            run_name='__main__')

    run(str(tmp_path), '--format', name, '--tiny', *options, '--frames', '5')
    assert str(tmp_path) in capsys.readouterr().out
    assert (tmp_path / expected).exists()
    settings = json.loads((tmp_path / 'generated.json').read_text())
    assert settings['settings']['width'] == TINY.width
    assert settings['settings']['frames'] == 5
    assert list(settings['videos'].values()) == [1, 1]
    with pytest.raises(SystemExit, match='error: .*generated otherwise'):
        run(str(tmp_path), '--format', name, '--tiny', *options)
    wrong = '--labels' if name != 'hieve' else '--naming'
    value = 'xml' if name != 'hieve' else 'renamed'
    shutil.rmtree(tmp_path)
    with pytest.raises(SystemExit, match='has no'):
        run(str(tmp_path), '--format', name, '--tiny', wrong, value)


def test_images_are_the_generators(tmp_path):
    one = write_official_set(tmp_path / 'a', 'posetrack17', dict(val=1), SMALL)
    other = write_official_set(tmp_path / 'b', 'posetrack18', dict(val=1),
                               SMALL)
    first = one / 'images/bonn_5sec/500000_mpii/0057_crop.jpg'
    same = other / 'images/val/500000_synthetic_val/000000.jpg'
    assert first.read_bytes() == same.read_bytes()
    assert cv2.imread(str(first)).shape == (72, 96, 3)
