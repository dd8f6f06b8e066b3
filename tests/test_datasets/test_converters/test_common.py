"""What the converters share: layouts, boxes, frames, splits, counts."""
import hashlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from projects.synthetic.official.writing import write_official_set
from projects.synthetic.settings import ClipSettings

from mmpose_tdmi.datasets.converters import (  # isort: skip
    HIEVE_KEYPOINT_NAMES, KEYPOINT_NAMES, box_from_keypoints, convert_hieve,
    convert_posetrack17, convert_posetrack18, convert_posetrack21,
    person_category)
from mmpose_tdmi.datasets.converters.common import (  # isort: skip
    COUNTS, HIEVE_SKELETON, POSETRACK17_POINTS, count_joints, frame_number,
    image_size, list_frames, make_annotation_ids_unique)
from mmpose_tdmi.tooling import (  # isort: skip
    PAPER_FIGURES, compare_with_paper, describe)

SMALL = ClipSettings(width=64, height=64, frames=3, label_margin=0, crowd=0.2)
CONVERTERS = dict(
    posetrack17=convert_posetrack17,
    posetrack18=convert_posetrack18,
    posetrack21=convert_posetrack21,
    hieve=convert_hieve)


def digests(root):
    return {
        str(path.relative_to(root)):
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*')) if path.is_file()
    }


@pytest.fixture(scope='module')
def three_videos(tmp_path_factory):
    return {
        name:
        write_official_set(
            tmp_path_factory.mktemp(name), name, dict(train=3), SMALL)
        for name in CONVERTERS
    }


@pytest.fixture
def posetrack18(three_videos, tmp_path):
    return shutil.copytree(three_videos['posetrack18'], tmp_path / 'set')


@pytest.mark.parametrize('name', CONVERTERS)
def test_a_second_run_changes_no_byte(three_videos, name, tmp_path):
    root, convert = three_videos[name], CONVERTERS[name]
    first = convert(root, 'train', tmp_path / 'a')
    assert first.written and first.path == tmp_path / f'a/{name}_train.json'
    before, stamp = digests(root), first.path.stat().st_mtime_ns
    assert first.counts['videos'] == 3 and first.counts['frames'] == 9
    again = convert(root, 'train', tmp_path / 'a')
    assert again == (first.path, first.counts, False)
    assert first.path.stat().st_mtime_ns == stamp
    other = convert(root, 'train', tmp_path / 'b', workers=2)
    assert other.path.read_bytes() == first.path.read_bytes()
    assert digests(root) == before


def test_whatever_changes_is_converted_anew(posetrack18):
    annotation = sorted((posetrack18 / 'annotations/train').iterdir())[1]
    frames = posetrack18 / 'images/train' / annotation.stem

    def written():
        return convert_posetrack18(posetrack18, 'train').written

    assert written() and not written()
    annotation.write_text(annotation.read_text() + ' ')
    assert written() and not written()
    shutil.copy(frames / '000002.jpg', frames / '000003.jpg')
    assert written() and not written()
    annotation.unlink()
    assert written() and not written()
    result = posetrack18 / 'annotations/posetrack18_train.json'
    assert len(json.loads(result.read_text())['videos']) == 2
    result.unlink()
    assert written() and not written()


@pytest.mark.parametrize('name', ['json', 'sources.json'])
def test_what_somebody_changed_is_kept(posetrack18, name):
    convert_posetrack18(posetrack18, 'train')
    path = posetrack18 / f'annotations/posetrack18_train.{name}'
    path.write_text('{')
    with pytest.raises(ValueError, match=f'{name} is there and .* changed'):
        convert_posetrack18(posetrack18, 'train')
    assert path.read_text() == '{'


def test_a_failure_leaves_what_was_there(posetrack18, edit_json):
    first = convert_posetrack18(posetrack18, 'train')
    before = first.path.read_bytes()
    annotation = sorted((posetrack18 / 'annotations/train').iterdir())[2]
    edit_json(annotation, lambda c: c['images'][0].pop('id'))
    with pytest.raises(ValueError, match=r'images\[0\].id is missing'):
        convert_posetrack18(posetrack18, 'train', workers=2)
    assert first.path.read_bytes() == before


