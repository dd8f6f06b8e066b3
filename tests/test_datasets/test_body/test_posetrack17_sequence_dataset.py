"""PoseTrack17 as clips, from its official format."""
import json
import os

import pytest
from mmpose.registry import DATASETS

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def build(root, **kwargs):
    return DATASETS.build({
        **dict(
            type='PoseTrack17SequenceDataset',
            delta=2,
            data_root=str(root),
            ann_file='annotations/posetrack17_val.json',
            data_prefix=dict(img=''),
            test_mode=True,
            pipeline=[dict(type='LoadFrameSequence')]),
        **kwargs
    })


def test_irregular_names_have_their_true_numbers(official_set):
    root = official_set('posetrack17')
    content = json.loads(
        (root / 'annotations/posetrack17_val.json').read_text())
    video, = content['videos']
    number = dict(zip(video['file_names'], video['frame_ids']))
    # a name's digits would put these frames into two videos
    assert len({os.path.basename(n).strip('0123456789') for n in number}) == 2
    dataset = build(root)
    assert len(dataset) == len(content['annotations'])
    keys = set()
    for sample in dataset:
        names = [os.path.relpath(p, root) for p in sample['frame_paths']]
        assert [number[name] for name in names] == sample['frame_indices']
        key = sample['frame_indices'][2]
        keys.add(key)
        frames = sorted(number.values())
        assert sample['frame_indices'] == [
            min(max(key + offset, frames[0]), frames[-1])
            for offset in range(-2, 3)
        ]
        assert sample['keypoints'].shape == (1, 17, 2)
        assert len(sample['img']) == 5
    assert keys == {
        number[image['file_name']]
        for image in content['images'] if image['is_labeled']
    }


def test_by_names_alone_the_frames_are_not_found(official_set):
    """What the table is for."""
    dataset = build(official_set('posetrack17'), frame_source='disk')
    lengths = {
        len(dataset.frames.locate(dataset.get_data_info(i)['img_path'])[0])
        for i in range(len(dataset))
    }
    assert lengths == {1, 6}
