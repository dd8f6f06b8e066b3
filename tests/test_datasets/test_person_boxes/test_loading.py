"""The boxes of a data set: checks, filters, join, log, statistics."""
import json
import logging
import math

import numpy as np
import pytest

from mmpose_tdmi.datasets import person_boxes as loading
from mmpose_tdmi.datasets.person_boxes import (BoxStatistics, box_statistics,
                                               load_person_boxes,
                                               person_boxes_by_image, suppress)

IMAGES = {7: dict(width=100, height=50), 8: dict(width=100, height=50)}
GOOD = dict(image_id=7, category_id=1, bbox=[10, 10, 20, 20], score=0.9)


def size(image):
    return image['width'], image['height']


def load(tmp_path, boxes, images=IMAGES, **kwargs):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(boxes))
    return load_person_boxes(str(path), images, size, **kwargs)


@pytest.fixture
def logged(monkeypatch):
    """What is logged, text and level."""
    lines = []
    monkeypatch.setattr(loading, 'print_log',
                        lambda text, level, **_: lines.append((text, level)))
    return lines


def test_boxes_keep_their_place_and_fields(tmp_path):
    boxes = [dict(GOOD, category_id=2), dict(GOOD, image_id=8, extra=1)]
    assert load(tmp_path, boxes) == [dict(boxes[1], entry=1)]


def test_the_threshold_is_inclusive(tmp_path):
    boxes = [dict(GOOD, score=score) for score in (0.19, 0.2, 0.21, 0)]
    kept = load(tmp_path, boxes, score_thr=0.2)
    assert [box['score'] for box in kept] == [0.2, 0.21]
    assert len(load(tmp_path, boxes)) == 4


@pytest.mark.parametrize('box, reason', [
    ([10, 10, 0, 20], 'without area'),
    ([10, 10, 20, -1], 'without area'),
    ([100, 10, 20, 20], 'outside the image'),
    ([10, 50.5, 20, 20], 'outside the image'),
    ([-20, 10, 20, 20], 'outside the image'),
    ([10, -30, 20, 20], 'outside the image'),
])
def test_boxes_that_show_nothing_are_left_out_and_counted(
        tmp_path, logged, box, reason):
    assert load(tmp_path,
                [dict(GOOD, bbox=box), GOOD]) == [dict(GOOD, entry=1)]
    [(text, level)] = logged
    assert f'1 of 2 boxes are used; left out: 1 {reason}' in text
    assert level == logging.WARNING


def test_a_box_that_overlaps_the_image_stays(tmp_path):
    boxes = [
        dict(GOOD, bbox=[-19, -19, 20, 20]),
        dict(GOOD, bbox=[99, 49, 500, 500])
    ]
    assert len(load(tmp_path, boxes)) == 2


@pytest.mark.parametrize('change, expected', [
    (dict(bbox=[1, 2, float('nan'), 4]), r'\[1\].bbox\[2\] is nan, expect'),
    (dict(bbox=[1, float('inf'), 3, 4]), r'\[1\].bbox\[1\] is inf, expect'),
    (dict(bbox=[1, 2, None, 4]), r'\[1\].bbox\[2\] is None, expected a n'),
    (dict(bbox=[1, 2, 3]), r'\[1\].bbox is a list of 3, expected .* 4'),
    (dict(bbox=None), r'\[1\].bbox is None, expected a list'),
    (dict(score=float('nan')),
     r'\[1\].score is nan, expected a finite number'),
    (dict(score='high'), r"\[1\].score is 'high', expected a number"),
    (dict(score=True), r'\[1\].score is True, expected a number'),
    (dict(score=10**400), r'\[1\].score is .* bits, .* <= 1000000'),
    (dict(bbox=[10**400, 2, 3, 4]), r'\[1\].bbox\[0\] is .* <= 1000000'),
    (dict(bbox=[1e30, 2, 3, 4]), r'\[1\].bbox\[0\] is 1e.30, .* <= 1000'),
    (dict(image_id=[7]), r'\[1\].image_id is a list of 1, expected an i'),
    (dict(image_id=7.), r'\[1\].image_id is 7.0, expected an integer'),
    (dict(category_id={}), r'\[1\].category_id is an empty object, exp'),
    (dict(track_id=1.5), r'\[1\].track_id is 1.5, expected an integer'),
    (dict(file_name=3), r'\[1\].file_name is 3, expected a text'),
    (dict(image_id=9), r'1 image ids .*\[9\] \(first at entry 1\).*\[7, 8\]'),
    (dict(image_id='7'), r"1 image ids .*\['7'\]"),
])
def test_bad_values_are_named(tmp_path, change, expected):
    with pytest.raises(ValueError, match=rf'boxes.json: {expected}'):
        load(tmp_path, [GOOD, dict(GOOD, **change)])


