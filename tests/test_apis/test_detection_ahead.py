"""Detection in batches: what is found is what frame by frame gives."""
import numpy as np
import pytest

from mmpose_tdmi.apis import DetectorError, PersonFinder
from mmpose_tdmi.apis.boxes import MAX_AHEAD, DetectionAhead, FramesAhead
from mmpose_tdmi.utils.video import VideoReadError
from mmpose_tdmi.video.decoding import DecodedFrame
from mmpose_tdmi.video.tracking import build_tracker


def frames(number=12, size=(96, 128), start=0):
    """Frames whose brightness is their index."""
    return [
        DecodedFrame(i, i / 25, np.full((*size, 3), i, np.uint8))
        for i in range(start, start + number)
    ]


class Detector:
    """Finds a walker; fails on some frames, or on too many at once."""

    def __init__(self, failing=(), most=100):
        self.batches = []
        self.failing = failing
        self.most = most

    def __call__(self, images):
        indices = [int(image[0, 0, 0]) for image in images]
        self.batches.append(indices)
        assert len({image.shape for image in images}) == 1
        if len(images) > self.most:
            raise RuntimeError('out of memory')
        if set(indices) & set(self.failing):
            raise RuntimeError('out of memory')
        return [np.array([[10. + i, 10., 40. + i, 70., .8]]) for i in indices]


def run(detector, batch_size, video=None, interval=1, first=0):
    """The frames with their persons, and the finder."""
    ahead = DetectionAhead(detector, batch_size, first)
    finder = PersonFinder(lambda index, frame: detector([frame])[0],
                          build_tracker('iou'), interval, True, ahead)
    return [(f.index, f.persons)
            for f in finder.iterate(video or frames())], finder


@pytest.mark.parametrize('interval, batches', [
    (1, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]),
    (2, [[0, 2, 4, 6], [8, 10]]),
    (5, [[0, 5, 10]]),
    (20, [[0]]),
])
def test_batches_are_of_the_frames_to_be_looked_at(interval, batches):
    detector = Detector()
    found, _ = run(detector, 4, interval=interval)
    assert detector.batches == batches
    assert found == run(Detector(), 1, interval=interval)[0]


@pytest.mark.parametrize('interval', [1, 2, 3, 7])
@pytest.mark.parametrize('failing', [(0, ), (3, 4), (1, 6, 7), range(2, 11)])
def test_failures_are_those_of_frame_by_frame(interval, failing):
    expected, one = run(Detector(failing), 1, interval=interval)
    found, many = run(Detector(failing), 4, interval=interval)
    assert found == expected
    assert many.num_failures == one.num_failures


def test_ten_failures_in_a_row_are_an_error():
    detector = Detector(range(100))
    with pytest.raises(
            DetectorError,
            match='10 frames in a row, the last one frame 9: out of memory'):
        run(detector, 8, frames(30))


def test_batches_that_are_too_large_are_halved():
    detector = Detector(most=3)
    found, finder = run(detector, 8, frames(20))
    assert found == run(Detector(), 1, frames(20))[0]
    assert finder.num_failures == 0
    sizes = [len(batch) for batch in detector.batches]
    assert sizes == [8] + [1] * 8 + [4] + [1] * 4 + [2] * 4


def test_a_bad_frame_does_not_make_batches_smaller():
    detector = Detector(failing=(1, ))
    run(detector, 4)
    assert [len(batch) for batch in detector.batches] == [4, 1, 1, 1, 1, 4, 4]


def test_no_batch_crosses_a_change_of_size():
    video = frames(5) + frames(5, (48, 64), 5) + frames(2, start=10)
    detector = Detector()
    found, _ = run(detector, 4, video, interval=2)
    # each size begins with a detection, as frame by frame
    assert detector.batches == [[0, 2, 4], [5, 7, 9], [10]]
    assert found == run(Detector(), 1, video, interval=2)[0]


def test_frames_that_another_source_has_boxes_of():
    """Those of an interrupted run are taken from what it stored."""
    detector = Detector()
    run(detector, 4, first=5)
    assert detector.batches == [[0], [1], [2], [3], [4], [5, 6, 7, 8],
                                [9, 10, 11]]


@pytest.mark.parametrize('interval, batch_size', [(1, 8), (4, 8), (1, 64)])
def test_bounded(interval, batch_size):
    taken = []

    def endless():
        for frame in frames(200):
            taken.append(frame.index)
            yield frame

    finder = PersonFinder(None, build_tracker('iou'), interval, True,
                          DetectionAhead(Detector(), batch_size))
    for number, _ in zip(range(100), finder.iterate(endless())):
        assert len(taken) <= number + 1 + min(
            (batch_size - 1) * interval, MAX_AHEAD)
    assert max(map(len, finder._ahead._detect.batches)) > 1


def test_what_reading_ahead_raises_is_no_failure_of_the_detector():

    def broken():
        yield from frames(3)
        raise VideoReadError('a.mp4: frame 3 is corrupt')

    finder = PersonFinder(None, build_tracker('iou'), 1, True,
                          DetectionAhead(Detector(), 8))
    with pytest.raises(VideoReadError, match='frame 3 is corrupt'):
        list(finder.iterate(broken()))
    assert finder.num_failures == 0


@pytest.mark.parametrize('batch_size', [1, 4])
@pytest.mark.parametrize('error', [
    RuntimeError('shape mismatch'),
    ValueError('not enough values to unpack'),
    KeyError('scores')
])
def test_a_bug_is_no_bad_frame(batch_size, error):
    """It ends the video at once, and is told with the frame's number."""

    def buggy(images):
        if any(image[0, 0, 0] == 5 for image in images):
            raise error
        return [np.array([[10., 10., 40., 70., .8]])] * len(images)

    with pytest.raises(DetectorError, match='the detector failed on .*5') \
            as caught:
        run(buggy, batch_size)
    assert caught.value.__cause__ is error


def test_frames_ahead():
    video = FramesAhead(iter(frames(3)))
    assert video.peek(1).index == 1
    given = iter(video)
    assert next(given).index == 0
    assert (video.peek(0).index, video.peek(1).index) == (1, 2)
    assert video.peek(2) is None
    assert [frame.index for frame in given] == [1, 2]


def test_bad_batch_size():
    with pytest.raises(ValueError, match='det_batch_size must be at least 1'):
        DetectionAhead(Detector(), 0)
