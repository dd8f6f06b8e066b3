"""HiEve as clips, from its official format."""
import json

import pytest
from mmpose.registry import DATASETS

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def build(root, split, **kwargs):
    return DATASETS.build({
        **dict(
            type='HiEveSequenceDataset',
            delta=2,
            data_root=str(root),
            ann_file=f'annotations/hieve_{split}.json',
            data_prefix=dict(img=''),
            pipeline=[dict(type='LoadFrameSequence')]),
        **kwargs
    })


def test_training_videos(official_set):
    root = official_set('hieve')
    content = json.loads((root / 'annotations/hieve_train.json').read_text())
    dataset = build(root, 'train')
    assert [s['id'] for s in dataset] == [
        a['id'] for a in content['annotations'] if a['num_keypoints']
    ]
    sample = dataset[0]
    assert sample['keypoints'].shape == (1, 14, 2)
    assert len(sample['img']) == 5 and sample['flip_indices'][2] == 5
    names = dataset.metainfo['keypoint_id2name']
    assert {names[i]
            for i in sample['lower_body_ids']} == {
                f'{side}_{joint}'
                for side in ('left', 'right')
                for joint in ('hip', 'knee', 'ankle')
            }


def test_test_videos_have_boxes_alone(official_set, tmp_path):
    root = official_set('hieve')
    with pytest.raises(ValueError, match='hieve_test.json gives no sample'):
        build(root, 'test', test_mode=True)
    content = json.loads((root / 'annotations/hieve_test.json').read_text())
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(
        json.dumps([
            dict(
                image_id=i['id'], category_id=1, bbox=[9, 9, 40, 80], score=1)
            for i in content['images']
        ]))
    dataset = build(root, 'test', test_mode=True, bbox_file=str(boxes))
    assert [s['frame_indices'][2]
            for s in dataset] == [i['frame_id'] for i in content['images']]