@pytest.mark.parametrize('key', GOOD)
def test_missing_keys_are_named(tmp_path, key):
    box = {k: v for k, v in GOOD.items() if k != key}
    with pytest.raises(
            ValueError, match=rf'boxes.json: \[1\].{key} is missing'):
        load(tmp_path, [GOOD, box])


def test_files_that_are_no_box_files(tmp_path):
    with pytest.raises(ValueError, match='list of detections'):
        load(tmp_path, dict(annotations=3))
    with pytest.raises(
            ValueError, match=r'\[0\] is a list of 2, expected an object'):
        load(tmp_path, [[1, 2]])
    with pytest.raises(FileNotFoundError, match='none.json'):
        load_person_boxes(str(tmp_path / 'none.json'), IMAGES, None)


def test_frames_are_found_by_name(tmp_path):
    images = {
        key: dict(IMAGES[key], file_name=f'images/val/clip/00000{key}.jpg')
        for key in IMAGES
    }
    boxes = {'000008.jpg': [dict(bbox=GOOD['bbox'], score=1, track_id=5)]}
    path = tmp_path / 'clip.json'
    path.write_text(json.dumps(boxes))
    expected = [
        dict(
            image_id=8,
            category_id=1,
            bbox=GOOD['bbox'],
            score=1,
            track_id=5,
            entry=0)
    ]
    assert load_person_boxes(str(path), images, size) == expected
    assert load_person_boxes(str(tmp_path), images, size) == expected
    path.write_text(json.dumps({'000009.jpg': boxes['000008.jpg']}))
    with pytest.raises(ValueError, match=r"1 frame names .*\['000009.jpg'\]"):
        load_person_boxes(str(path), images, size)


def test_boxes_of_frames_without_record_are_left_out(tmp_path, logged):
    names = [f'val/clip/{i}.jpg' for i in range(3)]
    path = tmp_path / 'clip.json'
    path.write_text(
        json.dumps(
            {f'{i}.jpg': [dict(bbox=[0, 0, 9, 9], score=1)]
             for i in range(3)}))
    kept = load_person_boxes(
        str(path), {7: dict(IMAGES[7], file_name=names[1])},
        size,
        videos=[dict(id='1', name='clip', file_names=names)])
    assert [box['entry'] for box in kept] == [1]
    assert '2 of frames that are not annotated' in logged[0][0]


def test_sizes_that_are_not_known_leave_boxes_in(tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps([dict(GOOD, bbox=[5000, 10, 20, 20])]))
    assert len(load_person_boxes(str(path), IMAGES, lambda _: None)) == 1


def test_suppression_is_within_an_image_and_keeps_the_order(tmp_path, logged):
    boxes = [
        dict(GOOD, score=0.5),
        dict(GOOD, image_id=8, score=0.1),
        dict(GOOD, score=0.9, bbox=[11, 10, 20, 20]),
        dict(GOOD, score=0.2, bbox=[60, 10, 20, 20]),
    ]
    kept = load(tmp_path, boxes, nms_thr=0.5)
    assert [box['entry'] for box in kept] == [1, 2, 3]
    assert '3 of 4 boxes are used; left out: 1 suppressed' in logged[0][0]
    # IoU of the two: 19 / 21
    assert len(load(tmp_path, boxes, nms_thr=0.95)) == 4
    with pytest.raises(ValueError, match='nms_thr'):
        load(tmp_path, boxes, nms_thr=1.5)


def test_suppressed_boxes_overlap_a_better_one_that_stays():
    rng = np.random.default_rng(0)
    boxes = [
        dict(image_id=int(i), bbox=[*xy, *wh], score=s)
        for i, xy, wh, s in zip(
            rng.integers(0, 3, 60), rng.uniform(0, 40, (
                60, 2)), rng.uniform(10, 40, (60, 2)), rng.uniform(size=60))
    ]

    def iou(a, b):
        (ax, ay, aw, ah), (bx, by, bw, bh) = a['bbox'], b['bbox']
        both = (
            max(0,
                min(ax + aw, bx + bw) - max(ax, bx)) *
            max(0,
                min(ay + ah, by + bh) - max(ay, by)))
        return both / (aw * ah + bw * bh - both)

    kept = suppress(boxes, 0.3)
    assert 0 < len(kept) < len(boxes)
    for box in boxes:
        better = [
            k for k in kept if k['image_id'] == box['image_id']
            and k['score'] > box['score'] and iou(k, box) > 0.3
        ]
        assert bool(better) == (box not in kept)


