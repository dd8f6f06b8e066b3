"""PoseTrack18's format: ids, boxes, writing, converting and merging."""
import json

import numpy as np
import pytest
from PIL import Image
from xtcocotools.coco import COCO

import mmpose_tdmi
# yapf: disable
from mmpose_tdmi.datasets.converters import (KEYPOINT_NAMES, NUM_KEYPOINTS,
                                             box_from_keypoints,
                                             convert_posetrack18,
                                             format_video_id,
                                             make_annotation_id, make_image_id,
                                             merge_annotations,
                                             person_category, split_image_id,
                                             write_video_annotation)

# yapf: enable


def make_video(root, sequence=7, frames=3, size=(40, 30), **image_changes):
    """A video of ``frames`` images, the middle one labelled."""
    images, annotations = [], []
    for frame in range(frames):
        file_name = f'images/val/{sequence:06d}_x/{frame:06d}.jpg'
        path = root / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(path)
        image_id = make_image_id(1, sequence, frame)
        labelled = frame == frames // 2
        images.append(
            dict(
                id=image_id,
                frame_id=image_id,
                vid_id=format_video_id(sequence),
                file_name=file_name,
                nframes=frames,
                is_labeled=labelled,
                ignore_regions_x=[[1, 2, 3]] if labelled else [],
                ignore_regions_y=[[4, 5, 4]] if labelled else [],
                **image_changes))
        if labelled:
            keypoints = np.zeros((NUM_KEYPOINTS, 3))
            keypoints[0], keypoints[5] = (10, 12, 1), (20, 22, 1)
            annotations.append(
                dict(
                    id=make_annotation_id(image_id, 0),
                    image_id=image_id,
                    category_id=1,
                    track_id=3,
                    bbox=[8, 10, 14, 14],
                    bbox_head=[9, 9, 4, 5],
                    keypoints=keypoints.ravel().tolist()))
    path = root / 'annotations' / 'val' / f'{sequence:06d}_x.json'
    write_video_annotation(path, images, annotations)
    return path


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_ids_are_decimal_fields():
    assert make_image_id(1, 3418, 0) == 10034180000
    assert make_annotation_id(10128340000, 10) == 1012834000010
    assert split_image_id(make_image_id(2, 123456, 789)) == (2, 123456, 789)
    assert format_video_id(3418) == '003418'
    for bad in ((0, 1, 1), (1, 10**6, 1), (1, 1, 10**4)):
        with pytest.raises(ValueError, match='must be in'):
            make_image_id(*bad)
    with pytest.raises(ValueError, match='number'):
        make_annotation_id(1, 100)


def test_merge_keeps_fields_and_reads_sizes(tmp_path):
    files = [
        make_video(tmp_path, 7, size=(40, 30)),
        make_video(tmp_path, 8, size=(64, 48))
    ]
    out = tmp_path / 'merged.json'
    merged = merge_annotations(files, tmp_path, out)
    assert json.loads(out.read_text()) == merged
    assert [(i['width'], i['height'])
            for i in merged['images']] == [(40, 30)] * 3 + [(64, 48)] * 3
    assert [i['is_labeled'] for i in merged['images']] == [0, 1, 0] * 2
    assert merged['images'][1]['ignore_regions_y'] == [[4, 5, 4]]
    assert all(i['nframes'] == 3 for i in merged['images'])
    assert [a['track_id'] for a in merged['annotations']] == [3, 3]
    assert merged['annotations'][0]['bbox_head'] == [9, 9, 4, 5]
    coco = COCO(str(out))
    assert coco.loadCats(1)[0]['keypoints'] == list(KEYPOINT_NAMES)
    assert len(coco.getAnnIds(imgIds=[merged['images'][1]['id']])) == 1


def test_merge_makes_ids_unique_and_derives_boxes(tmp_path):
    files = [make_video(tmp_path, 7), make_video(tmp_path, 8)]
    taken = json.loads(files[0].read_text())['annotations'][0]['id']

    def edit(content):
        content['annotations'][0]['id'] = taken
        del content['annotations'][0]['bbox']

    change(files[1], edit)
    first, second = merge_annotations(files, tmp_path)['annotations']
    assert first['id'] == taken and second['id'] > taken
    np.testing.assert_allclose(second['bbox'], [8.5, 10.5, 13, 13])


