"""Keypoint definitions agree with each other, the files and the metrics."""
from pathlib import Path

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from mmpose_tdmi.datasets import metainfo
from mmpose_tdmi.datasets.converters import (HIEVE_KEYPOINT_NAMES,
                                             KEYPOINT_NAMES)
from mmpose_tdmi.datasets.metainfo import keypoint_definition
from mmpose_tdmi.evaluation import POSEVAL_JOINTS, joint_columns

LAYOUTS = ('posetrack17', 'posetrack18', 'posetrack21', 'posetrack_eval',
           'hieve')


def names_of(info):
    return tuple(info['keypoint_id2name'][i]
                 for i in range(info['num_keypoints']))


@pytest.fixture(params=LAYOUTS)
def parsed(request):
    info = parse_pose_metainfo(keypoint_definition(request.param))
    assert info['dataset_name'] == request.param
    return info


def test_flipping_twice_changes_nothing(parsed):
    indices = parsed['flip_indices']
    assert sorted(indices) == list(range(parsed['num_keypoints']))
    assert [indices[i] for i in indices] == list(range(len(indices)))
    moved = {(i, j) for i, j in enumerate(indices) if i != j}
    assert moved == {tuple(pair) for pair in parsed['flip_pairs']}
    names = names_of(parsed)
    for name, partner in zip(names, (names[i] for i in indices)):
        swapped = name.replace('left', '?').replace('right', 'left')
        assert partner == swapped.replace('?', 'right')


def test_halves_weights_and_limbs_cover_the_keypoints(parsed):
    count = parsed['num_keypoints']
    halves = parsed['upper_body_ids'], parsed['lower_body_ids']
    assert sorted(sum(halves, [])) == list(range(count))
    names = names_of(parsed)
    lower = {names[i].split('_')[-1] for i in halves[1]}
    assert lower == {'hip', 'knee', 'ankle'}
    for key in ('sigmas', 'dataset_keypoint_weights'):
        assert parsed[key].shape == (count, ) and (parsed[key] > 0).all()
        # left as right
        np.testing.assert_array_equal(parsed[key],
                                      parsed[key][parsed['flip_indices']])
    assert parsed['keypoint_colors'].shape == (count, 3)
    links = {frozenset(link) for link in parsed['skeleton_links']}
    assert len(links) == parsed['num_skeleton_links']
    flip = parsed['flip_indices']
    assert links == {frozenset(flip[i] for i in link) for link in links}
    # one figure, but for the ears
    reached = {0}
    for _ in range(count):
        reached |= {i for link in links if link & reached for i in link}
    apart = {name for i, name in enumerate(names) if i not in reached}
    assert apart <= {'left_ear', 'right_ear'}


def test_names_are_those_of_the_files_and_of_the_metric():
    for name in ('posetrack17', 'posetrack18', 'posetrack21'):
        info = parse_pose_metainfo(keypoint_definition(name))
        assert names_of(info) == KEYPOINT_NAMES
    scored = parse_pose_metainfo(keypoint_definition('posetrack_eval'))
    assert names_of(scored) == POSEVAL_JOINTS
    hieve = parse_pose_metainfo(keypoint_definition('hieve'))
    assert names_of(hieve) == tuple(HIEVE_KEYPOINT_NAMES)


def test_between_the_training_and_the_scored_layout():
    there = list(zip(joint_columns(KEYPOINT_NAMES, 'files'), range(15)))
    files = parse_pose_metainfo(keypoint_definition('posetrack18'))
    scored = parse_pose_metainfo(keypoint_definition('posetrack_eval'))
    to_scored = dict(there)
    for i, j in there:
        # mapping and flipping can be done in any order
        assert to_scored[files['flip_indices'][i]] == \
            scored['flip_indices'][j]
        assert files['sigmas'][i] == scored['sigmas'][j]
        assert files['dataset_keypoint_weights'][i] == \
            scored['dataset_keypoint_weights'][j]
        np.testing.assert_array_equal(files['keypoint_colors'][i],
                                      scored['keypoint_colors'][j])


def test_unknown_definitions():
    with pytest.raises(ValueError, match="'coco'; there are .'hieve'"):
        keypoint_definition('coco')


@pytest.mark.parametrize('name', ['hieve', 'posetrack_eval'])
def test_the_files_are_configs_too(name):
    path = Path(metainfo.__file__).with_name(f'{name}.yaml')
    info = parse_pose_metainfo(dict(from_file=str(path)))
    np.testing.assert_equal(info,
                            parse_pose_metainfo(keypoint_definition(name)))


@pytest.mark.parametrize('name', [
    'PoseTrack17SequenceDataset', 'PoseTrack18SequenceDataset',
    'PoseTrack21SequenceDataset', 'HiEveSequenceDataset'
])
def test_datasets_have_theirs_where_the_host_looks(name):
    dataset = DATASETS.get(name)
    info = parse_pose_metainfo(dataset.METAINFO)
    assert name.lower().startswith(info['dataset_name'])
    # MMPose's inferencer chooses its detector by it
    assert dataset.__module__.split('datasets.')[-1] == 'body'


def test_another_working_directory(tmp_path, monkeypatch, recwarn):
    """Nothing is looked up relative to it; and nothing is warned of."""
    monkeypatch.chdir(tmp_path)
    metainfo._read.cache_clear()
    for name in LAYOUTS:
        assert keypoint_definition(name)['dataset_name'] == name
    assert DATASETS.get('PoseTrack18SequenceDataset')._load_metainfo()
    assert not recwarn.list


def test_an_incomplete_mmpose_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(metainfo.mmpose, '__file__',
                        str(tmp_path / 'mmpose/__init__.py'))
    metainfo._read.cache_clear()
    with pytest.raises(FileNotFoundError, match='posetrack18.py: install'):
        keypoint_definition('posetrack17')
    path = tmp_path / 'configs/_base_/datasets/posetrack18.py'
    path.parent.mkdir(parents=True)
    path.write_text("dataset_info = dict(paper_info=dict(year='2018'))")
    assert keypoint_definition('posetrack21')['paper_info']['year'] == '2022'
    metainfo._read.cache_clear()
