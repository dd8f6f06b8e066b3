"""Bad input and faults: what is stated in docs/video.md, one test each."""
import errno
import itertools
import json
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest

from mmpose_tdmi.apis import DetectorError, VideoPoseInferencer, open_frames
from mmpose_tdmi.video import TrackedBox
from mmpose_tdmi.video.decoding import open_video


@pytest.fixture(scope='module')
def inferencer(saved_pose_model):
    return VideoPoseInferencer(*saved_pose_model, device='cpu')


@pytest.fixture(scope='module')
def video(tmp_path_factory, videos):
    return videos.make(
        tmp_path_factory.mktemp('video') / 'a.mp4', num_frames=20)


def someone(index, frame):
    """One person in every frame."""
    return [TrackedBox(0, (10., 5., 40., 45.), 1.)]


def still(index):
    return np.full((48, 64, 3), 10 * (index % 20), np.uint8)


def read(path):
    """The frames of a finished result."""
    return json.loads(path.read_text())['frames']


def test_corrupt_frames_in_mid_video(inferencer, videos, video, tmp_path):
    """They are left out; all others keep index and time stamp."""
    broken = videos.damage(video, tmp_path / 'b.mp4', (10, ))
    (summary, ) = inferencer.run(broken, boxes=someone, out_dir=tmp_path)
    frames = read(tmp_path / 'predictions/b.json')
    kept = [i for i in range(20) if i != 11]
    assert [f['frame'] for f in frames] == kept
    for frame in frames:
        assert frame['timestamp'] == pytest.approx(
            frame['frame'] * 1001 / 30000, abs=1e-3)
        assert len(frame['persons']) == 1
    assert (summary.num_frames, summary.num_skipped) == (19, 1)
    with pytest.raises(ValueError, match='b.mp4: frame 11 cannot be decoded'):
        inferencer.run(broken, boxes=someone, on_corrupt='raise')


def test_variable_frame_rate(inferencer, videos, tmp_path):
    """Time stamps are the file's, in the results and the drawn video."""
    times = [33 * i + 60 * max(0, i - 5) for i in range(10)]
    path = videos.make(tmp_path / 'a.mkv', num_frames=10, milliseconds=times)
    inferencer.run(path, boxes=someone, out_dir=tmp_path)
    frames = read(tmp_path / 'predictions/a.json')
    assert [round(1000 * f['timestamp']) for f in frames] == times
    drawn = open_frames(tmp_path / 'visualizations/a.mp4')
    assert len(drawn) == 10


def test_rotation(inferencer, videos, tmp_path):
    """Frames are turned upright, and coordinates are of those."""
    path = videos.turn(videos.make(tmp_path / 'a.mp4', num_frames=3))
    results = list(inferencer(path, boxes=someone, out_dir=tmp_path))
    assert all(r.image.shape == (64, 48, 3) for r in results)
    content = json.loads((tmp_path / 'predictions/a.json').read_text())
    assert (content['meta']['width'], content['meta']['height']) == (48, 64)
    assert open_frames(tmp_path / 'visualizations/a.mp4').size == (48, 64)


def test_zero_people(inferencer, video, tmp_path):
    """Every frame is there, with an empty list."""
    inferencer.run(video, boxes=lambda *_: np.zeros((0, 5)), out_dir=tmp_path)
    frames = read(tmp_path / 'predictions/a.json')
    assert [f['persons'] for f in frames] == [[]] * 20
    assert len(open_frames(tmp_path / 'visualizations/a.mp4')) == 20