@pytest.mark.parametrize('edit, message', [
    (lambda c: c['images'][1].pop('nframes'), r'images\[1\].nframes'),
    (lambda c: c['images'][0].update(is_labeled=1), r'images\[0\].is_labeled'),
    (lambda c: c.pop('annotations'), 'annotations is missing'),
    (lambda c: c['annotations'][0].pop('track_id'),
     r'annotations\[0\].track_id'),
    (lambda c: c['annotations'][0].update(keypoints=[0] * 45),
     'keypoints has 45 numbers, expected 51'),
    (lambda c: c['annotations'][0].update(image_id=5), 'image_id 5'),
    (lambda c: c['annotations'][0].update(bbox=[1, 2]), 'bbox'),
    (lambda c: c['images'].append(c['images'][0]), 'already used'),
    (lambda c: c['categories'][0].update(keypoints=['nose']),
     r'categories\[0\].keypoints'),
])
def test_merge_names_file_and_field(tmp_path, edit, message):
    path = make_video(tmp_path)
    change(path, edit)
    with pytest.raises(ValueError, match=message) as caught:
        merge_annotations([path], tmp_path, tmp_path / 'out.json')
    assert path.name in str(caught.value)
    assert not (tmp_path / 'out.json').exists()


def test_merge_reports_missing_and_broken_images(tmp_path):
    path = make_video(tmp_path)
    image = tmp_path / 'images/val/000007_x/000002.jpg'
    image.write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'images\[2\].file_name'):
        merge_annotations([path], tmp_path)
    image.unlink()
    with pytest.raises(FileNotFoundError, match='000002.jpg'):
        merge_annotations([path], tmp_path)
    path.write_text('{')
    with pytest.raises(ValueError, match='not valid json'):
        merge_annotations([path], tmp_path)
    with pytest.raises(ValueError, match='no per-video'):
        merge_annotations([], tmp_path)


@pytest.mark.parametrize('split', ['train', 'val'])
def test_convert_keeps_what_the_official_files_say(pristine_sets, tmp_path,
                                                   load, split):
    root = pristine_sets('posetrack18')
    result = convert_posetrack18(root, split, tmp_path)
    content = load(result.path)
    official, = ((path.stem, load(path))
                 for path in (root / f'annotations/{split}').glob('*.json'))
    assert content['info'] == dict(
        dataset='posetrack18',
        split=split,
        version=1,
        generator=f'mmpose_tdmi {mmpose_tdmi.__version__}')
    assert content['categories'] == [person_category()]
    assert len(content['images']) == len(official[1]['images']) == 7
    for number, (ours, theirs) in enumerate(
            zip(content['images'], official[1]['images'])):
        own = dict(width=160, height=120, frame_id=number)
        assert ours == {**theirs, **own}
    assert len(content['annotations']) == len(official[1]['annotations']) > 5
    for ours, theirs in zip(content['annotations'],
                            official[1]['annotations']):
        area = theirs['bbox'][2] * theirs['bbox'][3]
        assert ours == {**theirs, 'area': area, 'iscrowd': 0}
    video, = content['videos']
    assert video['name'] == official[0]
    assert video['id'] == official[1]['images'][0]['vid_id']
    assert video['frame_ids'] == list(range(7))
    assert video['file_names'] == [i['file_name'] for i in content['images']]
    COCO(str(result.path))


def test_frames_that_no_file_lists_are_neighbours(official_set, load,
                                                  edit_json):
    root = official_set('posetrack18')
    path, = (root / 'annotations/val').glob('*.json')

    def only_labelled(content):
        content['images'] = [i for i in content['images'] if i['is_labeled']]

    edit_json(path, only_labelled)
    content = load(convert_posetrack18(root).path)
    assert len(content['images']) == 3
    assert content['videos'][0]['frame_ids'] == list(range(7))


def test_the_test_split_needs_no_annotations(official_set, edit_json):
    root = official_set('posetrack18')
    (root / 'annotations/val').rename(root / 'annotations/test')
    path, = (root / 'annotations/test').glob('*.json')
    edit_json(path, lambda content: content.pop('annotations'))
    counts = convert_posetrack18(root, 'test').counts
    assert counts['frames'] == 7 and counts['persons'] == 0
    (root / 'annotations/test').rename(root / 'annotations/val')
    with pytest.raises(ValueError, match='annotations is missing'):
        convert_posetrack18(root, 'val')