def test_recall_is_logged_and_a_low_one_is_a_warning(tmp_path, logged):
    persons = [
        dict(id=1, image_id=7, bbox=[10, 10, 20, 20]),
        dict(id=2, image_id=8, bbox=[10, 10, 20, 20]),
        dict(id=3, image_id=8, bbox=[70, 10, 20, 20])
    ]
    boxes = [GOOD, dict(GOOD, image_id=8)]
    load(tmp_path, boxes, annotations=persons)
    text, level = logged[-1]
    assert 'recall of 3 annotated persons 0.667 at IoU 0.5' in text
    assert level == logging.INFO
    load(tmp_path, boxes[:1], annotations=persons)
    text, level = logged[-1]
    assert 'do these boxes belong to these frames?' in text
    assert level == logging.WARNING
    logged.clear()
    load(tmp_path, boxes)
    assert len(logged) == 1


def test_malformed_records_of_the_annotation_are_named(tmp_path):
    for bbox in ([1, 2, 3], [1, 2, 3, None], 'box', [1, 2, 3, 1e40]):
        with pytest.raises(
                ValueError, match='val.json: annotation 4.bbox.* is .*, expe'):
            load(
                tmp_path, [GOOD],
                annotations=[dict(id=4, image_id=7, bbox=bbox)],
                ann_file='val.json')
    with pytest.raises(
            ValueError, match=r'val.json: videos\[0\].name is missing'):
        load(tmp_path, [GOOD], videos=[dict(id=1)], ann_file='val.json')
    with pytest.raises(
            ValueError, match=r'val.json: images\[0\].file_name is 3, exp'):
        load(tmp_path, [], images={7: dict(file_name=3)}, ann_file='val.json')


# Statistics


def box(image_id, *bbox):
    return dict(image_id=image_id, bbox=list(bbox))


def measure(boxes, persons, images=(1, 2, 3)):
    return box_statistics(boxes, images, person_boxes_by_image(persons, 'ann'))


def test_known_figures():
    persons = [
        box(1, 0, 0, 10, 10),
        box(1, 50, 0, 10, 10),
        box(2, 0, 0, 10, 10)
    ]
    boxes = [
        box(1, 0, 0, 10, 10),
        # IoU 6 / 10 with the second person
        box(1, 50, 0, 10, 6),
        # of a frame without persons
        box(3, 0, 0, 10, 10),
        box(3, 5, 5, 10, 10)
    ]
    found = measure(boxes, persons)
    assert found == BoxStatistics(
        num_boxes=4,
        num_frames=3,
        most_boxes=2,
        empty_frames=1,
        missed_frames=1,
        num_persons=3,
        recall={
            0.5: pytest.approx(2 / 3),
            0.75: pytest.approx(1 / 3)
        })
    assert found.boxes_per_frame == pytest.approx(4 / 3)
    assert not found.is_suspicious
    rows = [line.rsplit(maxsplit=1) for line in found.table().splitlines()]
    assert ['recall at IoU 0.75', '0.3333'] in rows and len(rows) == 9


def test_a_box_is_one_persons():
    persons = [box(1, 0, 0, 10, 10), box(1, 1, 0, 10, 10)]
    one, two = measure([persons[0]], persons), measure(persons, persons)
    assert one.recall[0.5] == 0.5
    assert two.recall == {0.5: 1, 0.75: 1}


def test_the_largest_matching_is_taken():
    # the first box could be either person's, the second only the first's
    persons = [box(1, 0, 0, 10, 10), box(1, 2, 0, 10, 10)]
    boxes = [box(1, 1, 0, 10, 10), box(1, -1, 0, 10, 10)]
    assert measure(boxes, persons).recall[0.75] == 1
    assert measure(boxes[::-1], persons).recall[0.75] == 1


@pytest.mark.parametrize('seed', range(5))
def test_properties(seed):
    rng = np.random.default_rng(seed)

    def boxes(count):
        return [
            box(int(i), *xy.tolist(), *wh.tolist()) for i, xy, wh in zip(
                rng.integers(1, 4, count), rng.uniform(0, 60, (
                    count, 2)), rng.uniform(20, 40, (count, 2)))
        ]

    persons, given = boxes(8), boxes(25)
    recall = measure(given, persons).recall
    assert 0 <= recall[0.75] <= recall[0.5] <= 1
    # more boxes find no fewer, the order does not matter
    assert measure(given[:12], persons).recall[0.5] <= recall[0.5]
    assert measure(given[::-1], persons).recall == recall
    assert measure(given + persons, persons).recall == {0.5: 1, 0.75: 1}


def test_without_persons_there_is_no_recall():
    found = measure([box(1, 0, 0, 10, 10)], [])
    assert math.isnan(found.recall[0.5]) and not found.is_suspicious
    assert measure([], [box(1, 0, 0, 10, 10)]).is_suspicious


def test_which_annotations_count():
    persons = person_boxes_by_image([
        box(1, 1, 2, 3, 4),
        dict(image_id=1),
        dict(box(1, 1, 2, 3, 4), iscrowd=1),
        box(2, 1, 2, 0, 4),
    ], 'ann')
    assert set(persons) == {1}
    assert persons[1].tolist() == [[1, 2, 4, 6]]
