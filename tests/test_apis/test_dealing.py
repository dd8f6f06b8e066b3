"""Work dealt out to workers that fail, die, or never start."""
import importlib
import os
from collections import Counter

import pytest
import torch

from mmpose_tdmi.apis import dealing, open_video, pieces
from mmpose_tdmi.apis.dealing import deal, find_rank, run_processes
from mmpose_tdmi.apis.many_videos import VideoJob
from mmpose_tdmi.apis.pieces import Piece, split, stitch
from mmpose_tdmi.video.results.resume import InUseError


class Scripted:
    """A worker whose tasks say what comes of their tries in turn; a letter is
    the task's own."""

    def __init__(self, name, starts=()):
        self.name, self.starts, self.answers = name, list(starts), {}
        self.stopped = False

    def start(self):
        kind = self.starts.pop(0) if self.starts else 'done'
        return self._put(f'{self.name} start', kind)

    def submit(self, task, number):
        kinds = task.split()[1:]
        return self._put(f'{self.name} {task}', kinds[number - 1])

    def _put(self, handle, kind):
        self.answers[handle] = kind, f'{kind} {self.name}'
        return handle

    def answer(self, handle):
        return self.answers.pop(handle)

    def stop(self):
        self.stopped = True


def outcomes(tasks, workers, retries=1, wait_for=list):
    found = []
    try:
        deal(tasks, workers, wait_for, retries, found.append)
    finally:
        assert all(worker.stopped for worker in workers[:len(tasks)])
    return {a.task[0]: (a.number, a.result or a.error) for a in found}


def test_a_failed_task_stops_no_other():
    workers = [Scripted('w')]
    assert outcomes([
        'a done', 'b bad', 'c failed failed', 'd failed done', 'e died died',
        'f died done'
    ], workers) == dict(
        a=(1, 'done w'),
        b=(1, 'bad w'),  # another try would not help
        c=(2, 'failed w'),
        d=(2, 'done w'),
        e=(2, 'died w'),
        f=(2, 'done w'))
    assert outcomes(['a died done'], workers, 0) == dict(a=(1, 'died w'))
    assert outcomes([], workers) == {}


def test_each_worker_takes_what_comes_next():
    done = outcomes([f'{name} done' for name in 'abcdef'],
                    [Scripted('v'), Scripted('w')])
    assert Counter(result for _, result in done.values()) == {
        'done v': 3,
        'done w': 3
    }


def test_a_worker_that_does_not_come_back():
    """What it was at when it died goes to one that is idle by then."""
    workers = [Scripted('v'), Scripted('w')]
    deaths = []

    def wait_for(handles):
        deaths.extend(h for h in handles if 'died' in h)
        lost = f'{deaths[0].split()[0]} start' if deaths else ''
        return [max(h for h in handles if h != lost or not deaths)]

    done = outcomes(['b died done', 'a done'], workers, wait_for=wait_for)
    assert done['a'][0] == 1 and done['b'][0] == 2


def test_workers_that_cannot_start():
    for starts in (['bad'], ['failed', 'died']):
        with pytest.raises(ValueError, match='^w cannot start: '):
            outcomes(['a done'], [Scripted('w', starts)])
        # the others go on
        assert outcomes(
            ['a done', 'b done'],
            [Scripted('w', starts), Scripted('v')]) == dict(
                a=(1, 'done v'), b=(1, 'done v'))
    assert outcomes(['a done'], [Scripted('w', ['died'])])


def test_reports_give_more_tasks():
    found = []

    def report(attempt):
        found.append(attempt.task)
        return ['more done'] if attempt.task == 'a done' else []

    deal(['a done', 'b done'], [Scripted('w')], list, 0, report)
    assert found == ['a done', 'more done', 'b done']


def test_what_another_run_is_at_waits(monkeypatch):
    monkeypatch.setattr(dealing, 'PAUSE', 0)

    def in_use():
        raise InUseError('at this moment')

    assert dealing.attempt(in_use) == ('busy', None)

    class Busy(Scripted):

        def submit(self, task, number):
            tried.append(task)
            is_busy = task[0] == 'a' and len(tried) < 4
            return self._put(task, 'busy' if is_busy else 'done')

    tried = []
    assert outcomes(['a', 'b'], [Busy('w')]) == dict(
        a=(1, 'done w'), b=(1, 'done w'))
    assert tried == ['a', 'b', 'a', 'a']


