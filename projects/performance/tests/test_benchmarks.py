"""The scripts of projects/performance, on little."""
import json
import time

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmpose_tdmi.video import CropPolicy, PersonPose
from mmpose_tdmi.video.smoothing import fill_gaps
from projects.performance.models import build_random_model, load_config
from projects.performance.report import load_report
from projects.performance.stock_inferencer import HOST_DRAWS

# the host's own drawing, which the whole video is compared with
pytestmark = pytest.mark.filterwarnings(
    'ignore:Conversion of an array with ndim > 0:DeprecationWarning')


def numbers(table, column):
    place = table.header.index(column)
    return [row[place] for row in table.rows]


def test_dataset_speed(run_tool, tmp_path, small_clips):
    path = tmp_path / 'dataset_speed.json'
    run_tool('dataset_speed', '--quick', '--data-root', small_clips,
             '--batch-size', 2, '--workers', 2, '--inputs', 64, '--out', path)
    report = load_report(path)
    test, training = report.tables
    decodes = dict(
        zip(numbers(test, 'loading'), numbers(test, 'decodes per frame')))
    assert decodes['clip, cache'] == 1 < decodes['clip']
    assert report.values['test decodes per frame'] == \
        decodes['clip, cache, 2 workers with runs']
    assert numbers(training, 'time over first row')[0] == 1
    assert 'dataset_speed.py' in report.command


def test_dcn_backends(run_tool, tmp_path):
    path = tmp_path / 'dcn.json'
    run_tool('dcn_backends', '--channels', 8, '--groups', 2, '--height', 12,
             '--width', 9, '--repeats', 1, '--out', path)
    table, = load_report(path).tables
    names = numbers(table, 'backend')
    assert {'grid_sample as trained', 'grid_sample', 'torchvision'} <= {*names}
    assert numbers(table, 'forward, ratio')[0] == 1
    assert all(x > 0 for x in numbers(table, 'forward, ms a map'))


def test_person_frame_cost(run_tool, tmp_path):
    path = tmp_path / 'cost.json'
    run_tool('person_frame_cost', '--quick', '--models', 'vit-s',
             '--no-flip-test', '--out', path)
    report = load_report(path)
    assert set(report.values) == {
        'vit-s streaming / single', 'vit-s naive / streaming'
    }
    # by multiply-accumulates, however busy the machine is
    limit, = numbers(report.tables[0], 'limit')
    share, = numbers(report.tables[0], 'window share by MACs')
    assert limit > 1 and 0 < share < 1


@pytest.fixture
def training_step(tool):
    return tool('training_step')


def test_a_training_step_in_parts_is_the_whole_step(training_step, capsys):
    """The same gradients, in every part of the model."""
    args = training_step.parse_args(['--quick', '--model', 'vit-s'])
    with DefaultScope.overwrite_default_scope('mmpose'):
        step = training_step.Step(args, 'nothing')
    step.model.eval()  # no dropped paths: both passes are to be equal
    gradients = []
    step.model.zero_grad = lambda **_: None
    for run in (step.run, lambda: step.run_in_parts(time.perf_counter)):
        run()
        gradients.append({
            name: x.grad.clone()
            for name, x in step.model.named_parameters() if x.grad is not None
        })
        for x in step.model.parameters():
            x.grad = None
    whole, parts = gradients
    assert whole.keys() == parts.keys()
    assert any(name.startswith('backbone') for name in whole)
    for name in whole:
        torch.testing.assert_close(
            whole[name], parts[name], rtol=1e-3, atol=1e-6, msg=name)


def test_model_options(run_tool, tmp_path):
    path = tmp_path / 'options.json'
    run_tool('model_options', '--quick', '--model', 'vit-s', '--out', path)
    table, = load_report(path).tables
    options = dict(
        zip(numbers(table, 'option'), numbers(table, 'heatmap change')))
    assert options['float32'] == 0 <= options['channels_last'] < 1e-3
    assert 0 < options['bfloat16'] < 0.5
    assert all(x > 0 for x in numbers(table, 'times faster'))


def test_growth(run_tool, tmp_path):
    path = tmp_path / 'growth.json'
    run_tool('growth', '--quick', '--model', 'vit-s', '--out', path)
    report = load_report(path)
    firsts = [table.rows[0][1] for table in report.tables]
    assert firsts == [1] * 5
    *_, memory = report.tables
    assert numbers(memory, 'frames') == [6, 12]
    ratio = numbers(memory, memory.header[1])[1]
    assert report.values['memory ratio'] == ratio < 1.5


@pytest.mark.skipif(
    not HOST_DRAWS, reason='MMPose cannot draw with numpy 2.4 and later')