def test_images_of_two_videos_must_differ(posetrack18, edit_json):
    first, second, _ = sorted((posetrack18 / 'annotations/train').iterdir())
    shutil.copy(first, first.with_name('000009_copy.json'))
    with pytest.raises(
            ValueError,
            match='000009_copy.json: .*id .* is already used in '
            f'.*{first.name}'):
        convert_posetrack18(posetrack18, 'train')


def test_videos_that_share_an_id_go_by_their_names(posetrack18, edit_json):
    files = sorted((posetrack18 / 'annotations/train').iterdir())

    def change(content):
        for image in content['images']:
            image['vid_id'] = '000000'

    edit_json(files[1], change)
    content = json.loads(
        convert_posetrack18(posetrack18, 'train').path.read_text())
    assert [video['id'] for video in content['videos']
            ] == [files[0].stem, files[1].stem, '000002']
    by_file = {
        name: video['id']
        for video in content['videos']
        for name in video['file_names']
    }
    for image in content['images']:
        assert image['vid_id'] == by_file[image['file_name']]


def test_annotation_ids_become_unique():
    annotations = [dict(id=5), dict(id=5), dict(), dict(id=3), dict(id=None)]
    make_annotation_ids_unique(annotations)
    assert [a['id'] for a in annotations] == [5, 6, 7, 3, 8]


def test_the_result_stays_apart_from_the_official_files(posetrack18):
    with pytest.raises(ValueError, match='holds the official files'):
        convert_posetrack18(posetrack18, 'train',
                            posetrack18 / 'annotations/train')
    with pytest.raises(FileNotFoundError, match='no folder'):
        convert_posetrack18(posetrack18 / 'none')
    with pytest.raises(ValueError, match="no split 'all'"):
        convert_posetrack18(posetrack18, 'all')
    with pytest.raises(FileNotFoundError, match='no json files of videos'):
        convert_posetrack18(posetrack18, 'val')


def test_the_official_orders():
    assert POSETRACK17_POINTS[0] == 'right_ankle'
    assert POSETRACK17_POINTS[8:10] == ('right_shoulder', 'left_shoulder')
    assert POSETRACK17_POINTS[12:] == ('head_bottom', 'nose', 'head_top')
    assert set(
        POSETRACK17_POINTS) == set(KEYPOINT_NAMES) - {'left_ear', 'right_ear'}
    assert HIEVE_KEYPOINT_NAMES[:3] == ('nose', 'chest', 'right_shoulder')
    assert HIEVE_KEYPOINT_NAMES[10] == 'right_ankle'
    assert HIEVE_KEYPOINT_NAMES[13] == 'left_ankle'
    assert len(HIEVE_KEYPOINT_NAMES) == 14
    assert {n for limb in HIEVE_SKELETON for n in limb} == set(range(1, 15))
    category = person_category(HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON)
    assert category['keypoints'] == list(HIEVE_KEYPOINT_NAMES)
    assert person_category()['keypoints'] == list(KEYPOINT_NAMES)


def test_box_is_the_labelled_joints_widened():
    keypoints = np.zeros((17, 3))
    keypoints[[1, 9]] = (100, 50, 1), (200, 90, 1)
    np.testing.assert_allclose(
        box_from_keypoints(keypoints.ravel()), [85, 44, 130, 52])
    np.testing.assert_allclose(
        box_from_keypoints(keypoints.ravel(), [0, 0, 9, 9]), [85, 44, 130, 52])
    with pytest.raises(ValueError, match='without labelled joints'):
        box_from_keypoints(np.zeros(51))


def test_a_box_without_area_takes_in_the_head():
    keypoints = np.zeros((17, 3))
    keypoints[0] = 30, 20, 1
    assert box_from_keypoints(keypoints.ravel(),
                              [10, 12, 8, 6]) == [10, 12, 20, 8]


def test_joints_are_absent_only_if_all_is_zero():
    assert count_joints([0, 0, 0, 0, 0, 1, 0, -2, 0, 5, 5, 1]) == 3


