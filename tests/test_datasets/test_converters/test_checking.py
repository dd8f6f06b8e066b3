"""Checks of converted files: nothing to say of sound ones, else a line."""
import re
import shutil

import pytest

from mmpose_tdmi.datasets.converters import (convert_hieve,
                                             convert_posetrack17,
                                             convert_posetrack18,
                                             convert_posetrack21)
from mmpose_tdmi.datasets.converters.checking import check_converted

CONVERTERS = dict(
    posetrack17=convert_posetrack17,
    posetrack18=convert_posetrack18,
    posetrack21=convert_posetrack21,
    hieve=convert_hieve)


@pytest.fixture
def converted(official_set):
    """``converted(format)``: root and converted training split."""

    def get(name):
        root = official_set(name)
        return root, CONVERTERS[name](root, 'train').path

    return get


@pytest.mark.parametrize('name', CONVERTERS)
@pytest.mark.parametrize('quick', [False, True])
def test_sound_files_have_no_problems(converted, name, quick):
    root, path = converted(name)
    report = check_converted(path, root, quick, workers=2)
    assert report.problems == [] and report.warnings == []
    assert report.counts['videos'] == 1 and report.counts['frames'] == 7
    assert report.counts['annotations'] > 5 and report.counts['joints'] > 50
    assert '0 problems' in report.summary()


@pytest.mark.parametrize('change, message', [
    (lambda c: c['images'][1].update(id=c['images'][0]['id']),
     r'images\[1\].id is \d+, expected an id that no other image has'),
    (lambda c: c['images'][2].update(vid_id='x'),
     r"images\[2\].vid_id is 'x', expected the id of one of the videos"),
    (lambda c: c['images'][2].update(frame_id=5),
     r'images\[2\].file_name is .*, expected the file of frame 5 of video'),
    (lambda c: c['images'][2].update(frame_id=99), 'of frame 99 .*None'),
    (lambda c: c['images'][2].update(width=161), r'size \(160, 120\), but'),
    (lambda c: c['images'][2].pop('is_labeled'), 'is_labeled is missing'),
    (lambda c: [i.update(nframes=9) for i in c['images']],
     r'images\[0\]: nframes is 9, but only 7 frames of the video exist'),
    (lambda c: c['images'][2].update(ignore_regions_x=[[1]]),
     r'images\[2\].ignore_regions_x has polygons'),
    (lambda c: c['images'][2].update(file_name=c['images'][1]['file_name']),
     r'images\[2\]: file_name .* is also that of images\[1\]'),
    (lambda c: c['annotations'][3].update(id=c['annotations'][0]['id']),
     r'annotations\[3\]: id \d+ is also that of annotations\[0\]'),
    (lambda c: c['annotations'][3].update(image_id=7),
     'image_id is 7, expected the id of one of the images'),
    (lambda c: c['annotations'][1].update(track_id=c['annotations'][0][
        'track_id']), r'annotations\[1\].track_id \d+ occurs twice in image'),
    (lambda c: c['annotations'][1].update(category_id=3), 'category_id is 3'),
    (lambda c: c['annotations'][1].update(bbox=[200, 10, 5, 5], area=25),
     'bbox is .*, wholly outside the image'),
    (lambda c: c['annotations'][1].update(bbox=[20, 10, 0, 5], area=0),
     'bbox is .*, expected a width and a height above 0'),
    (lambda c: c['annotations'][1].update(area=1), 'area is 1, expected'),
    (lambda c: c['annotations'][1].update(area=None), 'area is None'),
    (lambda c: c['annotations'][1].pop('bbox'), 'bbox is missing'),
    (lambda c: c['annotations'][1].update(bbox_head=[1, 2, -3, 4]),
     'bbox_head is .*, expected a width and a height above 0'),
    (lambda c: c['annotations'][1].pop('bbox_head'), 'bbox_head is missing'),
    (lambda c: c['annotations'][1]['keypoints'].pop(),
     'keypoints has 50 numbers, expected 51'),
    (lambda c: c['annotations'][1]['keypoints'].__setitem__(0, None),
     r'keypoints\[0\] is None'),
    (lambda c: c['annotations'][1].update(num_keypoints=2),
     'num_keypoints is 2, expected'),
    (lambda c: c['categories'][0]['keypoints'].reverse(),
     r'categories\[0\].keypoints is'),
    (lambda c: c.update(categories=[]), 'categories: is not one category'),
    (lambda c: c['videos'][0]['frame_ids'].reverse(), 'do not ascend'),
    (lambda c: c['videos'][0]['frame_ids'].pop(), 'has 7 file_names and 6'),
    (lambda c: (c['videos'][0]['frame_ids'].pop(3), c['videos'][0][
        'file_names'].pop(3), c['images'].pop(3)),
     r'images\[2\]: the frames \[3\] around frame 2 do not exist'),
])
def test_each_problem_is_a_line(converted, edit_json, change, message):
    root, path = converted('posetrack18')
    edit_json(path, change)
    report = check_converted(path, root, quick=True)
    problems = '\n'.join(report.problems)
    assert re.search(message, problems), problems
    assert all(line.startswith(f'{path}: ') for line in report.problems)


