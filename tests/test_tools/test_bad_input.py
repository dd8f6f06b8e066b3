"""What is not what it should be ends every tool with one line that says so."""
import json
import re
import sys

import pytest
from mmengine.config import Config

from mmpose_tdmi.datasets.converters.checking import LAYOUTS
from mmpose_tdmi.tooling import run_host_tool
from mmpose_tdmi.utils.files import VARIABLE
from projects.synthetic.official.writing import write_official_set

LFS = (b'version https://git-lfs.github.com/spec/v1\n'
       b'oid sha256:4d7a\nsize 12345\n')


@pytest.fixture
def fails(run_tool, capsys):
    """``fails(tool, *arguments)``: the line that a tool ends with."""

    def run(tool, *arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run_tool(tool, *arguments)
        if isinstance(caught.value.code, str):
            assert caught.value.code.startswith('error: ')
            return caught.value.code
        assert caught.value.code not in (0, None)
        return ''.join(capsys.readouterr())

    return run


# Checkpoints. What a file can be: tests/test_utils/test_safe_checkpoints.py


def spoil(checkpoint, tmp_path, kind):
    path = tmp_path / 'weights.pth'
    content = LFS
    if kind == 'half':
        with open(checkpoint, 'rb') as file:
            content = file.read()
        content = content[:len(content) // 2]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('kind, message', [('lfs', 'a pointer of Git LFS'),
                                           ('half', 'cut off')])
@pytest.mark.parametrize('tool', [
    'infer_video', 'detector of infer_video', 'detect_persons',
    'deploy/export_onnx', 'misc/publish_model'
])
def test_checkpoints(fails, saved_pose_model, saved_detector, clip, box_file,
                     tmp_path, tool, kind, message):
    config, checkpoint = saved_pose_model
    bad = spoil(checkpoint, tmp_path, kind)
    out = tmp_path / 'out'
    common = ('--device', 'cpu')
    arguments = {
        'infer_video': (clip.video, config, bad, '--out-dir', out, '--boxes',
                        box_file, *common),
        'detector of infer_video':
        (clip.video, config, checkpoint, '--out-dir', out, '--det-config',
         saved_detector.config, '--det-checkpoint', bad, *common),
        'detect_persons': (clip.video, saved_detector.config, bad, '--out',
                           out / 'boxes.json', *common),
        'deploy/export_onnx': (config, bad, '--out-dir', out),
        'misc/publish_model': (bad, out / 'published'),
    }[tool]
    line = fails(tool.rpartition(' ')[2], *arguments)
    assert f'{bad}: the checkpoint is {message}' in line
    assert 'weights_only' not in line
    assert not out.exists() or not list(out.glob('*.json'))


# Configs


@pytest.mark.parametrize('kind, message', [
    ('syntax', 'bad.py: SyntaxError.*line 1'),
    ('name', 'bad.py: NameError.*nothing_by_this_name'),
    ('no model',
     "AttributeError: .*'model'|KeyError: .*model|model.type is None"),
    ('registry', 'KeyError: .*NoSuchBackbone is not in the'),
])
@pytest.mark.parametrize('tool', [
    'infer_video', 'deploy/export_onnx', 'analysis_tools/count_model',
    'analysis_tools/get_flops'
])
def test_configs(fails, saved_pose_model, clip, box_file, tmp_path, tool, kind,
                 message):
    path = tmp_path / 'bad.py'
    config = Config.fromfile(saved_pose_model.config)
    if kind == 'no model':
        config.pop('model')
    elif kind == 'registry':
        config.model.backbone = dict(type='NoSuchBackbone')
    config.dump(path)
    if kind == 'syntax':
        path.write_text('model = dict(\n')
    elif kind == 'name':
        path.write_text('model = nothing_by_this_name\n')
    out = ('--out-dir', tmp_path / 'out')
    arguments = {
        'infer_video': (clip.video, path, saved_pose_model.checkpoint, *out,
                        '--boxes', box_file, '--device', 'cpu'),
        'deploy/export_onnx': (path, saved_pose_model.checkpoint, *out),
    }.get(tool, (path, ))
    line = fails(tool, *arguments)
    assert re.search(message, line, re.DOTALL), line


def test_a_bug_keeps_its_traceback(load_tool, monkeypatch, tmp_path):
    tool = load_tool('misc/publish_model')

    def broken(*args):
        return {}['a bug']

    monkeypatch.setattr(tool, 'publish', broken)
    monkeypatch.setattr(sys, 'argv', ['publish_model.py', 'a', 'b'])
    with pytest.raises(KeyError, match='a bug'):
        tool.main()


# Annotations: all tools that read some; the others read none.

#: Tools that open the images that an annotation file names.
OPEN_IMAGES = [
    'detect_persons', 'misc/browse_dataset', 'misc/check_config', 'train',
    'test', 'dataset_converters/check', 'dataset_converters/posetrack17',
    'dataset_converters/posetrack18', 'dataset_converters/posetrack21',
    'dataset_converters/hieve'
]
#: Tools to which the names are labels.
LABELS = [
    'infer_video', 'analysis_tools/box_statistics',
    'analysis_tools/pose_errors', 'evaluate_posetrack', 'hieve_submission'
]
WITHOUT = [
    'gpu_check', 'infer_videos', 'analysis_tools/count_model',
    'analysis_tools/get_flops', 'deploy/export_onnx', 'misc/publish_model',
    'model_converters/dcpose', 'model_converters/fami_pose',
    'model_converters/poseidon', 'model_converters/posewarper',
    'model_converters/tar_vitpose'
]


