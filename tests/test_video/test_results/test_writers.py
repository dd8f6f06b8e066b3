"""Results written while frames come in, and what early ends leave."""
import errno
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import jsonschema
import numpy as np
import pytest

from mmpose_tdmi.apis import open_frames, open_video
from mmpose_tdmi.video.results import (OutputSettings, VideoResultWriter,
                                       load_results, open_writers,
                                       results_schema)
from mmpose_tdmi.video.results import writers as writers_module
from mmpose_tdmi.video.results.resume import VideoPieces


@pytest.fixture
def settings(tmp_path):
    """``settings(**changes)``: everything is written."""

    def make(**changes) -> OutputSettings:
        return OutputSettings(
            **{
                **dict(
                    pred_out_dir=tmp_path / 'out/predictions',
                    vis_out_dir=tmp_path / 'out/visualizations',
                    formats=('json', 'csv', 'posetrack', 'coco'),
                    report=True),
                **changes
            })

    return make


@pytest.fixture
def short_pieces(monkeypatch):
    """Pieces of 8 frames."""
    real = VideoPieces.__init__

    def init(self, *args, **kwargs):
        real(self, *args, **{**kwargs, 'length': 8})

    monkeypatch.setattr(VideoPieces, '__init__', init)


@pytest.fixture
def fill(image_of, poses_of):
    """``fill(writer, first, stop)`` writes frames."""

    def write(writer: VideoResultWriter, first: int, stop: int) -> None:
        for index in range(first, stop):
            writer.write(poses_of(index, file_name=f'{index}.jpg'))

    return write


def files_in(folder: Path):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob('*')
        if path.is_file())


ALL_FILES = [
    'predictions/posetrack/walk.json', 'predictions/walk.coco.json',
    'predictions/walk.csv', 'predictions/walk.json',
    'visualizations/walk.html', 'visualizations/walk.mp4'
]


def test_a_whole_run(tmp_path, make_meta, settings, fill, fps):
    writer = open_writers(make_meta(), settings())
    fill(writer, 0, 20)
    assert not [
        name for name in files_in(tmp_path / 'out') if '.partial/' not in name
    ]
    written = writer.close()
    assert files_in(tmp_path / 'out') == ALL_FILES
    assert sorted(written) == sorted(tmp_path / 'out' / name
                                     for name in ALL_FILES)
    assert sorted(writer.outputs) == sorted(written)
    content = load_results(tmp_path / 'out/predictions/walk.json')
    jsonschema.validate(content, results_schema())
    assert [frame['frame'] for frame in content['frames']] == list(range(20))
    reader = open_frames(tmp_path / 'out/visualizations/walk.mp4')
    assert len(reader) == 20 and reader.size == (96, 64)
    assert reader.fps == fps


def test_permissions_are_the_usual_ones(tmp_path, make_meta, settings, fill):
    with open_writers(make_meta(), settings()) as writer:
        fill(writer, 0, 2)
    usual = tmp_path / 'usual'
    usual.touch()
    modes = {
        path.stat().st_mode & 0o777
        for path in (tmp_path / 'out').rglob('*') if path.is_file()
    }
    assert modes == {usual.stat().st_mode & 0o777}