@pytest.mark.parametrize('name, number', [('00000012.jpg', 12),
                                          ('0012_crop.jpg', 12), ('0.PNG', 0),
                                          ('7_a_b.jpeg', 7)])
def test_numbers_of_names(name, number):
    assert frame_number(name, 'here') == number


@pytest.mark.parametrize('name', [
    'a.jpg', '12.txt', '12', '-1.jpg', '12a.jpg', '.jpg', '²1.jpg',
    '1' * 30 + '.jpg'
])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match='^here: .* not named as a frame'):
        frame_number(name, 'here')


def test_frames_ascend_and_other_files_are_passed_over(tmp_path):
    folder = tmp_path / 'video'
    folder.mkdir()
    for name in ('10.jpg', '9.jpg', '0011_crop.jpg', 'Thumbs.db', 'a.jpg'):
        (folder / name).write_bytes(b'')
    assert list(list_frames(tmp_path, 'video',
                            []).items()) == [(9, 'video/9.jpg'),
                                             (10, 'video/10.jpg'),
                                             (11, 'video/0011_crop.jpg')]
    (folder / '0011.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match='0011.jpg and 0011_crop.jpg have'):
        list_frames(tmp_path, 'video', [])
    found = list_frames(tmp_path, 'video', ['x/0011_crop.jpg'])
    assert found[11] == 'video/0011_crop.jpg'
    with pytest.raises(FileNotFoundError, match='nowhere'):
        list_frames(tmp_path, 'nowhere', [])


def test_sizes(tmp_path):
    path = tmp_path / 'image.jpg'
    Image.new('RGB', (40, 30)).save(path)
    assert image_size(path, 'here') == (40, 30)
    path.write_bytes(path.read_bytes()[:2])
    with pytest.raises(ValueError, match='here: .* not a readable image'):
        image_size(path, 'here')
    with pytest.raises(FileNotFoundError, match='here: no image'):
        image_size(tmp_path / 'none.jpg', 'here')


def counts(videos, persons):
    return dict.fromkeys(COUNTS, 0) | dict(videos=videos, persons=persons)


def test_the_papers_figures():
    assert PAPER_FIGURES['posetrack17'] == dict(
        videos=dict(train=250, val=50), persons=80144)
    assert PAPER_FIGURES['posetrack18']['persons'] == 153615
    assert PAPER_FIGURES['posetrack21']['persons'] == 177164
    assert PAPER_FIGURES['posetrack21']['videos'] == dict(train=593, val=170)
    assert PAPER_FIGURES['hieve'] == dict(
        videos=dict(train=19, test=13), persons=1099357)


def test_whole_sets_are_compared():
    lines = compare_with_paper(
        'posetrack17',
        dict(
            train=counts(250, 60000),
            val=counts(50, 20144),
            test=counts(214, 9)))
    assert lines == [
        'train: 250 videos, 250 in the paper: equal',
        'val: 50 videos, 50 in the paper: equal',
        '80,144 pose annotations, 80,144 in the paper: equal'
    ]
    lines = compare_with_paper(
        'posetrack18', dict(train=counts(593, 1), val=counts(170, 153000)))
    assert lines[2].endswith('differs by -614')


def test_parts_are_not():
    lines = compare_with_paper('posetrack18', dict(val=counts(170, 30000)))
    assert [line.split(': ')[-1] for line in lines] == [
        'not converted, not checked', 'equal', 'partial set, not checked'
    ]
    lines = compare_with_paper('posetrack18',
                               dict(train=counts(594, 1), val=counts(3, 1)))
    assert [line.split(': ')[-1] for line in lines] == [
        'differs by +1', 'partial set, not checked', 'partial set, not checked'
    ]


def test_hieves_test_labels_are_not_public():
    lines = compare_with_paper(
        'hieve', dict(train=counts(19, 600000), test=counts(13, 0)))
    assert 'not public' in lines[2]


def test_the_table_is_aligned():
    lines = describe(dict(train=counts(593, 123456),
                          val=counts(1, 2))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert 'labelled frames' in lines[0] and '123,456' in lines[1]
