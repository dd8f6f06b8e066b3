"""Which videos there are, and what became of them."""
import json
import os
from pathlib import Path

import av
import cv2
import fsspec
import numpy as np
import pytest

from mmpose_tdmi.apis import dealing, many_videos, open_video, pieces
from mmpose_tdmi.apis.dealing import Results
from mmpose_tdmi.apis.many_videos import (VideoJob, VideoWorker, find_jobs,
                                          infer_videos, is_video)
from mmpose_tdmi.utils.video import VideoWriter
from mmpose_tdmi.video import CropPolicy, streaming


@pytest.fixture
def folder(tmp_path):
    """Videos a and b, a text, and frames of c and d."""
    for name, size in (('a.mp4', 3), ('b.MKV', 9), ('notes.txt', 1),
                       ('c/1.jpg', 5), ('c/2.jpg', 2), ('d/1.jpg', 1)):
        path = tmp_path / 'in' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'0' * size)
    return tmp_path / 'in'


def names(jobs):
    return [job.name for job in jobs]


def test_find_jobs(folder):
    jobs = find_jobs([str(folder)])
    assert jobs == [
        VideoJob('b', str(folder / 'b.MKV'), 9),
        VideoJob('a', str(folder / 'a.mp4'), 3)
    ]
    assert names(find_jobs([str(folder / 'c'), str(folder / 'd')])) == \
        ['c', 'd']
    assert names(find_jobs([str(folder / '[cd]')])) == ['c', 'd']
    # each once, whatever it is named by
    many = [str(folder), str(folder / '*.mp4'), os.path.relpath(folder)]
    assert names(find_jobs(many)) == ['b', 'a']
    with pytest.raises(FileNotFoundError, match='nothing.mp4'):
        find_jobs([str(folder / 'nothing.mp4')])


def test_names_of_results_differ(folder):
    (folder / 'd' / 'a.mp4').write_bytes(b'1')
    inputs = [str(folder / 'a.mp4'), str(folder / 'd' / 'a.mp4')]
    assert names(find_jobs(inputs)) == ['in__a', 'd__a']
    (folder / 'a.avi').write_bytes(b'1')
    with pytest.raises(ValueError, match="both be called 'in__a'"):
        find_jobs([*inputs, str(folder / 'a.avi')])


def write_video(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name('made.mkv')
    with VideoWriter(made, 10) as video:
        video.write(np.zeros((16, 16, 3), np.uint8))
    made.rename(path)


def test_what_a_folder_s_videos_are(tmp_path, monkeypatch):
    """What FFmpeg opens, whatever its suffix; the rest is told."""
    said = []
    monkeypatch.setattr(many_videos, 'print_log',
                        lambda text, *_: said.append(text))
    folder = tmp_path / 'in'
    for name in ('a.vid', 'b', 'c.mkv', 'e.txt'):
        write_video(folder / name)
    for name, content in (('notes.txt', b'some text\n' * 9),
                          ('x.json', b'[1, 2]'), ('x.md', b'# text'),
                          ('broken.mp4', b'0'), ('broken.mp3',
                                                 b'0'), ('.hidden.mp4', b'0'),
                          ('list.m3u8',
                           b'#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n')):
        (folder / name).write_bytes(content)
    (folder / 'sub').mkdir()
    cv2.imwrite(str(folder / 'cover.jpg'), np.zeros((9, 9, 3), np.uint8))
    with av.open(str(folder / 'sound.mka'), 'w', format='matroska') as sound:
        stream = sound.add_stream('pcm_s16le', rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), layout=stream.layout.name)
        frame.sample_rate = 8000
        sound.mux(stream.encode(frame))
    (folder / 'gone.mp4').symlink_to(tmp_path / 'nowhere.mp4')
    # a link that leads nowhere fails by itself, and so does half a download
    assert sorted(names(find_jobs(
        [str(folder)]))) == ['a', 'b', 'broken', 'c', 'e', 'gone']
    text, = said
    left = [
        'broken.mp3', 'cover.jpg', 'list.m3u8', 'notes.txt', 'sound.mka',
        'x.json', 'x.md'
    ]
    assert text == '7 files are left out, as no videos: ' + ', '.join(
        str(folder / name) for name in left)


def test_a_cover_is_no_video(shared_bugs, tmp_path):
    with av.open(str(shared_bugs / 'cover_first.mp4')) as container:
        packet = next(p for p in container.demux(video=0) if p.size)
        cover = bytes(packet)
    (tmp_path / 'cover.bin').write_bytes(cover)
    assert not is_video(tmp_path / 'cover.bin')
    assert is_video(shared_bugs / 'cover_first.mp4')


