"""No tool writes over what it was given, nor over what it did not write."""
import json
import os
import shutil
from pathlib import Path

import pytest


def contents(root):
    """Every file and link below a folder, and what is in it."""
    return {
        path: os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in root.rglob('*') if path.is_symlink() or path.is_file()
    }


def make(root, *names):
    """Files of somebody, to whom each matters."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"mine": "{name}"}}')


@pytest.fixture
def user(tmp_path, monkeypatch, saved_pose_model, clip):
    """A folder with somebody's files, among them what tools need."""
    folder = tmp_path / 'home'
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(saved_pose_model[0], 'config.py')
    shutil.copy(saved_pose_model[1], 'weights.pth')
    shutil.copy(clip.video, 'walk.mp4')
    shutil.copytree(clip.folder, 'rec/walk')
    (folder / 'link').symlink_to(folder, target_is_directory=True)
    return folder


INFER = ('infer_video', 'walk.mp4', 'config.py', 'weights.pth')
BOXES = ('--boxes', 'boxes.json')
DETECT = ('detect_persons', )
DETECTOR = ('det.py', 'det.pth')
MANY = ('infer_videos', 'walk.mp4', '--config', 'config.py', '--checkpoint',
        'weights.pth')
EVALUATE = ('evaluate_posetrack', 'gt', 'pred', '--out')
ERRORS = ('analysis_tools/pose_errors', 'pred', 'gt.json', '--out')
EXPORT = ('deploy/export_onnx', 'config.py', 'weights.pth', '--out-dir')
PACK = ('hieve_submission', 'pack', 'sub')

#: The files of somebody that are at stake, and a tool's command line.
CASES = {
    'the video': ((), (*INFER, *BOXES, '--out-dir', '.')),
    'the video, ..': ((), (*INFER, *BOXES, '--out-dir', 'rec/..')),
    'the video, by a link': ((), (*INFER, *BOXES, '--out-dir', 'link')),
    'a video beside its frames':
    (['rec/walk.mp4'], ('infer_video', 'rec/walk', *INFER[2:], *BOXES,
                        '--out-dir', 'rec')),
    'boxes': (['walk.json'], (*INFER, '--boxes', 'walk.json', '--no-video',
                              '--out-dir', '.')),
    'a table': (['out/walk.csv'], (*INFER, *BOXES, '--formats', 'csv',
                                   '--no-video', '--out-dir', 'out')),
    'a page': (['out/walk.html'], (*INFER, *BOXES, '--report', '--no-video',
                                   '--out-dir', 'out')),
    'weights':
    ((), (*INFER, *BOXES, '--no-video', '--out-dir', '.', '--name', 'taken')),
    'boxes of many':
    (['out/predictions/walk.json'], (*MANY, '--boxes', 'out/predictions',
                                     '--out-dir', 'out')),
    'annotations': (['a.json'], (*DETECT, 'a.json', *DETECTOR, '--out',
                                 'a.json', '--overwrite')),
    'annotations, ..': (['a.json'], (*DETECT, 'a.json', *DETECTOR, '--out',
                                     'rec/../a.json', '--overwrite')),
    'a video to detect on': ((), (*DETECT, 'walk.mp4', *DETECTOR, '--out',
                                  'link/walk.mp4', '--overwrite')),
    "a detector's weights": (['det.pth'], (*DETECT, 'walk.mp4', *DETECTOR,
                                           '--out', 'det.pth', '--overwrite')),
    'boxes by hand': (['b.json',
                       'b.settings.json'], (*DETECT, 'walk.mp4', *DETECTOR,
                                            '--out', 'b.json', '--overwrite')),
    'settings': (['b.settings.json'], (*DETECT, 'walk.mp4', *DETECTOR, '--out',
                                       'b.json', '--overwrite')),
    'labels': (['gt/1.json', 'pred/1.json'], (*EVALUATE, 'gt/1.json')),
    'predictions': (['gt/1.json',
                     'pred/1.json'], (*EVALUATE, 'gt/../link/pred/1.json')),
    'scores': (['gt/1.json', 'pred/1.json', 's.json'], (*EVALUATE, 's.json')),
    'errors': (['pred/1.json', 'gt.json',
                'out/pose_errors.csv'], (*ERRORS, 'out')),
    'a plot': (['pred/1.json', 'gt.json',
                'out/errors_by_joint.png'], (*ERRORS, 'out')),
    'a graph': (['onnx/window.onnx'], (*EXPORT, 'onnx')),
    'a report': (['gpu.json'], ('gpu_check', '--out', 'gpu.json')),
    'a submission': (['sub/20.json'], (*PACK, 'sub/20.json')),
    'a zip': (['sub/20.json', 'a.zip'], (*PACK, 'a.zip')),
}


@pytest.mark.parametrize('files, command', CASES.values(), ids=CASES)
def test_files_of_somebody_stay(user, run_tool, files, command):
    make(user, *files)
    if 'taken' in command:
        shutil.copy('weights.pth', 'taken.json')
        command = ['taken.json' if c == 'weights.pth' else c for c in command]
    before = contents(user)
    with pytest.raises(SystemExit) as ended:
        run_tool(*command)
    assert 'would be written over the input' in str(
        ended.value.code) or ('is there and was not written by mmpose_tdmi'
                              in str(ended.value.code))
    assert contents(user) == before, 'nothing changed, nothing was begun'


def test_a_set_in_the_place_of_its_result(user, run_tool):
    make(user, 'set/annotations/train/1.json',
         'set/annotations/posetrack18_train.json')
    before = contents(user)
    with pytest.raises(SystemExit, match='18_train.json is there and was not'):
        run_tool('dataset_converters/posetrack18', 'set', '--split', 'train')
    assert contents(user) == before


def test_a_dangling_link_stays(user, run_tool):
    Path('walk.json').symlink_to('later.json')
    before = contents(user)
    with pytest.raises(SystemExit, match='is there and was not written'):
        run_tool(*INFER, *BOXES, '--no-video', '--out-dir', '.')
    assert contents(user) == before


def test_own_results_are_replaced_unless_somebody_changed_them(
        user, run_tool, box_file):
    command = (*INFER, '--boxes', box_file, '--out-dir', 'out')
    run_tool(*command)
    result = Path('out/walk.json')
    first = result.read_bytes()
    run_tool(*command, '--smoothing', 'one_euro')
    second = result.read_bytes()
    assert json.loads(second)['meta']['settings']['smoothing'] == 'one_euro'
    run_tool(*command)
    assert result.read_bytes() == first
    result.write_bytes(first.replace(b'"frame"', b'"FRAME"', 1))
    before = contents(user)
    with pytest.raises(SystemExit, match='walk.json .* has been changed'):
        run_tool(*command)
    assert contents(user) == before