def test_an_error_publishes_nothing_and_can_be_gone_on_with(
        tmp_path, make_meta, settings, fill, short_pieces):
    with pytest.raises(RuntimeError, match='no power'):
        with open_writers(make_meta(), settings()) as writer:
            fill(writer, 0, 13)
            raise RuntimeError('no power')
    left = files_in(tmp_path / 'out')
    assert left and all('.walk.partial/' in name for name in left)
    with open_writers(make_meta(), settings(resume=True)) as writer:
        assert writer.next_index == 13
        assert [r['frame'] for r in writer.stored_frames()] == \
            list(range(13))
        fill(writer, 9, 20)  # what is stored is passed over
    assert files_in(tmp_path / 'out') == ALL_FILES
    # the same as of a run without interruption
    resumed = {
        name: (tmp_path / 'out' / name).read_bytes()
        for name in ALL_FILES[:4]
    }
    reader = open_frames(tmp_path / 'out/visualizations/walk.mp4')
    drawn = [frame for _, frame in reader]
    with open_writers(make_meta(), settings()) as writer:
        fill(writer, 0, 20)
    for name, content in resumed.items():
        assert (tmp_path / 'out' / name).read_bytes() == content, name
    reader = open_frames(tmp_path / 'out/visualizations/walk.mp4')
    whole = [frame for _, frame in reader]
    assert len(drawn) == len(whole) == 20
    # pieces are encoded by themselves; the trails are there in both
    difference = np.abs(np.subtract(drawn, whole, dtype=int))
    assert difference.mean() < 2


def test_other_settings_start_anew(tmp_path, make_meta, settings, fill):
    writer = open_writers(make_meta(), settings())
    fill(writer, 0, 5)
    writer.abort()
    for meta, changes in ((make_meta(run=dict(weights='b')), {}),
                          (make_meta(), dict(trail=3)), (make_meta(),
                                                         dict(resume=False))):
        again = open_writers(meta, settings(**{'resume': True, **changes}))
        assert again.next_index == 0
        fill(again, 0, 2)
        again.abort()
    (tmp_path / 'source.mp4').write_bytes(b'another video')
    again = open_writers(make_meta(), settings(resume=True))
    assert again.next_index == 0
    again.abort()


def test_one_process_at_a_time(make_meta, settings, fill):
    writer = open_writers(make_meta(), settings())
    fill(writer, 0, 3)
    with pytest.raises(ValueError, match='another process is writing'):
        open_writers(make_meta(), settings(resume=True))
    # of another video there is no harm, and the first goes on undisturbed
    open_writers(make_meta('run'), settings()).abort()
    fill(writer, 3, 4)
    writer.close()


KILLED = '''
import pickle, sys
from mmpose_tdmi.video.results import OutputSettings, open_writers
from mmpose_tdmi.video.results.resume import VideoPieces
VideoPieces.__init__.__defaults__ = (8, *VideoPieces.__init__.__defaults__[1:])
with open(sys.argv[1], 'rb') as file:
    meta, settings, frames = pickle.load(file)
writer = open_writers(meta, settings)
for i, frame in enumerate(frames):
    writer.write(frame)
    print(i, flush=True)
sys.stdin.read()
'''