def test_whole_video(run_tool, tmp_path, monkeypatch):
    for name in ('mmdet', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    path = tmp_path / 'video.json'
    run_tool('whole_video', '--model', 'vit-s-last', '--backend',
             'onnxruntime', '--input', 64, 96, '--people', 2, '--frames', 2,
             '--out', path)
    graphs = [path.name for path in tmp_path.rglob('*.onnx')]
    assert sorted(name.split('-')[1] for name in graphs) == ['frame', 'window']
    ratios, stages = load_report(path).tables
    assert numbers(ratios, 'people') == [2]
    assert numbers(stages, 'system') == ['MMPoseInferencer', 'ours']
    for name in ('decode', 'detect', 'crop', 'backbone', 'neck_head',
                 'keypoints'):
        assert all(x > 0 for x in numbers(stages, name)), name
    json.dumps(ratios.rows)


def test_cpu_time_by_stage_needs_one_thread(run_tool, capsys, monkeypatch):
    pytest.importorskip('mmdet')
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 2)
    with pytest.raises(SystemExit):
        run_tool('whole_video', '--quick', '--cpu-time')
    assert 'OMP_NUM_THREADS=1' in capsys.readouterr().err


SMALL_CONFIG = 'configs/tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py'


@pytest.fixture
def shared_crops(run_tool, repository, tmp_path, small_clips):
    """Runs the tool with a small model of random weights."""

    def run(*policies, weights=None):
        config = load_config(repository / SMALL_CONFIG)
        if weights is None:
            weights = tmp_path / 'weights.pth'
            with DefaultScope.overwrite_default_scope('mmpose'):
                model = build_random_model(config)
            torch.save(dict(state_dict=model.state_dict()), weights)
        path = tmp_path / 'crops.json'
        run_tool('shared_crops', repository / SMALL_CONFIG, weights,
                 '--ann-file', small_clips / 'annotations/synthetic_val.json',
                 '--data-root', small_clips, '--policies', *policies,
                 '--jitter', 0, 0.05, '--out', path)
        return load_report(path)

    return run


def test_shared_crops(shared_crops):
    default = CropPolicy()
    report = shared_crops('0:1', '0.5:2',
                          f'{default.max_shift}:{default.max_scale}')
    assert ['by 0 of' in table.title
            for table in report.tables] == [True, False]
    for table in report.tables:
        naive, none, lenient, moved = numbers(table, 'passes per person-frame')
        assert naive == 5
        assert max(none, lenient, moved) < 2
        assert min(numbers(table, 'pixels')[1:]) > 0.02
        _, none, lenient, moved = numbers(table, 'frames per crop')
        assert 1 <= none <= moved < lenient
    # of the default, in the worse table
    for key, column, worst in (('passes', 'passes per person-frame', max),
                               ('change', 'change', min)):
        found = [float(numbers(table, column)[3]) for table in report.tables]
        assert report.values[key] == worst(found)


def test_shared_crops_names_what_is_wrong(shared_crops, tmp_path):
    with pytest.raises(SystemExit, match='weights.pth'):
        shared_crops('0:1', weights=tmp_path / 'missing/weights.pth')
    for policy in ('0.1', '0.1:x', '0.1:1.1:2'):
        with pytest.raises(SystemExit, match=f'--policies.*{policy}'):
            shared_crops(policy, weights=tmp_path)


def test_every(tool, small_clips):
    """An estimator that gives the labels finds all joints of the frames it
    sees; people that it does not see count as not found."""
    every = tool('every')
    clip, = every.read_clips(small_clips)
    names = sorted(max(clip.labels[4].values(), key=len))

    class Truth:

        def __init__(self, step):
            self.step = step

        def iterate_poses(self, frames):
            return fill_gaps(frames, lambda f: f.index % self.step == 0,
                             lambda seen: map(self.poses, seen))

        def poses(self, frame):
            labels = clip.labels[frame.index]
            return frame.with_persons([
                PersonPose(
                    box,
                    np.array([
                        labels[box.track_id].get(name, (-999., -999.))
                        for name in names
                    ]), np.ones(len(names)), None) for box in frame.persons
            ])

    scores = {step: every.Score() for step in (1, 2, 100)}
    for step, score in scores.items():
        score.run(Truth(step), clip, names)
    assert (scores[1].pck(), scores[1].error()) == (100, 0)
    assert 0 < scores[2].error() < 30 and scores[2].missing == 0
    # the first frame has no labels, and no boxes
    assert (scores[100].pck(), scores[100].error()) == (0, 100)


def test_window_phase(run_tool, tmp_path):
    path = tmp_path / 'window.json'
    run_tool('window_phase', '--quick', '--models', 'vit-s', '--out', path)
    table, = load_report(path).tables
    assert sum(numbers(table, 'share of MACs')) == pytest.approx(1)
    assert sum(numbers(table, 'share of time')) == pytest.approx(1)
    shares = dict(zip(numbers(table, 'part'), numbers(table, 'share of MACs')))
    # four stages: 1 + 1 convolution of 48 channels before offsets and
    # modulation each, two after each sum
    assert shares['blocks before the offsets (Eq. 3)'] == pytest.approx(
        shares['accumulation (Eq. 5)'], rel=.01)
    assert all(time > 0 for time in numbers(table, 'share of time'))
