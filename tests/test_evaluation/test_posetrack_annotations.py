"""Reading PoseTrack18-format ground truth."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation import (POSEVAL_JOINTS, joint_columns,
                                    load_posetrack_annotations)

NAMES = [
    'nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle'
]


def content(**image):
    keypoints = np.stack([np.arange(17) + 1,
                          np.arange(17) + 101,
                          np.ones(17)],
                         axis=1)
    keypoints[NAMES.index('left_knee')] = 0
    keypoints[NAMES.index('left_hip')] = [0, 0, 1]
    keypoints[NAMES.index('left_wrist')] = [3, -24.9, 0]
    return dict(
        images=[
            dict(id=7, file_name='images/val/000001_a/000000.jpg', **image)
        ],
        annotations=[
            dict(
                id=70,
                image_id=7,
                keypoints=keypoints.ravel().tolist(),
                bbox_head=[10, 20, 30, 40])
        ],
        categories=[dict(id=1, name='person', keypoints=NAMES)])


def load(tmp_path, value):
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(value))
    return load_posetrack_annotations(path)


def test_joints_by_name_in_posevals_order(tmp_path):
    frame = load(tmp_path, content())[7]
    assert frame.video == '000001_a'
    assert frame.scored
    j = POSEVAL_JOINTS.index
    neck = NAMES.index('head_bottom')
    assert frame.keypoints[0, j('neck')].tolist() == [neck + 1, neck + 101]
    # absent only if x = y = v = 0; negative coordinates occur
    assert not frame.present[0, j('left_knee')]
    assert frame.present[0].sum() == 14
    assert frame.keypoints[0, j('left_wrist'), 1] == -24.9
    assert frame.head_boxes.tolist() == [[10, 20, 40, 60]]


def test_another_order_of_names_gives_the_same_joints(tmp_path):
    value = content()
    order = np.random.default_rng(0).permutation(17)
    value['categories'][0]['keypoints'] = [NAMES[i] for i in order]
    keypoints = np.array(value['annotations'][0]['keypoints']).reshape(-1, 3)
    value['annotations'][0]['keypoints'] = keypoints[order].ravel().tolist()
    shuffled, plain = load(tmp_path, value)[7], load(tmp_path, content())[7]
    np.testing.assert_array_equal(shuffled.keypoints, plain.keypoints)
    np.testing.assert_array_equal(shuffled.present, plain.present)


def test_frames_that_are_not_scored(tmp_path):
    assert not load(tmp_path, content(is_labeled=False))[7].scored
    empty = content(is_labeled=True)
    empty['annotations'] = []
    assert not load(tmp_path, empty)[7].scored
    # box-only persons of an unlabelled frame need no head box
    boxes = content(is_labeled=False)
    del boxes['annotations'][0]['bbox_head']
    assert not load(tmp_path, boxes)[7].scored


def test_ignore_regions(tmp_path):
    value = content(
        ignore_regions_x=[[0, 10, 10], [0, 5]],
        ignore_regions_y=[[0, 0, 10], [0, 5]])
    with pytest.warns(UserWarning, match='2 point.*no polygon'):
        frame = load(tmp_path, value)[7]
    assert [r.tolist() for r in frame.ignore_regions] == [[[0, 0], [10, 0],
                                                           [10, 10]]]
    with pytest.raises(ValueError, match='1 ignore_regions_x but 0'):
        load(tmp_path, content(ignore_regions_x=[[0, 1, 2]]))


def test_order_is_by_video_then_as_in_the_file(tmp_path):
    value = content()
    names = ['000002_b/000001', '000001_a/000004', '000002_b/000000']
    value['images'] = [
        dict(id=i, file_name=f'images/val/{name}.jpg')
        for i, name in zip([7, 8, 9], names)
    ]
    assert list(load(tmp_path, value)) == [8, 7, 9]


@pytest.mark.parametrize('key', ['keypoints', 'bbox_head'])
def test_missing_field_names_the_annotation(tmp_path, key):
    value = content()
    del value['annotations'][0][key]
    with pytest.raises(ValueError, match=f'annotation 70 has no "{key}"'):
        load(tmp_path, value)


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.json'):
        load_posetrack_annotations(tmp_path / 'nothing.json')
    with pytest.raises(ValueError, match='no "categories"'):
        load(tmp_path, dict(images=[], annotations=[]))
    value = content()
    value['annotations'][0]['image_id'] = 8
    with pytest.raises(ValueError, match=r'image_id \[8\]'):
        load(tmp_path, value)
    value = content()
    value['annotations'][0]['keypoints'] = [1., 2., 1.]
    with pytest.raises(ValueError, match='"keypoints" has 3 numbers'):
        load(tmp_path, value)
    with pytest.raises(ValueError, match='lacks .*right_ankle'):
        joint_columns(['nose', 'left_eye'], 'here')


def test_real_annotations(shared_clips):
    frames = load_posetrack_annotations(
        shared_clips / 'posetrack18/annotations/test_posetrack18_val.json')
    assert [f.video for f in frames.values()
            ] == ['003418_mpii_test', '009473_mpii_test', '012834_mpii_test']
    assert sum(len(f.keypoints) for f in frames.values()) == 14
    assert all(f.scored and f.ignore_regions for f in frames.values())