def test_globs_descend(tmp_path):
    (tmp_path / 'notes.md').write_text('no video')
    with pytest.raises(FileNotFoundError, match='md: no video there'):
        find_jobs([str(tmp_path / '*.md')])
    for name in ('a.mkv', 'x/b.mkv', 'x/y/c.mkv'):
        write_video(tmp_path / 'in' / name)
    (tmp_path / 'in/x/notes.md').write_text('no video')
    for name in ('x/z/1.png', 'x/z/2.png'):
        (tmp_path / 'in/x/z').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / 'in' / name), np.zeros((9, 9), np.uint8))
    for pattern in ('**/*.mkv', '**'):
        found = sorted(names(find_jobs([str(tmp_path / 'in' / pattern)])))
        assert found == ['a', 'b', 'c'] + ['z'] * (pattern == '**')


def test_links_keep_their_names(tmp_path):
    """They may lead to files of one name in folders of one name."""
    links = []
    for part in 'pq':
        write_video(tmp_path / part / 'store' / 'data.mkv')
        for name in ('x', 'same'):
            links.append(tmp_path / 'in' / part / f'{name}.mkv')
            links[-1].parent.mkdir(parents=True, exist_ok=True)
            links[-1].symlink_to(tmp_path / part / 'store' / 'data.mkv')
    # each file once
    assert sorted(names(find_jobs(list(map(str, links))))) == ['p__x', 'q__x']
    files = [str(tmp_path / part / 'store' / 'data.mkv') for part in 'pq']
    assert sorted(names(
        find_jobs(files))) == ['p__store__data', 'q__store__data']


def test_names_that_look_alike(tmp_path):
    """What folders are put together with may be in names, too."""
    for name in ('a__b/c/v', 'a/b__c/v', 'z/c__v', 'z/v'):
        write_video(tmp_path / f'{name}.mkv')
    found = find_jobs([str(tmp_path / '**')])
    assert len({job.name for job in found}) == 4


@pytest.mark.parametrize('raw, name', [
    (b'caf\xe9', 'café'),
    ('café'.encode(), 'café'),
    (b'x' * 200, 'x' * 200),
    (b'x' * 250, 'x' * 191 + '~'),
    ('é'.encode() * 125, 'é' * 95 + '~'),
])
def test_names_of_any_bytes_and_length(tmp_path, raw, name):
    path = tmp_path / os.fsdecode(raw + b'.mkv')
    write_video(path)
    job, = find_jobs([str(tmp_path)])
    assert job.name.startswith(name.split('~')[0])
    assert len(job.name.encode()) <= 200 and Path(job.input) == path
    with open_video(path) as source:
        assert source.name == job.name
        assert len(list(source)) == 1
    # together with another one that is like it as far as it is kept
    if '~' in name:
        write_video(tmp_path / os.fsdecode(raw[:-2] + b'yy.mkv'))
        assert len(find_jobs([str(tmp_path)])) == 2


def test_unreadable_files_stop_no_other(tmp_path, monkeypatch):
    write_video(tmp_path / 'a.mkv')
    write_video(tmp_path / 'b.mkv')

    def open_(path, *args, **kwargs):
        if 'a.mkv' in path:
            raise av.error.PermissionError(13, 'Permission denied', path)
        return av.container.open(path, *args, **kwargs)

    monkeypatch.setattr(av, 'open', open_)
    assert sorted(names(find_jobs([str(tmp_path)]))) == ['a', 'b']


def test_finished_videos(tmp_path):
    out, path = tmp_path / 'a.json', tmp_path / 'status' / 'a.json'
    out.write_text('results')
    path.parent.mkdir()

    def is_finished(now):
        job = VideoJob('a', 'a.mp4', fingerprint=now)
        return bool(Results(str(tmp_path)).finished([job]))

    assert not is_finished('f')
    status = dict(state='finished', fingerprint='f', outputs={'a.json': 7})
    path.write_text(json.dumps(status))
    assert is_finished('f')
    assert not is_finished('other settings')
    out.write_text('cut')
    assert not is_finished('f')
    out.unlink()
    assert not is_finished('f')
    path.write_text(json.dumps(dict(status, state='failed', outputs={})))
    assert not is_finished('f')
    for content in ('{"x": 1}', '[', '3'):
        path.write_text(content)
        with pytest.raises(ValueError, match='status/a.json is no status'):
            is_finished('f')


class Here:
    """A worker in this process."""
    name = 'this process'

    def __init__(self, make_run):
        self.answers, self.make_run = {}, make_run

    def start(self):
        kind, self.run = dealing.attempt(self.make_run, 'cpu')
        self.answers['start'] = kind, self.run
        return 'start'

    def submit(self, *task):
        self.answers['task'] = dealing.attempt(self.run, *task)
        return 'task'

    def answer(self, handle):
        return self.answers.pop(handle)

    def stop(self):
        pass


def run_here(tasks, make_run, report):
    dealing.deal(tasks, [Here(make_run)], list, 1, report)


