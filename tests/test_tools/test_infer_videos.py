"""tools/infer_videos.py with two workers, run as users run it."""
import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest

BOXES = [
    dict(image_id=frame, category_id=1, bbox=[5., 5., 30., 36.], score=.9)
    for frame in range(5)
]


@pytest.fixture
def command(repository, saved_pose_model, tmp_path):
    """The tool's command for the videos in ``in/``."""
    config, checkpoint = saved_pose_model
    return [
        str(repository / 'tools/infer_videos.py'),
        str(tmp_path / 'in'), '--config', config, '--checkpoint', checkpoint,
        '--boxes',
        str(tmp_path / 'boxes'), '--out-dir',
        str(tmp_path / 'out'), '--devices', 'cpu', '--workers', '2',
        '--formats', 'json', 'csv'
    ]


@pytest.fixture
def run_here(command, monkeypatch):
    """``run_here(...)`` runs the tool in this process; its exit code."""

    def run(*arguments):
        spec = importlib.util.spec_from_file_location('infer_videos',
                                                      command[0])
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        monkeypatch.setattr(sys, 'argv', [*command, *arguments])
        with pytest.raises(SystemExit) as ended:
            tool.main()
        return ended.value.code

    return run


@pytest.mark.slow
def test_two_workers_a_bad_video_and_skipping(command, run_here, clip,
                                              tmp_path, capsys):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'boxes').mkdir()
    for name in 'abc':
        shutil.copy(clip.video, tmp_path / 'in' / f'{name}.mp4')
        (tmp_path / 'boxes' / f'{name}.json').write_text(json.dumps(BOXES))
    (tmp_path / 'in/c.mp4').write_bytes(b'no video at all')
    (tmp_path / 'in/d.mp4').symlink_to(tmp_path / 'nowhere.mp4')
    (tmp_path / 'in/notes.md').write_text('no video')
    (tmp_path / 'boxes/d.json').write_text(json.dumps(BOXES))

    process = subprocess.run([sys.executable, *command],
                             env=dict(
                                 os.environ,
                                 OMP_NUM_THREADS='1',
                                 CUDA_VISIBLE_DEVICES=''),
                             capture_output=True,
                             text=True,
                             timeout=500)
    assert process.returncode == 3, process.stderr
    assert '2 of 4 videos failed: c, d' in process.stderr
    assert ' left] a: 7 frames, 5 poses' in process.stdout
    status = {
        name: json.loads((tmp_path / f'out/status/{name}.json').read_text())
        for name in 'abcd'
    }
    assert [status[name]['state'] for name in 'abcd'] == \
        ['finished', 'finished', 'failed', 'failed']
    assert 'd.mp4 does not exist' in status['d']['error']
    assert 'left out, as no videos: ' in process.stdout
    assert 'c.mp4' in status['c']['error']
    assert status['c']['attempts'] == 1
    for name in 'ab':
        result = json.loads(
            (tmp_path / f'out/predictions/{name}.json').read_text())
        assert result['summary'] == dict(
            num_frames=7, num_persons=5, num_tracks=1)
        assert (tmp_path / f'out/predictions/{name}.csv').is_file()
        assert (tmp_path / f'out/visualizations/{name}.mp4').is_file()
        assert len(status[name]['outputs']) == 3

    # what is finished is not done again
    for name in 'cd':
        (tmp_path / f'in/{name}.mp4').unlink()
    written = (tmp_path / 'out/predictions/a.json').stat().st_mtime_ns
    capsys.readouterr()
    (tmp_path / 'list.txt').write_text(f'{tmp_path / "in"}\n\n')
    command[1] = f'@{tmp_path / "list.txt"}'
    assert run_here() == 0
    assert 'already finished: 2' in capsys.readouterr().out
    assert (tmp_path / 'out/predictions/a.json').stat().st_mtime_ns == written


@pytest.mark.slow
def test_ray(command, clip, tmp_path):
    """Two actors, one of which a video kills."""
    pytest.importorskip('ray')
    (tmp_path / 'in').mkdir()
    (tmp_path / 'boxes').mkdir()
    for name in 'abc':
        shutil.copy(clip.video, tmp_path / 'in' / f'{name}.mp4')
        (tmp_path / 'boxes' / f'{name}.json').write_text(json.dumps(BOXES))
    (tmp_path / 'in/b.mp4').write_bytes(b'no video at all')
    # what a process meets that opens the video c
    (tmp_path / 'kill').mkdir()
    (tmp_path / 'kill/sitecustomize.py').write_text(
        'import os, sys\n'
        "sys.addaudithook(lambda event, args: event == 'open' and str(\n"
        "    args[0]).endswith('.c.partial/records.jsonl') and os.kill(\n"
        '        os.getpid(), 9))\n')
    process = subprocess.run(
        [sys.executable, *command, '--launcher', 'ray', '--retries', '0'],
        env=dict(
            os.environ,
            OMP_NUM_THREADS='1',
            CUDA_VISIBLE_DEVICES='',
            PYTHONPATH=os.pathsep.join(
                [str(tmp_path / 'kill'),
                 os.environ.get('PYTHONPATH', '')])),
        capture_output=True,
        text=True,
        timeout=500)
    assert process.returncode == 3, process.stderr
    assert '2 of 3 videos failed: b, c' in process.stderr
    status = [
        json.loads((tmp_path / f'out/status/{name}.json').read_text())
        for name in 'abc'
    ]
    assert [s['state'] for s in status] == ['finished', 'failed', 'failed']
    assert 'its actor is gone' in status[2]['error']
    assert (tmp_path / 'out/predictions/a.json').is_file()


@pytest.mark.parametrize(
    'arguments', [['--config', 'missing.py'], ['--checkpoint', 'missing.pth']])
def test_nothing_can_be_started(run_here, clip, tmp_path, arguments):
    (tmp_path / 'in').mkdir()
    shutil.copy(clip.video, tmp_path / 'in/a.mp4')
    message = run_here(*arguments)
    assert message.startswith('error: ')
    assert f'{arguments[1]} does not exist' in message


def test_no_videos(run_here):
    assert run_here().startswith('error: ')
