"""PoseTrack17: annolist, irregular names, ids."""
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmpose_tdmi.datasets.converters import (KEYPOINT_NAMES,
                                             convert_posetrack17,
                                             convert_posetrack18)
from mmpose_tdmi.datasets.converters.posetrack import video_numbers


def annotation(root, split='val'):
    return sorted((root / f'annotations/{split}').glob('*.json'))[0]


def joints(content):
    return np.array([a['keypoints']
                     for a in content['annotations']]).reshape(-1, 17, 3)


@pytest.mark.parametrize('naming', ['irregular', 'renamed'])
def test_the_same_clips_as_in_posetrack18(pristine_sets, tmp_path, load,
                                          naming):
    root = pristine_sets('posetrack17', naming=naming)
    ours = load(convert_posetrack17(root, 'val', tmp_path).path)
    other = pristine_sets('posetrack18')
    theirs = load(convert_posetrack18(other, 'val', tmp_path).path)
    assert ours['categories'] == theirs['categories']
    np.testing.assert_array_equal(
        joints(ours)[..., :2],
        joints(theirs)[..., :2])
    occluded = np.array([a['occluded'] for a in theirs['annotations']])
    present = joints(theirs)[..., 2] > 0
    np.testing.assert_array_equal(
        joints(ours)[..., 2], np.where(present, 2 - occluded, 0))
    for mine, official in zip(ours['annotations'], theirs['annotations']):
        assert mine['track_id'] == official['track_id']
        assert mine['num_keypoints'] == official['num_keypoints']
        np.testing.assert_allclose(
            mine['bbox_head'], official['bbox_head'], atol=2e-3)
        # those of the generated PoseTrack18 are clipped to the image
        low, size = np.split(np.array(mine['bbox']), 2)
        high = np.minimum(low + size, (160, 120))
        low = np.maximum(low, 0)
        np.testing.assert_allclose([*low, *(high - low)],
                                   official['bbox'],
                                   atol=2e-3)
    for mine, official in zip(ours['images'], theirs['images']):
        for field in ('is_labeled', 'nframes', 'width', 'height',
                      'ignore_regions_x', 'ignore_regions_y'):
            assert mine[field] == official[field]


def test_irregular_names_keep_their_numbers(pristine_sets, tmp_path, load):
    root = pristine_sets('posetrack17', naming='irregular')
    content = load(convert_posetrack17(root, 'val', tmp_path).path)
    folder = 'images/bonn_5sec/500000_mpii'
    assert content['videos'] == [
        dict(
            id='500000',
            name='500000_mpii_relpath_5sec_testsub',
            file_names=[f'{folder}/{57 + n:04d}_crop.jpg'
                        for n in range(3)] + [f'{folder}/00000060.jpg'] +
            [f'{folder}/{61 + n:04d}_crop.jpg' for n in range(3)],
            frame_ids=list(range(57, 64)))
    ]
    for image, number in zip(content['images'], range(57, 64)):
        assert image['id'] == (10**6 + 500000) * 10**4 + number
        assert image['frame_id'] == number
        assert image['original_file_name'] == image['file_name']
    for person in content['annotations']:
        assert person['id'] // 100 == person['image_id']


def test_renamed_frames_count_from_one(pristine_sets, tmp_path, load):
    root = pristine_sets('posetrack17', naming='renamed')
    content = load(convert_posetrack17(root, 'val', tmp_path).path)
    assert content['videos'][0]['frame_ids'] == list(range(1, 8))
    image = content['images'][3]
    assert image['frame_id'] == 4 and image['file_name'] == (
        'images_renamed/bonn_5sec/500000_mpii/00000004.jpg')
    assert image['original_file_name'] == (
        'images/bonn_5sec/500000_mpii/00000060.jpg')


def test_annolist_need_not_be_in_order(official_set, edit_json, load):
    root = official_set('posetrack17', naming='irregular')
    before = load(convert_posetrack17(root).path)
    edit_json(annotation(root), lambda c: c['annolist'].reverse())
    after = load(convert_posetrack17(root).path)
    assert after['videos'] == before['videos']
    assert sorted(map(str,
                      after['images'])) == sorted(map(str, before['images']))
    assert sorted(map(str, after['annotations'])) == sorted(
        map(str, before['annotations']))


def test_renamed_frames_that_cannot_be_paired(official_set, edit_json):
    root = official_set('posetrack17', naming='renamed')
    edit_json(annotation(root), lambda c: c['annolist'].pop(2))
    with pytest.raises(ValueError, match='cannot be paired'):
        convert_posetrack17(root)


def test_ids_follow_posetrack18s_rule():
    names = [
        '000044_mpii_relpath_5sec_testsub', '00044_mpii_step1_x',
        '000342_bonn_relpath', '7_mpiinew'
    ]
    assert video_numbers(names) == [1000044, 4000044, 2000342, 3000007]
    with pytest.raises(ValueError, match="name 'dance' tells no sequence"):
        video_numbers(['dance'])
    with pytest.raises(ValueError, match="name '12_other_x'"):
        video_numbers(['12_other_x'])
    with pytest.raises(ValueError, match='the fourth'):
        video_numbers(['1_mpii_a', '1_mpii_b', '1_mpii_c', '1_mpii_d'])


