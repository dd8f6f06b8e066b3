"""Counts and recall of boxes."""
import math

import numpy as np
import pytest

from mmpose_tdmi.datasets.person_boxes import (BoxStatistics, box_statistics,
                                               person_boxes_by_image)


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
    assert dict(found.rows())['recall at IoU 0.75'] == '0.3333'
    assert found.table().count('\n') == len(found.rows()) - 1


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
            box(int(i), *xy, *wh) for i, xy, wh in zip(
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
