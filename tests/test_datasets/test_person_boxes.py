"""Box files."""
import json
import logging

import pytest

from mmpose_tdmi.datasets import load_person_boxes, person_boxes

IMAGES = {7: dict(width=100, height=50), 8: dict(width=100, height=50)}
GOOD = dict(image_id=7, category_id=1, bbox=[10, 10, 20, 20], score=0.9)


def load(tmp_path, boxes, **kwargs):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(boxes))
    return load_person_boxes(
        str(path), IMAGES, lambda img: (img['width'], img['height']), **kwargs)


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
        tmp_path, monkeypatch, box, reason):
    logged = []
    monkeypatch.setattr(person_boxes, 'print_log',
                        lambda text, level, **_: logged.append((text, level)))
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
    (dict(bbox=[1, 2, float('nan'), 4]), r'entry 1: bbox .*nan'),
    (dict(bbox=[1, float('inf'), 3, 4]), r'entry 1: bbox .*inf'),
    (dict(bbox=[1, 2, None, 4]), r'entry 1: bbox .*None'),
    (dict(bbox=[1, 2, 3]), r'entry 1: bbox must be \[x, y, width, height\]'),
    (dict(bbox=None), r'entry 1: bbox must be'),
    (dict(score=float('nan')), r'entry 1: score .*nan'),
    (dict(score='high'), r"entry 1: score .*'high'"),
    (dict(image_id=9), r'1 image ids .*\[9\] \(first at entry 1\).*\[7, 8\]'),
    (dict(image_id='7'), r"1 image ids .*\['7'\]"),
])
def test_bad_values_are_named(tmp_path, change, expected):
    with pytest.raises(ValueError, match=rf'boxes.json: {expected}'):
        load(tmp_path, [GOOD, dict(GOOD, **change)])


@pytest.mark.parametrize('key', GOOD)
def test_missing_keys_are_named(tmp_path, key):
    box = {k: v for k, v in GOOD.items() if k != key}
    with pytest.raises(ValueError, match=rf"entry 1 lacks \['{key}'\]"):
        load(tmp_path, [GOOD, box])


def test_files_that_are_no_box_files(tmp_path):
    with pytest.raises(ValueError, match='list of detections, got dict'):
        load(tmp_path, dict(annotations=[]))
    with pytest.raises(ValueError, match='entry 0: expected a dict'):
        load(tmp_path, [[1, 2]])
    with pytest.raises(FileNotFoundError, match='none.json'):
        load_person_boxes(str(tmp_path / 'none.json'), IMAGES, None)