def test_a_process_whose_gpu_is_broken_ends(monkeypatch, capsys):

    def fail(*_):
        raise RuntimeError('an illegal memory access was encountered')

    assert dealing.attempt(fail)[0] == 'failed'
    monkeypatch.setattr(torch.cuda, 'is_initialized', lambda: True)
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda: None)
    assert dealing.attempt(fail)[0] == 'failed'
    monkeypatch.setattr(torch.cuda, 'synchronize', fail)
    monkeypatch.setattr(os, '_exit', lambda code: exit(code))
    with pytest.raises(SystemExit, match='70'):
        dealing.attempt(fail)
    assert 'illegal memory access' in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_process(tmp_path, monkeypatch):
    (tmp_path / 'toy_worker.py').write_text('import os\n\n\n'
                                            'def make_run(device):\n'
                                            '    return run\n\n\n'
                                            'def run(task, number):\n'
                                            "    if task == 'dies':\n"
                                            '        os.kill(os.getpid(), 9)\n'
                                            '    return os.getpid()\n')
    monkeypatch.syspath_prepend(tmp_path)
    make_run = importlib.import_module('toy_worker').make_run
    found = []
    run_processes(['cpu'], 0, ['dies', 'fine'], make_run, found.append)
    assert [attempt.task for attempt in found] == ['dies', 'fine']
    assert found[0].error == 'its process was killed by signal 9'
    with pytest.raises(ProcessLookupError):  # none is left
        os.kill(found[1].result, 0)


def test_ranks():
    assert find_rank('none', {'RANK': '3', 'WORLD_SIZE': '4'}) == (0, 1, 0)
    assert find_rank('pytorch', dict(RANK='3', WORLD_SIZE='4',
                                     LOCAL_RANK='1')) == (3, 4, 1)
    assert find_rank(
        'slurm', dict(SLURM_PROCID='5', SLURM_NTASKS='8',
                      SLURM_LOCALID='1')) == (5, 8, 1)
    array = dict(SLURM_ARRAY_TASK_ID='3', SLURM_ARRAY_TASK_COUNT='3')
    assert find_rank('slurm-array',
                     dict(array, SLURM_ARRAY_TASK_MIN='1')) == (2, 3, 0)
    with pytest.raises(ValueError, match='rank 3 of 3'):
        find_rank('slurm-array', array)
    with pytest.raises(ValueError, match=r"\['SLURM_PROCID'.*by torchrun"):
        find_rank('slurm', dict(SLURM_NTASKS='8', SLURM_LOCALID='0'))


def test_what_is_split(clip, monkeypatch):
    monkeypatch.setattr(pieces, 'CONTEXT', 1)
    job = VideoJob('a', str(clip.video), 700, 'f')
    second = 1 / 60

    def spans(minutes, **call):
        return [piece.span for piece in split(job, minutes, call)]

    assert spans(None) == spans(second) == []
    # 7 frames, 12.5 a second; none is shorter than half the length
    assert spans(second * 3 / 12.5) == [(0, 3), (3, None)]
    assert spans(second * 2 / 12.5) == [(0, 2), (2, 4), (4, None)]
    assert spans(second * 2 / 12.5, det_interval=3) == [(0, 3), (3, None)]
    piece = split(job, second * 3 / 12.5, {})[1]
    assert (piece.name, piece.whole, piece.size) == ('a~3', 'a', 350)
    with open_video(clip.video) as video:
        assert [f.index for f in Piece(video, 3, 5, 1)] == [2, 3, 4, 5]
    with open_video(clip.video) as video:
        assert [f.index for f in Piece(video, 6, None, 3)] == [3, 4, 5, 6]
    job = VideoJob('a', 'nothing.mp4')
    assert spans(second) == []


def test_who_is_who_at_seams():
    """People are recognised whatever their ids are in a piece, or keep the ids
    that were given."""

    def record(frame, **people):
        return dict(
            frame=frame,
            persons=[
                dict(
                    track_id=track,
                    bbox=[50. * 'abcd'.index(name), 0, 40, 40],
                    source='given') for name, track in people.items()
            ])

    seen = [(0, 3, [record(i, a=0, b=1) for i in range(3)] +
             [record(i, a=0, b=1, c=2, d=99) for i in (3, 4)]),
            (3, 6, [record(i, a=5, b=0) for i in (1, 2)] +
             [record(i, b=0, c=1, d=99, a=5) for i in range(3, 8)]),
            (6, None, [record(i, c=0, a=1) for i in range(4, 9)])]
    found = list(stitch(seen))
    assert [r['frame'] for r in found] == list(range(9))
    ids = [[p['track_id'] for p in r['persons']] for r in found]
    assert ids == [[0, 1]] * 3 + [[1, 2, 3, 0]] * 3 + [[2, 0]] * 3
    ids = [[p['track_id'] for p in r['persons']] for r in stitch(seen, True)]
    assert ids == [[0, 1]] * 3 + [[0, 1, 99, 5]] * 3 + [[0, 1]] * 3