def test_frames_that_do_not_open(converted):
    root, path = converted('posetrack18')
    folder = next((root / 'images/train').iterdir())
    frame = folder / '000005.jpg'
    whole = frame.read_bytes()
    frame.write_bytes(whole[:len(whole) // 2])
    assert not check_converted(path, root, quick=True).problems
    problem, = check_converted(path, root).problems
    assert problem.startswith(f'{path}: videos[0].file_names[5]: ')
    assert 'cannot be opened' in problem
    frame.write_bytes(b'nothing')
    problem, = check_converted(path, root, quick=True).problems
    assert 'cannot be opened' in problem
    frame.unlink()
    problem, = check_converted(path, root, quick=True).problems
    assert 'there is no frame' in problem


def test_what_official_data_have_is_a_warning(converted, edit_json):
    root, path = converted('posetrack17')

    def change(content):
        content['annotations'][0].update(bbox=[-15, 0, 20, 10], area=200)
        for number, table in (('frame_ids', 5), ('file_names', 5)):
            content['videos'][0][number].pop(table)
        content['images'].pop(5)
        content['images'][2]['is_labeled'] = False

    edit_json(path, change)
    report = check_converted(path, root, quick=True)
    text = '\n'.join(report.warnings)
    assert '75 % of the box is outside the image' in text
    assert 'the frames [62] around frame 60 do not exist' in text
    assert 'has joints, but its image is not labelled' in text
    assert [p for p in report.problems if 'nframes' not in p] == []


def test_what_is_no_converted_file_is_an_error(converted, edit_json):
    root, path = converted('posetrack18')
    with pytest.raises(FileNotFoundError, match='no folder'):
        check_converted(path, root / 'none')
    with pytest.raises(ValueError, match='delta'):
        check_converted(path, root, delta=-1)
    edit_json(path, lambda c: c['info'].update(dataset='coco'))
    with pytest.raises(ValueError, match="info.dataset is 'coco'"):
        check_converted(path, root)
    edit_json(path, lambda c: c.pop('info'))
    with pytest.raises(ValueError, match='info is missing'):
        check_converted(path, root)


def test_fewer_neighbours_may_be_asked_for(converted, edit_json):
    root, path = converted('posetrack18')

    def change(content):
        content['images'] = [
            i for i in content['images'] if i['frame_id'] != 1
        ]
        for image in content['images']:
            image['nframes'] = 6
        content['videos'][0]['frame_ids'].pop(1)
        content['videos'][0]['file_names'].pop(1)

    edit_json(path, change)
    shutil.rmtree(root / 'images/val')
    for delta, number in ((0, 0), (1, 1), (2, 2)):
        report = check_converted(path, root, quick=True, delta=delta)
        assert len(report.problems) == number
