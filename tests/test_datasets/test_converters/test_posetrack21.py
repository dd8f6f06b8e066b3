"""PoseTrack21: person ids, and persons with boxes only."""
import numpy as np
import pytest

from mmpose_tdmi.datasets.converters import (convert_posetrack18,
                                             convert_posetrack21)


def annotation(root):
    return next((root / 'posetrack_data/val').glob('*.json'))


def test_what_posetrack21_adds(pristine_sets, tmp_path, load):
    root = pristine_sets('posetrack21')
    result = convert_posetrack21(root, 'val', tmp_path)
    content = load(result.path)
    official = load(annotation(root))
    assert result.counts['boxes_without_pose'] > 0
    assert [i['has_labeled_person'] for i in content['images']
            ] == [i['has_labeled_person'] for i in official['images']]
    assert [i['is_labeled'] for i in content['images']
            ] == [False, False, True, True, False, False, False]
    assert content['images'][4]['has_labeled_person']
    assert [(a['id'], a['person_id'], a['track_id'], a['bbox'])
            for a in content['annotations']
            ] == [(a['id'], a['person_id'], a['track_id'], a['bbox'])
                  for a in official['annotations']]
    boxes_only = [
        a for a in content['annotations']
        if a['image_id'] == content['images'][4]['id']
    ]
    assert boxes_only
    for person in boxes_only:
        assert person['keypoints'] == [0] * 51
        assert person['num_keypoints'] == 0 and person['area'] > 0


def test_the_same_poses_as_in_posetrack18(pristine_sets, tmp_path, load):
    ours = load(
        convert_posetrack21(pristine_sets('posetrack21'), 'val',
                            tmp_path).path)
    theirs = load(
        convert_posetrack18(pristine_sets('posetrack18'), 'val',
                            tmp_path).path)
    for mine, other in zip(ours['annotations'], theirs['annotations']):
        if mine['num_keypoints']:
            np.testing.assert_array_equal(mine['keypoints'],
                                          other['keypoints'])


@pytest.mark.parametrize('keypoints', [[], None, 'missing'])
def test_boxes_without_keypoints_in_any_form(official_set, edit_json, load,
                                             keypoints):
    root = official_set('posetrack21')

    def change(content):
        if keypoints == 'missing':
            del content['annotations'][0]['keypoints']
        else:
            content['annotations'][0]['keypoints'] = keypoints

    edit_json(annotation(root), change)
    person = load(convert_posetrack21(root).path)['annotations'][0]
    assert person['keypoints'] == [0] * 51 and person['num_keypoints'] == 0


def test_video_ids_may_be_numbers(official_set, edit_json, load):
    root = official_set('posetrack21')

    def change(content):
        for image in content['images']:
            image['vid_id'] = int(image['vid_id'])

    edit_json(annotation(root), change)
    content = load(convert_posetrack21(root).path)
    assert {i['vid_id'] for i in content['images']} == {'500000'}


@pytest.mark.parametrize('change, message', [
    (lambda c: c['images'][1].pop('has_labeled_person'),
     r'images\[1\].has_labeled_person is missing'),
    (lambda c: c['annotations'][1].update(person_id='a'),
     r"annotations\[1\].person_id is 'a'"),
])
def test_mistakes_are_named(official_set, edit_json, change, message):
    root = official_set('posetrack21')
    edit_json(annotation(root), change)
    with pytest.raises(ValueError, match=message):
        convert_posetrack21(root)
    with pytest.raises(ValueError, match="no split 'test'"):
        convert_posetrack21(root, 'test')