def test_all_tools_are_looked_at(repository):
    tools = repository / 'tools'
    found = [
        path.relative_to(tools).with_suffix('').as_posix()
        for path in tools.rglob('*.py')
    ]
    assert sorted(found) == sorted(OPEN_IMAGES + LABELS + WITHOUT)


@pytest.fixture
def arguments(clip, box_file, saved_pose_model, saved_detector, tmp_path):
    """``arguments(tool, file_name)``: a tool's, with annotations that name an
    image so."""

    def annotations(file_name):
        path = tmp_path / 'gt' / 'a.json'
        path.parent.mkdir()
        image = dict(
            id=1,
            file_name=file_name,
            vid_id='a',
            frame_id=0,
            nframes=1,
            width=128,
            height=96,
            is_labeled=True)
        person = dict(
            id=1,
            image_id=1,
            category_id=1,
            track_id=0,
            bbox=[8, 8, 40, 40],
            bbox_head=[8, 8, 9, 9],
            scores=[.5] * 17,
            keypoints=[20., 20., 1] * 17)
        path.write_text(
            json.dumps(
                dict(
                    info=dict(dataset='posetrack18'),
                    images=[image],
                    annotations=[person],
                    categories=[
                        dict(
                            id=1,
                            name='person',
                            keypoints=list(LAYOUTS['posetrack18']))
                    ],
                    videos=[
                        dict(
                            id='a',
                            name='a',
                            file_names=[file_name],
                            frame_ids=[0])
                    ])))
        return path

    def official(name, file_name):
        root = write_official_set(tmp_path / 'official', name)
        for path in root.rglob('*.json'):
            content = json.loads(path.read_text())
            for image in content.get('images', ()):
                image['file_name'] = file_name
            for frame in content.get('annolist', ()):
                frame['image'][0]['name'] = file_name
            path.write_text(json.dumps(content))
        return root

    def make(tool, file_name):
        if tool.startswith('dataset_converters/') and not tool.endswith('ck'):
            return official(tool.partition('/')[2], file_name),
        ann_file = annotations(file_name)
        if tool == 'detect_persons':
            return (ann_file, *saved_detector, '--out', tmp_path / 'out.json')
        if tool == 'infer_video':
            return (clip.folder, *saved_pose_model, '--out-dir',
                    tmp_path / 'out', '--boxes', box_file, '--ann-file',
                    ann_file, '--device', 'cpu')
        if tool == 'analysis_tools/box_statistics':
            return ann_file, box_file
        if tool == 'analysis_tools/pose_errors':
            return ann_file.parent, ann_file
        if tool == 'evaluate_posetrack':
            return ann_file.parent, ann_file.parent
        if tool == 'hieve_submission':
            return 'validate', tmp_path, '--ann-file', ann_file
        if tool == 'dataset_converters/check':
            return ann_file, tmp_path
        config = Config.fromfile(saved_pose_model.config)
        config.work_dir = str(tmp_path / 'work')
        config.model.pop('init_cfg', None)
        for phase in ('train', 'val', 'test'):
            loader = config[f'{phase}_dataloader']
            loader.num_workers = 0
            loader.dataset.update(data_root='', ann_file=str(ann_file))
            if phase != 'train':
                config[f'{phase}_evaluator'].ann_file = str(ann_file)
        path = tmp_path / 'config.py'
        config.dump(path)
        return {
            'misc/browse_dataset': (path, '--output-dir', tmp_path / 'out'),
            'misc/check_config': (path, '--data'),
            'test': (path, saved_pose_model.checkpoint),
            'train': (path, )
        }[tool]

    return make


@pytest.mark.parametrize(
    'file_name', ['../a/000000.png', '/a/000000.png', '..\\a\\000000.png'])
@pytest.mark.parametrize('tool', OPEN_IMAGES)
def test_names_that_lead_out(fails, arguments, monkeypatch, tool, file_name):
    given = arguments(tool, file_name)
    if tool in ('train', 'test'):  # the host's, whose errors are tracebacks
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, given)])
        with pytest.raises(ValueError, match='a.json: the file name'):
            run_host_tool(f'{tool}.py')
        return
    line = fails(tool, *given)
    assert 'Traceback' not in line
    assert repr(file_name) in line
    assert 'leads out' in line or 'inside the data root' in line


@pytest.mark.parametrize('tool', OPEN_IMAGES + LABELS)
def test_files_that_are_too_large(fails, arguments, monkeypatch, tool):
    given = arguments(tool, 'a/000000.png')
    monkeypatch.setenv(VARIABLE, '30')
    if tool in ('train', 'test'):
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, given)])
        with pytest.raises(ValueError, match='expected at most 30'):
            run_host_tool(f'{tool}.py')
        return
    line = fails(tool, *given)
    assert 'Traceback' not in line
    assert 'expected at most 30' in line
