"""Who is where: detection every N frames, tracking, failures."""
import numpy as np
import pytest

from mmpose_tdmi.apis import DetectorError, PersonFinder
from mmpose_tdmi.apis.boxes import MAX_FAILURES
from mmpose_tdmi.video import TrackedBox
from mmpose_tdmi.video.decoding import DecodedFrame
from mmpose_tdmi.video.tracking import build_tracker


class Detector:
    """Finds a walker; fails on some frames."""

    def __init__(self, failing=(), error=RuntimeError('out of memory')):
        self.asked = []
        self.failing = failing
        self.error = error

    def __call__(self, index, frame):
        self.asked.append(index)
        if index in self.failing:
            raise self.error
        return np.array([[10. + index, 10., 40. + index, 70., .8]])


def frames(number=12, size=(96, 128), start=0):
    return [
        DecodedFrame(i, i / 25, np.zeros((*size, 3), np.uint8), number=5 * i)
        for i in range(start, start + number)
    ]


def run(boxes, videos=None, **kwargs):
    finder = PersonFinder(boxes, build_tracker('iou'), **kwargs)
    return list(finder.iterate(videos or frames())), finder


def sources(found):
    return ''.join(frame.persons[0].source[0] for frame in found)


def test_every_frame():
    detector = Detector()
    found, _ = run(detector, is_detector=True)
    assert detector.asked == list(range(12))
    for frame, decoded in zip(found, frames()):
        assert (frame.index, frame.number) == (decoded.index, decoded.number)
        assert frame.timestamp == decoded.timestamp
        (box, ) = frame.persons
        assert (box.track_id, box.score, box.source) == (0, .8, 'detected')
        assert box.bbox[0] == 10 + frame.index


def test_every_third_frame():
    detector = Detector()
    found, _ = run(detector, det_interval=3, is_detector=True)
    assert detector.asked == [0, 3, 6, 9]
    assert sources(found) == 'dcc' * 4
    assert {frame.persons[0].track_id for frame in found} == {0}
    # carried boxes go along with the person
    for frame in found[6:]:
        assert frame.persons[0].bbox[0] == pytest.approx(
            10 + frame.index, abs=1.5)


def test_a_failure_is_borne_and_the_next_frame_is_tried():
    detector = Detector(failing=(3, 4))
    found, finder = run(detector, det_interval=3, is_detector=True)
    assert detector.asked == [0, 3, 4, 5, 8, 11]
    assert sources(found) == 'dccccdccdccd'
    assert finder.num_failures == 2


def test_many_failures_in_a_row_are_an_error():
    detector = Detector(failing=range(1, 100))
    with pytest.raises(
            DetectorError,
            match=f'{MAX_FAILURES} frames in a row, the last one frame 10: '
            'out of memory'):
        run(detector, is_detector=True)
    detector = Detector(failing=[i for i in range(100) if i % 5])
    assert run(detector, frames(30), is_detector=True)[1].num_failures == 24


def test_what_is_no_failure_of_the_detector_is_raised():
    with pytest.raises(RuntimeError, match='out of memory'):
        run(Detector(failing=[2]))  # the caller's own function
    for error in (KeyError('a bug'), RuntimeError('a bug'),
                  ValueError('a bug')):
        with pytest.raises(DetectorError, match='failed on frame 2: .*a bug'):
            run(Detector([2], error), is_detector=True)


def test_a_new_size_is_detected_on():
    detector = Detector()
    found, _ = run(
        detector,
        frames(4) + frames(4, (48, 64), 4),
        det_interval=10,
        is_detector=True)
    assert detector.asked == [0, 4]
    assert [len(f.persons) for f in found] == [1] * 8


def test_given_boxes():
    given = [[TrackedBox(7, (5. * i, 5., 40., 40.), 1.)] for i in range(3)]
    found, _ = run(lambda index, frame: given[index], frames(3))
    assert [frame.persons for frame in found] == given
    found, _ = run(Detector(), frames(3))  # without ids
    assert sources(found) == 'ggg'
    assert [frame.persons[0].track_id for frame in found] == [0, 0, 0]


def test_boxes_outside_the_frame_are_left_out():
    boxes = [(-30., 5., 0., 40.), (-30., 5., 1., 40.), (128., 5., 150., 40.),
             (127., 90., 150., 140.), (5., 96., 9., 99.)]
    found, _ = run(
        lambda *_: [TrackedBox(i, box, 1.) for i, box in enumerate(boxes)],
        frames(1))
    assert [box.track_id for box in found[0].persons] == [1, 3]


def test_frames_are_taken_one_by_one():
    taken = []

    def endless():
        for frame in frames(1000):
            taken.append(frame.index)
            yield frame

    finder = PersonFinder(Detector(), build_tracker('iou'))
    found = finder.iterate(endless())
    next(found), next(found)
    assert taken == [0, 1]


def test_bad_interval():
    with pytest.raises(ValueError, match='det_interval must be at least 1'):
        PersonFinder(Detector(), build_tracker('iou'), 0)
