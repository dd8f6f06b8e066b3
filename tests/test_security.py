"""Files from outside are read safely, and name nothing outside of their root.

The readers of the converters, boxes, metrics and checkpoints have tests of
their own; here is what all of the package has in common.
"""
import ast
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.datasets.box_files import (read_annotation_records,
                                            read_box_file)
from mmpose_tdmi.datasets.coco_json import load_annotation_file, read_json
from mmpose_tdmi.evaluation.functional import (PredictedSequence,
                                               load_annotations,
                                               load_hieve_annotations,
                                               read_annotations,
                                               read_predictions)
from mmpose_tdmi.evaluation.predictions import write_predictions
from mmpose_tdmi.utils.files import (VARIABLE, check_file_name,
                                     check_inner_path, check_json_size)

PACKAGE = Path(__file__).parents[1] / 'mmpose_tdmi'
TOOLS = PACKAGE.parent / 'tools'

#: Calls that can run code from a file, and what makes them safe.
RISKY = {
    'pickle.load', 'pickle.loads', 'pickle.Unpickler', 'np.load', 'numpy.load',
    'yaml.load', 'marshal.loads', 'joblib.load', 'dill.load', 'eval', 'exec',
    'os.system', 'mmengine.load', 'fileio.load', 'minidom.parse',
    'ElementTree.parse', 'ElementTree.fromstring', 'ET.parse'
}


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f'{dotted(node.value)}.{node.attr}'
    return node.id if isinstance(node, ast.Name) else ''


def calls():
    for root in (PACKAGE, TOOLS):
        for path in sorted(root.rglob('*.py')):
            name = str(path.relative_to(root))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    yield name, dotted(node.func), node


def loads_plain_arrays(call, node):
    """Whether it is numpy's loader, told to refuse pickles."""
    options = {k.arg: k.value for k in node.keywords}
    return (call == 'np.load' and 'allow_pickle' in options
            and ast.literal_eval(options['allow_pickle']) is False)


def test_nothing_in_the_package_unpickles_or_evaluates_files():
    found = {(name, call)
             for name, call, node in calls()
             if call in RISKY and not loads_plain_arrays(call, node)}
    assert not found


def test_torch_files_are_loaded_with_weights_only():
    for name, call, node in calls():
        if call == 'torch.load':
            options = {k.arg: k.value for k in node.keywords}
            assert ast.literal_eval(options['weights_only']) is True, name


@pytest.mark.parametrize('name', [
    '../secret.jpg', 'images/../../secret.jpg', '/etc/passwd', 'a\0b',
    '..\\secret.jpg', 'a\\..\\..\\secret.jpg', 'C:\\secret.jpg', 'C:a.jpg',
    '\\\\server\\x.jpg', 'file:///etc/passwd', 'http://host/a.jpg', '..'
])
def test_paths_that_lead_out(name):
    with pytest.raises(ValueError, match='f.json: the file name .*leads out'):
        check_inner_path(name, 'f.json: the file name')


@pytest.mark.parametrize('name', [
    'images/val/000342_mpii_test/000000.jpg', 'a..b/c...jpg', 'x/y:z.jpg',
    '.hidden/a.jpg'
])
def test_paths_that_stay(name):
    assert check_inner_path(name, 'here') == name


def test_paths_from_windows():
    assert check_inner_path('images\\val\\1.jpg', 'here') == 'images/val/1.jpg'


@pytest.mark.parametrize(
    'name', ['', '.', '..', '../a', 'a/b', 'a\\b', 'a\0', 'x' * 300])
def test_names_that_cannot_be_files(name):
    with pytest.raises(ValueError, match='cannot be a file name'):
        check_file_name(name, 'the video')


def annotation(tmp_path, file_name, place):
    image = dict(
        id=1,
        file_name='images/a/000001.jpg',
        vid_id='a',
        frame_id=1,
        width=64,
        height=64,
        is_labeled=True)
    video = dict(
        id='a', name='a', file_names=['images/a/000001.jpg'], frame_ids=[1])
    if place == 'images':
        image['file_name'] = file_name
    else:
        video['file_names'] = [file_name]
    person = dict(
        id=1,
        image_id=1,
        category_id=1,
        track_id=0,
        bbox=[8, 8, 40, 40],
        area=1600.,
        keypoints=[20., 20., 1] * 17,
        num_keypoints=17,
        iscrowd=0)
    content = dict(
        images=[image], annotations=[person], categories=[], videos=[video])
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize('place', ['images', 'videos'])
@pytest.mark.parametrize('file_name', ['/etc/x/000001.jpg', '../x/000001.jpg'])
def test_annotations_stay_in_the_data_root(tmp_path, place, file_name):
    init_default_scope('mmpose')
    path = annotation(tmp_path, file_name, place)
    options = dict(
        ann_file=str(path),
        data_prefix=dict(img=str(tmp_path)),
        offsets=(0, ),
        pipeline=[])
    with pytest.raises(ValueError, match='ann.json: the file name .*leads'):
        PoseTrack18SequenceDataset(**options)
    if place == 'images':
        allowed = PoseTrack18SequenceDataset(
            **options,
            allow_outside_paths=True,
            frame_source='annotation',
            lazy_init=True)
        assert allowed._image_path(file_name).endswith(file_name.lstrip('/'))


def test_predictions_are_written_into_their_folder(tmp_path):
    predicted = PredictedSequence(
        name='../../outside',
        frame_names=[],
        frame_ids=np.zeros(0, np.int64),
        frame_index=np.zeros(0, np.int64),
        keypoints=np.zeros((0, 17, 2)),
        present=np.zeros((0, 17), bool),
        track_ids=np.zeros(0, np.int64),
        scores=np.zeros((0, 17)))
    with pytest.raises(ValueError, match='the video name .*cannot be a file'):
        write_predictions(tmp_path / 'out', predicted, np.zeros(0), [],
                          'posetrack18', {})
    assert not list(tmp_path.rglob('*.json'))


@pytest.mark.parametrize(
    'read', [
        lambda path: load_annotation_file(path, []),
        lambda path: read_json(path, strict=True),
        read_annotation_records,
        read_box_file,
        load_annotations,
        load_hieve_annotations,
        read_annotations,
        read_predictions,
    ],
    ids=[
        'datasets', 'converters', 'box images', 'boxes', 'metric, split',
        'metric, HiEve', 'metric', 'predictions'
    ])
def test_json_readers_are_bounded(tmp_path, monkeypatch, read):
    path = tmp_path / 'large.json'
    path.write_text(json.dumps(dict(images=[], annotations=['x' * 100])))
    monkeypatch.setenv(VARIABLE, '50')
    with pytest.raises(
            ValueError, match=r'large.json: has \d+ bytes, '
            'expected at most 50'):
        read(str(path))
    monkeypatch.delenv(VARIABLE)
    path.write_text('[' * 100_000 + ']' * 100_000)
    with pytest.raises(ValueError, match='large.json'):
        read(str(path))
    path.write_text('{"images": [' + '9' * 5000 + ']}')
    try:
        read(str(path))
    except ValueError as error:  # where Python bounds a number's digits
        assert 'large.json' in str(error)


def test_a_bound_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, 'much')
    with pytest.raises(ValueError, match=f'{VARIABLE} must be'):
        check_json_size(tmp_path)