@pytest.mark.parametrize('change, message', [
    (lambda c: c['images'][1].update(file_name='images/val/other/000001.jpg'),
     r'images\[1\].file_name: no image at'),
    (lambda c: c['images'][1].update(vid_id='000009'),
     r"images\[1\] is of video '000009'"),
    (lambda c: c['images'][1].update(file_name='../000001.jpg'),
     r'images\[1\].file_name is .*, expected a path inside'),
    (lambda c: c['images'][1].update(file_name='images/a.jpg'),
     "'a.jpg' is not named as a frame"),
    (lambda c: c['images'][2].update(width=100),
     r'images\[2\].width is 100, expected 160'),
    (lambda c: c['images'][2].update(
        ignore_regions_x=[[1, 2]], ignore_regions_y=[[1]]),
     r'images\[2\].ignore_regions_x has polygons of \[2\]'),
    (lambda c: c['images'][3].update(id=c['images'][2]['id']),
     r'images\[3\].id \d+ is already used'),
    (lambda c: c['annotations'][1].update(image_id=3), 'image_id 3 is not'),
    (lambda c: c['annotations'][1]['keypoints'].__setitem__(4, None),
     r'annotations\[1\].keypoints\[4\] is None'),
    (lambda c: c['annotations'][1].update(bbox=[1, 2, 3]),
     'bbox has 3 numbers, expected 4'),
    (lambda c: c['annotations'][1].update(category_id=2),
     'category_id is 2, expected 1'),
    (lambda c: c.update(images=[]), 'images is an empty list'),
])
def test_mistakes_are_named(official_set, edit_json, change, message):
    root = official_set('posetrack18')
    path, = (root / 'annotations/val').glob('*.json')
    edit_json(path, change)
    with pytest.raises((ValueError, FileNotFoundError),
                       match=message) as caught:
        convert_posetrack18(root)
    assert path.name in str(caught.value)
    assert not (root / 'annotations/posetrack18_val.json').exists()


def test_real_files_convert(shared_clips, tmp_path, load):
    root = shared_clips / 'posetrack18'
    result = convert_posetrack18(root, 'val', tmp_path)
    assert result.counts == dict(
        videos=3,
        frames=3,
        labelled_frames=3,
        persons=14,
        joints=182,
        boxes_without_pose=0)
    known = load(root / 'annotations/test_posetrack18_val.json')
    keypoints = {a['id']: a['keypoints'] for a in known['annotations']}
    content = load(result.path)
    assert {
        a['id']: a['keypoints']
        for a in content['annotations']
    } == keypoints
    assert [v['name'] for v in content['videos']
            ] == ['003418_mpii_test', '009473_mpii_test', '012834_mpii_test']


def test_real_files_merge_to_the_known_result(shared_clips):
    root = shared_clips / 'posetrack18'
    merged = merge_annotations(
        sorted((root / 'annotations/val').glob('*.json')), root)
    known = json.loads(
        (root / 'annotations/test_posetrack18_val.json').read_text())
    assert known['categories'] == [person_category()]
    for annotation in merged['annotations']:
        width, height = annotation['bbox'][2:]
        assert annotation.pop('area') == width * height  # ours alone
    for field in ('images', 'annotations'):
        ours = {record['id']: record for record in merged[field]}
        assert ours == {record['id']: record for record in known[field]}
    for image in merged['images']:
        assert format_video_id(split_image_id(
            image['id'])[1]) == image['vid_id']


def test_real_boxes_follow_the_rule(shared_clips):
    path = shared_clips / 'posetrack18/annotations/test_posetrack18_val.json'
    for annotation in json.loads(path.read_text())['annotations']:
        np.testing.assert_allclose(
            box_from_keypoints(annotation['keypoints']),
            annotation['bbox'],
            atol=0.02)


@pytest.mark.parametrize('name, frames', [('drink', 103), ('push', 72)])
def test_real_motion_files_merge(shared_clips, tmp_path, name, frames):
    path = shared_clips / 'real_motion/annotations' / f'{name}.json'
    content = json.loads(path.read_text())
    for image in content['images']:  # headers are enough
        file = tmp_path / image['file_name']
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new('L', (32, 18)).save(file)
    merged = merge_annotations([path], tmp_path)
    assert len(merged['images']) == frames
    assert len({a['id']
                for a in merged['annotations']}) == len(content['annotations'])
    assert merged['images'][0]['width'] == 32
