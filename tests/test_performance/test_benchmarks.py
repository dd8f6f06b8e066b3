"""The scripts of tools/benchmark, on little."""
import json

import pytest

from mmpose_tdmi.performance.report import load_report


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


def test_whole_video(run_tool, tmp_path):
    pytest.importorskip('mmdet')
    path = tmp_path / 'video.json'
    run_tool('whole_video', '--input', 64, 96, '--people', 2, '--frames', 2,
             '--out', path)
    ratios, stages = load_report(path).tables
    assert numbers(ratios, 'people') == [2]
    assert numbers(stages, 'system') == ['MMPoseInferencer', 'ours']
    for name in ('decode', 'detect', 'crop', 'backbone', 'neck_head',
                 'keypoints'):
        assert all(x > 0 for x in numbers(stages, name)), name
    json.dumps(ratios.rows)


def test_shared_crops_names_what_is_missing(run_tool, repository, tmp_path):
    config = repository / ('configs/tdmi/synthetic/'
                           'tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py')
    with pytest.raises(SystemExit, match='weights.pth'):
        run_tool('shared_crops', config, tmp_path / 'weights.pth',
                 '--ann-file', tmp_path / 'val.json', '--data-root', tmp_path)