def test_killed_at_any_time(tmp_path, make_meta, settings, fill, poses_of,
                            image_of, short_pieces):
    frames = [poses_of(i, file_name=f'{i}.jpg') for i in range(21)]
    job = tmp_path / 'job.pickle'
    job.write_bytes(pickle.dumps((make_meta(), settings(), frames)))
    process = subprocess.Popen(
        [sys.executable, '-c', KILLED, str(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True)
    try:
        for line in process.stdout:
            if line.strip() == '20':
                break
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = files_in(tmp_path / 'out')
    assert left and all('.walk.partial/' in name for name in left)
    started = time.time()
    with open_writers(make_meta(), settings(resume=True)) as writer:
        # whole pieces count: 16 of 21 frames
        assert writer.next_index == 16
        fill(writer, 16, 30)
    assert time.time() - started < 60
    assert files_in(tmp_path / 'out') == ALL_FILES
    content = load_results(tmp_path / 'out/predictions/walk.json')
    assert [frame['frame'] for frame in content['frames']] == list(range(30))
    assert content['frames'][3]['file_name'] == '3.jpg'
    reader = open_frames(tmp_path / 'out/visualizations/walk.mp4')
    assert len(reader) == 30


def test_without_videos_no_frame_is_lost(tmp_path, make_meta, fill):
    settings = OutputSettings(pred_out_dir=tmp_path / 'p')
    writer = open_writers(make_meta(), settings)
    fill(writer, 0, 5)
    writer._folder.leave()  # as the end of the process does
    resumed = open_writers(
        make_meta(), OutputSettings(pred_out_dir=tmp_path / 'p', resume=True))
    assert resumed.next_index == 5
    resumed.close()


@pytest.mark.parametrize('failing', ['json', 'posetrack'])
def test_a_disk_that_is_full_at_the_end(tmp_path, make_meta, settings, fill,
                                        monkeypatch, failing):

    def export(path, journal, meta):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with open_writers(make_meta(), settings()) as writer:
        fill(writer, 0, 3)
    before = (tmp_path / 'out/predictions/walk.json').read_bytes()
    with monkeypatch.context() as patch:
        patch.setitem(writers_module.EXPORTS, failing, export)
        writer = open_writers(make_meta(), settings())
        fill(writer, 0, 9)
        with pytest.raises(OSError, match='No space'):
            writer.close()
    if failing == 'json':
        after = (tmp_path / 'out/predictions/walk.json').read_bytes()
        assert after == before
    again = open_writers(make_meta(), settings(resume=True))
    assert again.next_index == 9
    again.close()
    content = load_results(tmp_path / 'out/predictions/walk.json')
    assert len(content['frames']) == 9
    assert files_in(tmp_path / 'out') == ALL_FILES


def test_a_disk_that_is_full_while_a_video_is_drawn(tmp_path, make_meta,
                                                    settings, poses_of):
    """An error of the system's kind, which tools tell in a line."""
    noise = np.random.default_rng(0).integers(
        0, 256, (20, 64, 96, 3), dtype=np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = open_writers(make_meta(), settings(report=False))
    # between what the records and what the frames take
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(OSError, match='too large.*overlay'):
            with writer:
                for index, image in enumerate(noise):
                    writer.write(replace(poses_of(index), image=image))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    left = files_in(tmp_path / 'out')
    assert left and all('.walk.partial/' in name for name in left)
    # with space again it begins with the piece that was lost
    with open_writers(make_meta(), settings(report=False,
                                            resume=True)) as writer:
        assert writer.next_index == 0
        for index, image in enumerate(noise):
            writer.write(replace(poses_of(index), image=image))
    reader = open_frames(tmp_path / 'out/visualizations/walk.mp4')
    assert len(reader) == 20


def test_leftovers_of_a_killed_process_go(tmp_path, make_meta, settings, fill):
    folder = tmp_path / 'out/predictions'
    folder.mkdir(parents=True)
    mine = folder / '.walk-mmpose_tdmi-a_b3c4d5.json'
    others = [
        folder / '.walk-away-mmpose_tdmi-a_b3c4d5.json',
        folder / '.walk-mmpose_tdmi-a_b3c4d5.csv.x',
        folder / '.walk-a_b3c4d5.json', folder / 'walk-a_b3c4d5.json'
    ]
    for path in (mine, *others):
        path.touch()
    with open_writers(make_meta(), settings()) as writer:
        fill(writer, 0, 1)
    assert not mine.exists() and all(path.exists() for path in others)


def test_no_frame_at_all(tmp_path, make_meta, settings):
    with pytest.raises(ValueError, match='source.mp4: no frame was written'):
        with open_writers(make_meta(), settings()):
            pass
    assert all('.walk.partial/' in name for name in files_in(tmp_path / 'out'))


def test_a_frame_of_another_size(tmp_path, make_meta, settings, poses_of):
    with open_writers(make_meta(), settings()) as writer:
        for index, image in enumerate([
                np.zeros((64, 96, 3), np.uint8),
                np.full((64, 48, 3), 200, np.uint8)
        ]):
            writer.write(replace(poses_of(index), image=image))
    content = load_results(tmp_path / 'out/predictions/walk.json')
    assert 'size' not in content['frames'][0]
    assert content['frames'][1]['size'] == [48, 64]
    reader = open_frames(tmp_path / 'out/visualizations/walk.mp4')
    second = reader[1]
    assert second.shape == (64, 96, 3)
    assert second[:, :20].mean() < 20 and second[55:, 40:60].mean() > 180


def test_holes_keep_the_times(tmp_path, make_meta, settings, poses_of,
                              image_of):
    with open_writers(make_meta(fps=Fraction(10)), settings()) as writer:
        for index in (0, 1, 5):
            writer.write(
                replace(poses_of(0), index=index, timestamp=index / 10))
    with av.open(str(tmp_path / 'out/visualizations/walk.mp4')) as file:
        times = [frame.time for frame in file.decode(video=0)]
    assert times == pytest.approx([0, .1, .5])


def test_pixels_that_are_not_square(tmp_path, make_meta, settings, poses_of):
    """The drawn video is shown as its input is."""
    aspect = Fraction(4, 3)
    with open_writers(make_meta(pixel_aspect=aspect), settings()) as writer:
        writer.write(poses_of(0))
    assert writer.meta.as_json()['pixel_aspect'] == pytest.approx(4 / 3)
    assert 'pixel_aspect' not in make_meta().as_json()
    path = tmp_path / 'out/visualizations/walk.mp4'
    assert open_video(path).pixel_aspect == aspect


def test_nothing_asked_for(tmp_path, make_meta):
    with pytest.raises(ValueError, match='no result file is asked for'):
        open_writers(make_meta(),
                     OutputSettings(vis_out_dir=tmp_path, overlay=False))


def test_frame_that_cannot_be_stored(tmp_path, make_meta, settings, poses_of,
                                     image_of, fill):
    with pytest.raises(ValueError, match='ascend'):
        with open_writers(make_meta(), settings()) as writer:
            fill(writer, 0, 3)
            writer.write(poses_of(1))


def test_drawn_frame_is_at_hand(make_meta, settings, fill, image_of):
    with open_writers(make_meta(), settings()) as writer:
        assert writer.last_drawn is None
        fill(writer, 0, 1)
        assert writer.last_drawn.shape == (64, 96, 3)
        assert (writer.last_drawn != image_of(0)).any()


def test_the_json_is_readable_by_any_reader(tmp_path, make_meta, settings,
                                            fill):
    meta = make_meta(name='straße "ä" </script>'.replace('/', '-'))
    with open_writers(meta, settings()) as writer:
        fill(writer, 0, 2)
    path = tmp_path / 'out/predictions' / f'{meta.name}.json'
    assert json.loads(path.read_text('utf-8'))['meta']['name'] == meta.name


@pytest.mark.parametrize('code', ['ENOLCK', 'ENOSYS', 'EOPNOTSUPP'])
def test_a_file_system_without_locks(make_meta, settings, fill, monkeypatch,
                                     code):
    told = []
    monkeypatch.setattr('mmpose_tdmi.video.results.resume.print_log',
                        lambda text, *args: told.append(text))
    number = getattr(errno, code)

    def flock(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr('fcntl.flock', flock)
    with open_writers(make_meta(), settings()) as writer:
        fill(writer, 0, 3)
    assert len(told) == 1 and 'this file system has no locks' in told[0]
    assert '--no-lock' in told[0]
    assert all(path.is_file() for path in writer.outputs)

    monkeypatch.setattr('fcntl.flock', None)  # is not even asked for one
    with open_writers(make_meta(), settings(lock=False)) as writer:
        fill(writer, 0, 3)
    assert len(told) == 1


def test_other_errors_of_locks_are_errors(make_meta, settings, monkeypatch):

    def flock(*args):
        raise OSError(errno.EIO, 'Input/output error')

    monkeypatch.setattr('fcntl.flock', flock)
    with pytest.raises(OSError, match='Input/output'):
        open_writers(make_meta(), settings()).__enter__()