def test_a_hundred_people(inferencer, tmp_path):
    """All of them, each with the own id."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, [600, 440], (100, 2))
    boxes = np.hstack([corners, corners + [40, 60], np.ones((100, 1))])
    frames = [np.zeros((500, 640, 3), np.uint8)] * 2
    results = list(
        inferencer(
            frames,
            boxes=lambda *_: boxes,
            batch_size=16,
            pred_out_dir=tmp_path))
    for result in results:
        ids = [p.box.track_id for p in result.poses.persons]
        assert len(set(ids)) == 100
    for a, b in zip(*(r.poses.persons for r in results)):
        assert a.box.track_id == b.box.track_id
        assert a.box.bbox == b.box.bbox


def test_entering_and_leaving_at_the_border(inferencer, tmp_path):
    """Boxes may reach out of the frame; outside of it there is nobody."""

    def passing(index, frame):
        return [
            TrackedBox(5, (-40. + 8 * index, 5., -10. + 8 * index, 45.), 1.)
        ]

    results = list(
        inferencer([still(i) for i in range(16)],
                   boxes=passing,
                   out_dir=tmp_path))
    inside = [bool(r.poses.persons) for r in results]
    assert inside == [
        0 < 30 + -40 + 8 * i and -40 + 8 * i < 64 for i in range(16)
    ]
    for result in results:
        for person in result.poses.persons:
            assert person.box.track_id == 5
            assert np.isfinite(person.keypoints).all()
            assert (np.abs(person.keypoints - [32, 24]) < 120).all()


def test_one_frame(inferencer, videos, tmp_path):
    """A window of copies, as at any video's ends."""
    path = videos.make(tmp_path / 'a.mp4', num_frames=1)
    for mode in ('offline', 'naive'):
        inferencer.run(path, boxes=someone, mode=mode, out_dir=tmp_path)
        (frame, ) = read(tmp_path / 'predictions/a.json')
        assert len(frame['persons']) == 1


def test_change_of_resolution(inferencer, tmp_path):
    """Another video for the model; one for who reads the results."""
    frames = [still(i) for i in range(4)]
    frames += [np.full((96, 128, 3), 50 * i, np.uint8) for i in range(4)]

    def box(index, frame):
        height, width = frame.shape[:2]
        return [[width / 4, height / 8, width * 3 / 4, height * 7 / 8]]

    results = list(inferencer(frames, boxes=box, out_dir=tmp_path))
    assert [r.index for r in results] == list(range(8))
    assert [r.image.shape[0] for r in results] == [48] * 4 + [96] * 4
    alone = list(inferencer(frames[4:], boxes=box))
    for found, expected in zip(results[4:], alone):
        np.testing.assert_allclose(
            found.poses.persons[0].keypoints,
            expected.poses.persons[0].keypoints,
            atol=1e-3)
    # the drawn video keeps the first frame's size
    drawn = open_frames(tmp_path / 'visualizations/frames.mp4')
    assert (len(drawn), drawn.size) == (8, (64, 48))
    sizes = [f.get('size') for f in read(tmp_path / 'predictions/frames.json')]
    assert sizes == [None] * 4 + [[128, 96]] * 4


def test_change_of_resolution_in_a_file(inferencer, videos, tmp_path):
    """Two recordings in one file; the second one's clock begins anew."""
    parts = [
        videos.make(tmp_path / f'{i}.ts', num_frames=6, size=size)
        for i, size in enumerate([(64, 48), (96, 80)])
    ]
    path = tmp_path / 'a.ts'
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    (summary, ) = inferencer.run(path, boxes=someone, out_dir=tmp_path)
    assert (summary.num_frames, summary.num_skipped) == (12, 0)
    frames = read(tmp_path / 'predictions/a.json')
    assert [f.get('size') for f in frames] == [None] * 6 + [[96, 80]] * 6
    times = [f['timestamp'] for f in frames]
    np.testing.assert_allclose(np.diff(times), 1001 / 30000, atol=1e-3)
    drawn = open_frames(tmp_path / 'visualizations/a.mp4')
    assert (len(drawn), drawn.size) == (12, (64, 48))