def test_namesakes_get_ids_of_their_own(official_set, load):
    root = official_set('posetrack17', naming='irregular')
    first = annotation(root)
    text = first.read_text()
    folder = root / 'images/bonn_5sec'
    shutil.copytree(folder / '500000_mpii', root / 'images/mpii_5sec/x')
    second = first.with_name('500000_mpii_step1_relpath_5sec_testsub.json')
    second.write_text(text.replace('bonn_5sec/500000_mpii', 'mpii_5sec/x'))
    content = load(convert_posetrack17(root).path)
    assert [v['id'] for v in content['videos']] == [first.stem, second.stem]
    assert len({i['id'] for i in content['images']}) == 14
    for image in content['images']:
        assert image['vid_id'] == {
            '500000_mpii': first.stem,
            'x': second.stem
        }[Path(image['file_name']).parent.name]


def test_persons_without_points_stay(official_set, edit_json, load):
    root = official_set('posetrack17', naming='irregular')

    def change(content):
        for person in content['annolist'][3]['annorect']:
            person['annopoints'] = []

    edit_json(annotation(root), change)
    result = convert_posetrack17(root)
    content = load(result.path)
    assert result.counts['boxes_without_pose'] > 0
    image = content['images'][3]['id']
    for person in content['annotations']:
        without = person['image_id'] == image
        assert without == (person['num_keypoints'] == 0)
        assert without == ('bbox' not in person)
        assert 'bbox_head' in person and len(person['keypoints']) == 51


def test_large_frame_numbers_make_ids_by_place(official_set, edit_json, load):
    root = official_set('posetrack17', naming='irregular')
    folder = root / 'images/bonn_5sec/500000_mpii'
    names = sorted(folder.iterdir(), key=lambda p: int(p.stem.split('_')[0]))
    for number, path in enumerate(names):
        path.rename(folder / f'{10**6 + number}.jpg')

    def change(content):
        for number, frame in enumerate(content['annolist']):
            frame['image'][0]['name'] = (
                f'images/bonn_5sec/500000_mpii/{10**6 + number}.jpg')

    edit_json(annotation(root), change)
    content = load(convert_posetrack17(root).path)
    assert [i['id'] % 10**4 for i in content['images']] == list(range(7))
    assert content['images'][0]['frame_id'] == 10**6


@pytest.mark.parametrize('change, message', [
    (lambda a: a[0]['image'][0].update(name='images/a/b.jpg'),
     r"annolist\[0\].image\[0\].name: 'b.jpg' is not named as a frame"),
    (lambda a: a[1]['image'][0].update(name='images/other/1.jpg'),
     r'annolist\[1\].image\[0\].name is .*, expected a file in'),
    (lambda a: a[1].update(image=a[0]['image']), 'frame number 57 occurs'),
    (lambda a: a[1]['image'][0].update(
        name='images/bonn_5sec/500000_mpii/0099.jpg'),
     r'annolist\[1\].image\[0\].name: there is no frame'),
    (lambda a: a[2].update(is_labeled=[2]), r'is_labeled\[0\] is 2'),
    (lambda a: a[2]['annorect'][0].pop('x2'), r'annorect\[0\].x2 is missing'),
    (lambda a: a[2]['annorect'][0].update(track_id=[1, 2]),
     r'annorect\[0\].track_id is a list of 2, expected a list of length'),
    (lambda a: a[2].update(ignore_regions=[dict(point=[dict(x=[1])])]),
     r'ignore_regions\[0\].point\[0\].y is missing'),
    (lambda a: a[2].update(
        ignore_regions=dict(point=[dict(x=[1], y=[10**7])])),
     r'annolist\[2\]: ignore_regions\[0\]\[1\]\[0\] is 10000000, expected'),
    (lambda a: a[2]['annorect'][0].update(x1=[2e6]), r'annorect\[0\]: x1 ...'),
    (lambda a: a.clear(), 'annolist is empty'),
    (lambda a: a[2].update(annorect=a[2]['annorect'] * 40), 'than 100 pers'),
])
def test_mistakes_are_named(official_set, edit_json, change, message):
    root = official_set('posetrack17', naming='irregular')
    path = annotation(root)
    edit_json(path, lambda content: change(content['annolist']))
    with pytest.raises((ValueError, FileNotFoundError),
                       match=message) as caught:
        convert_posetrack17(root)
    assert path.name in str(caught.value)


def test_missing_folders_are_named(official_set):
    root = official_set('posetrack17', naming='irregular')
    with pytest.raises(FileNotFoundError, match='annotations/test'):
        convert_posetrack17(root, 'test')
    shutil.rmtree(root / 'images')
    with pytest.raises(FileNotFoundError, match='images_renamed/bonn_5sec'):
        convert_posetrack17(root)
    path = annotation(root)
    path.rename(path.with_suffix('.mat'))
    with pytest.raises(FileNotFoundError, match='mat2json'):
        convert_posetrack17(root)


def test_the_ears_stay_empty(pristine_sets, tmp_path, load):
    content = load(
        convert_posetrack17(
            pristine_sets('posetrack17', naming='irregular'), 'train',
            tmp_path).path)
    for side in ('left', 'right'):
        assert not joints(content)[:,
                                   KEYPOINT_NAMES.index(f'{side}_ear')].any()