@pytest.fixture
def make_worker(saved_pose_model, tmp_path):
    """``make_worker(boxes, out_dir, **call)``; of each video the boxes."""

    def make(boxes, out_dir, **call):
        (tmp_path / 'boxes').mkdir()
        for name, found in boxes.items():
            (tmp_path / 'boxes' / f'{name}.json').write_text(json.dumps(found))
        models = dict(zip(('pose2d', 'pose2d_weights'), saved_pose_model))
        return VideoWorker(models, dict(call, resume=True), str(out_dir),
                           tmp_path / 'boxes')

    return make


def test_addresses(clip, boxes, make_worker, capsys):
    """Videos and results behind addresses; nothing there is destroyed."""
    files = fsspec.filesystem('memory')
    for name in ('in/a.mp4', 'in/b.MKV', 'in/sub/c.mp4'):
        files.pipe_file(f'/{name}', clip.video.read_bytes())
    files.pipe_file('/in/notes.txt', b'no video')
    files.pipe_file('/in/b.MKV', b'no video, either, but said to be one')
    assert names(find_jobs(['memory://in'])) == ['a', 'b']
    assert names(find_jobs(['memory://in/**/*.mp4'])) == ['a', 'c']
    with pytest.raises(FileNotFoundError, match='in/x.mp4'):
        find_jobs(['memory://in/x.mp4'])
    jobs = find_jobs(['memory://in'])
    worker = make_worker(dict(a=boxes, b=boxes), 'memory://out', overlay=False)
    try:
        files.pipe_file('/out/predictions/a.json', b'of somebody')
        with pytest.raises(ValueError, match='out/predictions/a.json is the'):
            infer_videos(jobs, worker, run_here)
        files.rm('/out', recursive=True)
        assert infer_videos(jobs, worker, run_here) == 1
        told = capsys.readouterr()
        assert '1 of 2 videos failed: b; see memory://out/status' in told.err
        assert '[1/2, ' in told.out and 'a: 7 frames, 8 poses' in told.out
        content = json.loads(files.cat_file('/out/predictions/a.json'))
        assert content['meta']['input'] == 'memory:///in/a.mp4'
        assert content['summary']['num_frames'] == 7
        assert json.loads(
            files.cat_file('/out/status/b.json'))['state'] == 'failed'
        # another time what is finished is passed over
        files.rm_file('/in/b.MKV')
        assert infer_videos(find_jobs(['memory://in']), worker, run_here) == 0
        assert 'already finished: 1' in capsys.readouterr().out
    finally:
        files.rm('/', recursive=True)


#: Of two people, the first leaves in frame 17 and another one comes in 26.
def _two_people(num_frames):
    found = []
    for i in range(num_frames):
        lefts = [5. + i] * (i < 17) + [60. - i / 2] + [5.] * (i > 25)
        found += [
            dict(image_id=i, category_id=1, bbox=[x, 15., 40., 70.], score=.9)
            for x in lefts
        ]
    return found


@pytest.mark.slow
def test_pieces_of_a_long_video(make_worker, tmp_path, monkeypatch):
    """Results are those of the whole, ids included."""
    monkeypatch.setattr(pieces, 'CONTEXT', 9)
    monkeypatch.setattr(streaming, 'RENEWAL', 6)
    frames = np.random.default_rng(0).integers(0, 255, (40, 96, 128, 3),
                                               np.uint8)
    (tmp_path / 'in').mkdir()
    with VideoWriter(tmp_path / 'in/a.mkv', 12) as video:
        for frame in frames:
            video.write(frame)
    jobs = find_jobs([str(tmp_path / 'in')])
    worker = make_worker(
        dict(a=_two_people(40)),
        tmp_path / 'whole',
        formats=('json', 'csv'),
        crop_policy=CropPolicy(0.3, 2.))
    assert infer_videos(jobs, worker, run_here) == 0
    dealt = []

    def run(tasks, make_run, report):
        dealt.extend(tasks)
        run_here(tasks, make_run, report)

    worker = VideoWorker(worker.models, worker.call, str(tmp_path / 'split'),
                         worker.boxes)
    assert infer_videos(jobs, worker, run, split_minutes=14 / 12 / 60) == 0
    assert [job.span for job in dealt] == [(0, 14), (14, 28), (28, None)]
    for name in ('a.json', 'a.csv'):
        first, second = ((tmp_path / kind / 'predictions' / name).read_bytes()
                         for kind in ('whole', 'split'))
        assert first == second
    with open_video(tmp_path / 'split/visualizations/a.mp4') as video:
        assert len(list(video)) == 40
    assert sorted(path.name for path in (tmp_path / 'split').iterdir()) == [
        'predictions', 'status', 'visualizations'
    ]
    assert infer_videos(jobs, worker, run, split_minutes=14 / 12 / 60) == 0
    assert len(dealt) == 3
