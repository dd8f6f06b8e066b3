"""HiEve: its converted annotation, and the unofficial AP."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import (HiEveFrame, assign_persons,
                                               hieve_ap,
                                               load_hieve_annotations)

TWO = ['nose', 'chest']
NAMES = [*TWO, 'right_shoulder']


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
        annotation(2, 6),
        annotation(3, 5),
        annotation(4, 7)
    ],
    categories=[dict(id=1, keypoints=TWO)])


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
    assert found.keypoint_names == TWO
    keypoints, present, boxes = found.persons(0)
    assert keypoints.tolist() == [[[2, 2], [0, 0]]]
    assert present.tolist() == [[True, False]]
    assert boxes.tolist() == [[0, 0, 10, 20]]
    # of a frame that is not labelled there are none
    assert len(found.persons(1)[0]) == len(found.persons(2)[0]) == 0
    assert found.persons(3)[0][:, 0, 0].tolist() == [1, 3]


def test_a_test_split_has_frames_alone(tmp_path):
    found = load(
        tmp_path, annotations=[], images=[image(1, 'a', 0, is_labeled=False)])
    assert not found.labelled.any()
    assert found.persons(0)[0].shape == (0, 2, 2)


def test_without_a_table_videos_are_called_by_their_id(tmp_path):
    content = {k: v for k, v in CONTENT.items() if k != 'videos'}
    assert load(tmp_path, content).videos == ['a', 'a', 'b', 'b']


@pytest.mark.parametrize('changes, expected', [
    (dict(images=3), 'images is 3, expected a list'),
    (dict(images=[dict(image(1, 'a', 0), frame_id='0')]),
     r"images\[0\].frame_id is '0'"),
    (dict(images=[image(1, 'c', 0)]), r"images\[0\].vid_id is 'c'"),
    (dict(images=[image(5, 'a', 0), image(5, 'a', 1)]),
     'ids of images must be unique'),
    (dict(images=[
        *CONTENT['images'],
        image(8, 'a', 9, ignore_regions_x=[[1, 2, 3]])
    ]), 'image 8 has ignore regions'),
    (dict(annotations=[annotation(1, 99)]),
     r'annotations\[0\].image_id is 99'),
    (dict(annotations=[annotation(1, 5, keypoints=[1, 2])]),
     r'annotations\[0\].keypoints is a list of 2, expected a list of 6'),
    (dict(annotations=[annotation(1, 5, bbox=[1, 2, 3])]),
     r'annotations\[0\].bbox is a list of 3'),
    (dict(annotations=[annotation(1, 5, bbox=[1e308, 0, 1e308, 1])]),
     'ends at infinity'),
    (dict(categories=[]), 'one category'),
    (dict(categories=[dict(keypoints=[1])]),
     r'categories\[0\].keypoints\[0\] is 1, expected a text'),
])
def test_what_is_malformed_is_named(tmp_path, changes, expected):
    with pytest.raises(ValueError, match=f'ann.json.*{expected}'):
        load(tmp_path, **changes)


def test_a_large_file_is_read_as_arrays(tmp_path):
    images = [image(i, 'a', i) for i in range(200)]
    annotations = [annotation(i, i % 200) for i in range(1000)]
    found = load(tmp_path, images=images, annotations=annotations)
    rows = np.concatenate([found.persons(i)[0] for i in range(200)])
    assert rows[:, 0, 0].tolist() == [
        i for f in range(200) for i in range(f, 1000, 200)
    ]


def frame(gt, pred, scores=None, absent=()):
    """A frame of N and M persons, their joints (N, K, 2) and (M, K, 2)."""
    gt = np.reshape(np.array(gt, dtype=float), (-1, 3, 2))
    pred = np.reshape(np.array(pred, dtype=float), (-1, 3, 2))
    present = np.ones(gt.shape[:2], dtype=bool)
    for index in absent:
        present[index] = False
    boxes = np.tile([0., 0, 50, 100], (len(gt), 1))
    if scores is None:
        scores = np.ones(pred.shape[:2])
    return HiEveFrame(gt, present, boxes, pred,
                      np.array(scores, dtype=float).reshape(len(pred), 3))


def person(x, y=0):
    """From the nose to the chest, a head, it is 10 pixels."""
    return np.array([[x, y], [x, y + 10], [x + 5, y + 20]], dtype=float)


def ap(frames, **kwargs):
    return hieve_ap(frames, NAMES, **kwargs)


@pytest.mark.parametrize('absent', [0, 1])
def test_without_nose_or_chest_a_head_is_a_tenth_of_the_boxs_diagonal(absent):
    gt = person(0)

    def hit(shift):
        one = frame([gt], [gt + [shift, 0]], absent=[(0, absent)])
        one.boxes[:] = [10, 20, 70, 100]  # 100 pixels
        return ap([one], alphas=(1, )).ap[0, 2] == 100

    assert hit(10.) and not hit(10.01)
    one = frame([gt], [gt])
    one.keypoints[0, 1] = one.pred_keypoints[0, 1] = [0, 40]
    one.pred_keypoints[0, 2] += [0, 40]
    assert ap([one], alphas=(1, )).ap[0, 2] == 100


def test_thresholds_are_in_head_sizes_and_inclusive():
    gt = person(0)
    # 5, 7.5 and 9 pixels of a 10 pixel head
    shifts = np.array([[5, 0], [7.5, 0], [9, 0]])
    result = ap([frame([gt], [gt + shifts])])
    assert result.ap.tolist() == [[100, 0, 0], [100, 100, 0], [100] * 3]
    assert result.summary() == {
        'AP@0.5': pytest.approx(100 / 3),
        'AP@0.75': pytest.approx(200 / 3),
        'AP@0.9': 100,
        'AP@avg': pytest.approx(200 / 3)
    }


def test_unassigned_predictions_are_false_positives():
    gt = person(0)
    # the second of two equal predictions comes too late, its score is higher
    result = ap([frame([gt], [gt, gt], [[1] * 3, [2] * 3])])
    assert result.ap[0].tolist() == [50, 50, 50]
    result = ap([frame([gt], [gt, gt], [[2] * 3, [1] * 3])])
    assert result.ap[0].tolist() == [100, 100, 100]


def test_the_loser_gets_another_person():
    assert assign_persons(np.array([[1., 0.5], [0.9, 0.4]])) == [(0, 0),
                                                                 (1, 1)]
    assert assign_persons(np.zeros((2, 2))) == []
    # ties: the earlier prediction, then the earlier person
    assert assign_persons(np.ones((2, 2))) == [(0, 0), (1, 1)]


def test_assignments_are_one_to_one_and_of_hits():
    rng = np.random.default_rng(0)
    for _ in range(20):
        pckh = rng.integers(0, 4, (6, 5)) / 3
        pairs = assign_persons(pckh)
        rows, columns = zip(*pairs)
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)
        assert all(pckh[pair] > 0 for pair in pairs)


def test_absent_joints():
    gt = person(0)
    # absent in the ground truth: the prediction is false; nobody's: no AP
    result = ap([frame([gt], [gt], absent=[(0, 2)])])
    assert result.ap[0, :2].tolist() == [100, 100] and np.isnan(result.ap[0,
                                                                          2])
    result = ap(
        [frame([gt], [gt], [[1, 1, 2]], absent=[(0, 2)]),
         frame([gt], [gt])])
    assert result.ap[0].tolist() == [100, 100, 50]
    assert result.num_gt.tolist() == [2, 2, 1]


def test_frames_without_persons():
    frames = [
        frame([], [person(0)], [[2] * 3]),
        frame([person(0)], [person(0)])
    ]
    assert ap(frames).summary()['AP@avg'] == 100
    assert ap(frames).num_frames == 1
    result = ap(frames, score_empty_frames=True)
    assert result.summary()['AP@avg'] == 50 and result.num_frames == 2


@pytest.mark.parametrize('kwargs, expected', [
    (dict(alphas=()), 'alphas'),
    (dict(alphas=(0.5, 0)), 'alphas'),
])
def test_wrong_options_are_named(kwargs, expected):
    with pytest.raises(ValueError, match=expected):
        ap([frame([person(0)], [person(0)])], **kwargs)


def test_it_is_invariant_to_the_order_of_frames_and_to_scale():
    rng = np.random.default_rng(2)

    def made(scale):
        rng = np.random.default_rng(3)
        frames = []
        for _ in range(10):
            gt = rng.uniform(0, 200, (3, 3, 2))
            gt[:, 1] = gt[:, 0] + [0, 10]
            pred = gt[rng.permutation(3)] + rng.normal(0, 6, (3, 3, 2))
            made = frame(scale * gt, scale * pred, rng.random((3, 3)))
            made.boxes = scale * made.boxes
            frames.append(made)
        return frames

    frames = made(1)
    expected = ap(frames).ap
    assert 0 < expected.min() and expected.max() < 100
    shuffled = [frames[i] for i in rng.permutation(len(frames))]
    np.testing.assert_allclose(ap(shuffled).ap, expected)
    np.testing.assert_allclose(ap(made(4)).ap, expected)
