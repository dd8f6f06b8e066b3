"""Many videos over processes and ranks."""
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mmpose_tdmi.apis import many_videos, open_video
from mmpose_tdmi.apis.many_videos import (VideoJob, find_jobs, find_rank,
                                          is_finished, is_video, run_pool)
from mmpose_tdmi.utils.video import VideoWriter


def toy(device: str):
    """What processes run: the task says what is to happen."""
    if device == 'broken':
        raise FileNotFoundError('no config here')
    if device == 'killed':
        os.kill(os.getpid(), signal.SIGKILL)

    def run(task):
        what, marker = task
        tried = os.path.exists(marker)
        open(marker, 'a').close()
        if what == 'bad':
            raise ValueError('no video')
        if what == 'fails' or (what == 'fails once' and not tried):
            raise RuntimeError('out of memory')
        if what == 'dies' or (what == 'dies once' and not tried):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == 'slow':
            time.sleep(.3)
        return dict(device=device, process=os.getpid())

    return run


def pool(tmp_path, tasks, devices=('a', 'b'), **kwargs):
    tasks = [(what, str(tmp_path / f'{i}')) for i, what in enumerate(tasks)]
    outcomes = []
    run_pool(
        tasks,
        toy,
        devices,
        report=outcomes.append,
        start_method='fork',
        **kwargs)
    return outcomes


def test_a_failed_task_stops_no_other(tmp_path):
    tasks = [
        'fine', 'bad', 'fails', 'fails once', 'dies', 'dies once', 'fine',
        'slow', 'slow'
    ]
    outcomes = pool(tmp_path, tasks)
    assert Counter(o.task[0] for o in outcomes) == Counter(tasks)
    by_task = {o.task[0]: o for o in outcomes}
    for what in ('fine', 'slow', 'fails once', 'dies once'):
        assert by_task[what].error is None
        assert by_task[what].result['device'] in 'ab'
    assert by_task['bad'].error == 'ValueError: no video'
    assert 'RuntimeError: out of memory' in by_task['fails'].error
    assert by_task['dies'].error == 'its process was killed by signal 9'
    attempts = {what: o.number for what, o in by_task.items()}
    assert attempts == {
        'fine': 1,
        'slow': 1,
        'bad': 1,  # another try would not help
        'fails': 2,
        'fails once': 2,
        'dies': 2,
        'dies once': 2
    }
    assert {o.result['device'] for o in outcomes if o.result} == {'a', 'b'}


def test_both_processes_work_at_once(tmp_path):
    outcomes = pool(tmp_path, ['slow'] * 6)
    assert len({o.result['process'] for o in outcomes}) == 2
    assert Counter(o.result['device'] for o in outcomes) == dict(a=3, b=3)


def test_retries(tmp_path):
    outcome, = pool(tmp_path, ['fails'], retries=3)
    assert outcome.number == 4
    outcome, = pool(tmp_path, ['dies'], retries=0)
    assert outcome.number == 1


@pytest.mark.parametrize('device, message', [
    ('broken', 'for broken cannot start: FileNotFoundError: no config here'),
    ('killed', 'for killed cannot start: its process was killed by signal 9'),
])
def test_processes_that_cannot_start(tmp_path, device, message):
    with pytest.raises(ValueError, match=message):
        pool(tmp_path, ['fine'], devices=[device])


def test_nothing_to_do(tmp_path):
    assert pool(tmp_path, []) == []


def test_ranks():
    assert find_rank('none', {'RANK': '3', 'WORLD_SIZE': '4'}) == (0, 1, 0)
    assert find_rank('pytorch', dict(RANK='3', WORLD_SIZE='4',
                                     LOCAL_RANK='1')) == (3, 4, 1)
    assert find_rank(
        'slurm', dict(SLURM_PROCID='5', SLURM_NTASKS='8',
                      SLURM_LOCALID='1')) == (5, 8, 1)
    with pytest.raises(ValueError, match=r"\['SLURM_PROCID'.*by srun\?"):
        find_rank('slurm', dict(SLURM_NTASKS='8', SLURM_LOCALID='0'))
    with pytest.raises(ValueError, match='rank 4 of 4'):
        find_rank('pytorch', dict(RANK='4', WORLD_SIZE='4', LOCAL_RANK='0'))


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
        VideoJob('b', str(folder / 'b.MKV')),
        VideoJob('a', str(folder / 'a.mp4'))
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
    out, path = tmp_path / 'a.json', tmp_path / 'status.json'
    out.write_text('results')
    assert not is_finished(path, 'f')
    status = dict(state='finished', fingerprint='f', outputs={str(out): 7})
    path.write_text(json.dumps(status))
    assert is_finished(path, 'f')
    assert not is_finished(path, 'other settings')
    out.write_text('cut')
    assert not is_finished(path, 'f')
    out.unlink()
    assert not is_finished(path, 'f')
    path.write_text(json.dumps(dict(status, state='failed', outputs={})))
    assert not is_finished(path, 'f')
    for content in ('{"x": 1}', '[', '3'):
        path.write_text(content)
        with pytest.raises(ValueError, match='status.json is no status'):
            is_finished(path, 'f')


@pytest.mark.skipif(sys.platform == 'win32', reason='needs /proc')
def test_no_process_is_left(tmp_path):
    outcomes = pool(tmp_path, ['fine', 'dies once', 'fine'])
    for outcome in outcomes:
        with pytest.raises(ProcessLookupError):
            os.kill(outcome.result['process'], 0)
