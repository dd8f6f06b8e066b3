"""PoseTrack21 as clips, from its official format."""
import json

import numpy as np
import pytest
from mmpose.registry import DATASETS

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def build(root, **kwargs):
    return DATASETS.build({
        **dict(
            type='PoseTrack21SequenceDataset',
            delta=2,
            data_root=str(root),
            ann_file='annotations/posetrack21_train.json',
            data_prefix=dict(img='')),
        **kwargs
    })


def test_boxes_without_poses_give_no_samples(official_set):
    root = official_set('posetrack21')
    content = json.loads(
        (root / 'annotations/posetrack21_train.json').read_text())
    labelled = {i['id'] for i in content['images'] if i['is_labeled']}
    box_only = [
        i['id'] for i in content['images']
        if i['has_labeled_person'] and not i['is_labeled']
    ]
    posed = [
        a['id'] for a in content['annotations']
        if a['image_id'] in labelled and a['num_keypoints']
    ]
    # both kinds are there
    assert box_only and len(posed) < len(content['annotations'])
    samples = list(build(root))
    assert [s['id'] for s in samples] == posed
    # but such frames are neighbours
    shown = {n for s in samples for n in s['frame_indices']}
    assert {id_ % 10**4 for id_ in box_only} <= shown


def test_a_person_with_only_a_box_in_a_labelled_frame(official_set, tmp_path):
    root = official_set('posetrack21')
    content = json.loads(
        (root / 'annotations/posetrack21_train.json').read_text())
    count = len(build(root))
    labelled = {i['id'] for i in content['images'] if i['is_labeled']}
    person = next(a for a in content['annotations']
                  if a['image_id'] in labelled)
    person.update(keypoints=[0.] * 51, num_keypoints=0)
    path = tmp_path / 'changed.json'
    path.write_text(json.dumps(content))
    assert len(build(root, ann_file=str(path))) == count - 1


def test_small_people_can_be_left_out(official_set):
    root = official_set('posetrack21')
    sizes = sorted(
        float((s['bbox'][0, 2:] - s['bbox'][0, :2]).max())
        for s in build(root))
    middle = sizes[len(sizes) // 2]
    dataset = build(root, min_person_size=middle)
    assert len(dataset) == np.sum(np.array(sizes) >= middle) < len(sizes)
    assert len(build(root, min_person_size=0)) == len(sizes)


@pytest.mark.parametrize('kwargs, message', [
    (dict(min_person_size=-1), 'at least 0 pixels, got -1'),
    (dict(min_person_size=float('nan')), 'at least 0 pixels'),
    (dict(min_person_size=9, test_mode=True), 'for training'),
])
def test_wrong_sizes(official_set, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(official_set('posetrack21'), **kwargs)


def test_names_are_numbers_where_no_table_tells():
    parse = DATASETS.get('PoseTrack21SequenceDataset').parse_frame_path
    with pytest.raises(ValueError, match='x1.jpg'):
        parse(None, 'images/val/x1.jpg')
