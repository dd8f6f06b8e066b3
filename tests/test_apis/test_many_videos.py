"""Many videos over processes and ranks."""
import json
import os
import signal
import sys
import time
from collections import Counter

import pytest

from mmpose_tdmi.apis.many_videos import (VideoJob, find_jobs, find_rank,
                                          is_finished, run_pool)


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