def test_disk_full(inferencer, video, tmp_path):
    """An error that says so; what was there before stays; no half file."""
    inferencer.run(video, boxes=someone, pred_out_dir=tmp_path)
    before = (tmp_path / 'a.json').read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            inferencer.run(
                video, boxes=someone, kpt_thr=.1, pred_out_dir=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert (tmp_path / 'a.json').read_bytes() == before
    assert [p.name for p in tmp_path.glob('*.json')] == ['a.json']
    # with space again it works
    inferencer.run(video, boxes=someone, pred_out_dir=tmp_path)
    assert len(read(tmp_path / 'a.json')) == 20


def test_killed_while_writing(saved_pose_model, videos, tmp_path):
    """Nothing half written; a later run goes on from there."""
    video = videos.make(tmp_path / 'a.mp4', num_frames=6)
    script = textwrap.dedent('''
        import os, signal, sys
        from mmpose_tdmi.apis import VideoPoseInferencer
        config, checkpoint, video, out = sys.argv[1:]
        inferencer = VideoPoseInferencer(
            config, checkpoint, device='cpu', det_model='whole_image')
        for result in inferencer(video, mode='naive', pred_out_dir=out):
            if result.index == 3:
                os.kill(os.getpid(), signal.SIGKILL)
    ''')
    out = tmp_path / 'out'
    done = subprocess.run(
        [sys.executable, '-c', script, *saved_pose_model, video, out],
        stdout=subprocess.DEVNULL,
        timeout=300)
    assert done.returncode == -signal.SIGKILL
    assert list(out.glob('*.json')) == []

    again = VideoPoseInferencer(
        *saved_pose_model, device='cpu', det_model='whole_image')
    settings = dict(mode='naive', pred_out_dir=out)
    given = [r.index for r in again(video, resume=True, **settings)]
    assert given == [4, 5]
    resumed = read(out / 'a.json')
    again.run(video, **settings)
    assert resumed == read(out / 'a.json')


def test_stopped_by_the_caller(inferencer, video, tmp_path):
    """Threads end, nothing is published, a later run goes on."""
    before = threading.active_count()
    settings = dict(
        boxes=[[[10., 5., 40., 45.]]] * 20,
        mode='naive',
        resume=True,
        pred_out_dir=tmp_path)
    results = inferencer(video, **settings)
    for _ in range(6):
        next(results)
    results.close()
    assert threading.active_count() == before
    assert list(tmp_path.glob('*.json')) == []
    given = [r.index for r in inferencer(video, **settings)]
    assert given == list(range(6, 20))
    frames = read(tmp_path / 'a.json')
    assert [f['frame'] for f in frames] == list(range(20))
    # the tracker is where it was
    assert {f['persons'][0]['track_id'] for f in frames} == {0}


@pytest.fixture(scope='module')
def detecting(saved_pose_model, saved_detector):
    return VideoPoseInferencer(
        *saved_pose_model,
        device='cpu',
        det_model=saved_detector.config,
        det_weights=saved_detector.checkpoint)


def test_detector_failing_on_a_frame(detecting, video, monkeypatch):
    """Boxes are carried over it; ten failures in a row are an error."""
    third = next(itertools.islice(iter(open_video(video)), 2, None)).image

    def failing(images, *args):
        if any((image == third).all() for image in images):
            raise RuntimeError('CUDA out of memory')
        return [np.array([[10., 5., 40., 45., .9]])] * len(images)

    monkeypatch.setattr(detecting, 'detector', failing)
    sources = [
        r.poses.persons[0].box.source
        for r in detecting(video, det_interval=1)
    ]
    assert sources == ['detected'] * 2 + ['carried'] + ['detected'] * 17
    assert detecting.summary.num_detector_failures == 1

    def broken(*args):
        raise RuntimeError('CUDA out of memory')

    monkeypatch.setattr(detecting, 'detector', broken)
    with pytest.raises(DetectorError, match='10 frames in a row.*CUDA'):
        detecting.run(video)


class Tag:
    """Lives as long as the frame that carries it."""


class TaggedFrame(np.ndarray):
    """A frame that can carry one."""


def test_no_queue_grows(inferencer):
    """The frames in memory do not depend on the video's length."""
    alive, most = weakref.WeakSet(), {}

    def camera(length):
        for i in range(length):
            frame = still(i).view(TaggedFrame)
            frame.tag = Tag()
            alive.add(frame.tag)
            yield frame
            del frame

    def rarely(index, frame):
        return someone(index, frame) if index % 25 == 0 else []

    for length in (50, 120):
        most[length] = 0
        for _ in inferencer(camera(length), boxes=rarely):
            most[length] = max(most[length], len(alive))
    assert most[120] <= most[50] + 2
    assert most[50] < 45
