"""Reading of HiEve's converted annotation."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import load_hieve_annotations

NAMES = ['nose', 'chest']


def image(id_, video, number, **more):
    return dict(
        id=id_,
        file_name=f'images/train/{video}/{number:06d}.jpg',
        vid_id=video,
        frame_id=number,
        **more)


def annotation(id_, image_id, **more):
    return dict(
        dict(
            id=id_,
            image_id=image_id,
            bbox=[0, 0, 10, 20],
            keypoints=[id_, id_, 2, 0, 0, 0]), **more)


CONTENT = dict(
    videos=[dict(id='b', name='2'),
            dict(id='a', name='10')],
    images=[
        image(5, 'a', 1),
        image(7, 'b', 4, is_labeled=False),
        image(6, 'b', 3),
        image(4, 'a', 0)
    ],
    annotations=[
        annotation(1, 5),
        annotation(2, 6, action='fighting'),
        annotation(3, 5),
        annotation(4, 7)
    ],
    categories=[dict(id=1, keypoints=NAMES)])


def load(tmp_path, content=CONTENT, **changes):
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(dict(content, **changes)))
    return load_hieve_annotations(path)


def test_order_names_and_persons(tmp_path):
    found = load(tmp_path)
    # videos as the file's table has them, frames in time
    assert found.videos == ['2', '2', '10', '10']
    assert found.image_ids == [6, 7, 4, 5]
    assert found.frames_by_video() == {'2': [0, 1], '10': [2, 3]}
    assert found.labelled.tolist() == [True, False, True, True]
    assert found.keypoint_names == NAMES and found.has_actions
    persons = found.persons(0)
    assert persons.keypoints.tolist() == [[[2, 2], [0, 0]]]
    assert persons.present.tolist() == [[True, False]]
    assert persons.boxes.tolist() == [[0, 0, 10, 20]]
    assert persons.actions == ('fighting', )
    # of a frame that is not labelled there are none
    assert len(found.persons(1).keypoints) == 0
    assert len(found.persons(2).keypoints) == 0
    assert found.persons(3).keypoints[:, 0, 0].tolist() == [1, 3]
    assert found.persons(3).actions == ()


def test_a_test_split_has_frames_alone(tmp_path):
    found = load(
        tmp_path, annotations=[], images=[image(1, 'a', 0, is_labeled=False)])
    assert not found.labelled.any() and not found.has_actions
    assert found.persons(0).keypoints.shape == (0, 2, 2)


def test_without_a_table_videos_are_called_by_their_id(tmp_path):
    content = {k: v for k, v in CONTENT.items() if k != 'videos'}
    assert load(tmp_path, content).videos == ['a', 'a', 'b', 'b']


@pytest.mark.parametrize('changes, expected', [
    (dict(images=3), '"images"'),
    (dict(images=[dict(image(1, 'a', 0), frame_id='0')]), '"frame_id"'),
    (dict(images=[image(1, 'c', 0)]), "vid_id 'c'"),
    (dict(images=[image(5, 'a', 0), image(5, 'a', 1)]), 'not unique'),
    (dict(images=[
        *CONTENT['images'],
        image(8, 'a', 9, ignore_regions_x=[[1, 2, 3]])
    ]), 'image 8 has ignore regions'),
    (dict(annotations=[annotation(1, 99)]), r'not list: \[99\]'),
    (dict(annotations=[annotation(1, 5, keypoints=[1, 2])]), '"keypoints"'),
    (dict(annotations=[annotation(1, 5, bbox=[1, 2, 3])]), '"bbox"'),
    (dict(annotations=[annotation(1, 5, bbox=[1e308, 0, 1e308, 1])]),
     'ends at infinity'),
    (dict(annotations=[annotation(1, 5, action=3)]), '"action"'),
    (dict(categories=[]), 'one category'),
    (dict(categories=[dict(keypoints=[1])]), 'one category'),
])
def test_what_is_malformed_is_named(tmp_path, changes, expected):
    with pytest.raises(ValueError, match=f'ann.json.*{expected}'):
        load(tmp_path, **changes)


def test_a_large_file_is_read_as_arrays(tmp_path):
    images = [image(i, 'a', i) for i in range(200)]
    annotations = [annotation(i, i % 200) for i in range(1000)]
    found = load(tmp_path, images=images, annotations=annotations)
    rows = np.concatenate([found.persons(i).keypoints for i in range(200)])
    assert rows[:, 0, 0].tolist() == [
        i for f in range(200) for i in range(f, 1000, 200)
    ]
