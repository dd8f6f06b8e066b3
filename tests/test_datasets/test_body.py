"""The data sets as clips, from their official formats and on real frames."""
import json
import os
import shutil

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.datasets import PoseTrack18Dataset
from mmpose.engine.hooks import PoseVisualizationHook
from mmpose.registry import DATASETS

from mmpose_tdmi.datasets import converters
from mmpose_tdmi.datasets.metainfo import keypoint_definition
from mmpose_tdmi.visualization import FramePoseVisualizer
from projects.synthetic.official.writing import write_official_set

pytestmark = pytest.mark.usefixtures('mmpose_scope')
TYPES = dict(
    posetrack17='PoseTrack17SequenceDataset',
    posetrack18='PoseTrack18SequenceDataset',
    posetrack21='PoseTrack21SequenceDataset',
    hieve='HiEveSequenceDataset')
LOAD = [dict(type='LoadFrameSequence')]
TEST = [
    *LOAD,
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=(72, 96)),
    dict(type='PackPoseSequenceInputs')
]


@pytest.fixture(scope='module')
def official_set(tmp_path_factory):
    """Gives the data root of a converted generated set by its name."""
    roots = {}

    def convert(name):
        if name not in roots:
            roots[name] = tmp_path_factory.mktemp(name)
            write_official_set(roots[name], name)
            for split in ('train', 'test' if name == 'hieve' else 'val'):
                getattr(converters, f'convert_{name}')(roots[name], split)
        return roots[name]

    return convert


def build(root, name, split, **kwargs):
    return DATASETS.build({
        **dict(
            type=TYPES[name],
            delta=2,
            data_root=str(root),
            ann_file=f'annotations/{name}_{split}.json',
            data_prefix=dict(img='')),
        **kwargs
    })


def build_real(config, **kwargs):
    return DATASETS.build({
        **dict(type='PoseTrack18SequenceDataset', pipeline=TEST),
        **config,
        **kwargs
    })


# PoseTrack17


def test_irregular_names_have_their_true_numbers(official_set):
    root = official_set('posetrack17')
    content = json.loads(
        (root / 'annotations/posetrack17_val.json').read_text())
    video, = content['videos']
    number = dict(zip(video['file_names'], video['frame_ids']))
    # a name's digits would put these frames into two videos
    assert len({os.path.basename(n).strip('0123456789') for n in number}) == 2
    dataset = build(root, 'posetrack17', 'val', test_mode=True, pipeline=LOAD)
    assert len(dataset) == len(content['annotations'])
    keys = set()
    for sample in dataset:
        names = [os.path.relpath(p, root) for p in sample['frame_paths']]
        assert [number[name] for name in names] == sample['frame_indices']
        key = sample['frame_indices'][2]
        keys.add(key)
        frames = sorted(number.values())
        assert sample['frame_indices'] == [
            min(max(key + offset, frames[0]), frames[-1])
            for offset in range(-2, 3)
        ]
        assert sample['keypoints'].shape == (1, 17, 2)
        assert len(sample['img']) == 5
    assert keys == {
        number[image['file_name']]
        for image in content['images'] if image['is_labeled']
    }


def test_by_names_alone_the_frames_are_not_found(official_set):
    """What the table is for."""
    dataset = build(
        official_set('posetrack17'),
        'posetrack17',
        'val',
        test_mode=True,
        frame_source='disk')
    lengths = {
        len(dataset.frames.locate(dataset.get_data_info(i)['img_path'])[0])
        for i in range(len(dataset))
    }
    assert lengths == {1, 6}


# PoseTrack18


@pytest.fixture
def config(shared_clips):
    return dict(
        delta=2,
        data_root=str(shared_clips / 'posetrack18'),
        ann_file='annotations/test_posetrack18_val.json',
        data_prefix=dict(img=''),
        test_mode=True)


@pytest.mark.parametrize('boxes', [False, True])
def test_samples_are_the_host_s(config, boxes):
    if boxes:
        config['bbox_file'] = (
            config['data_root'] +
            '/annotations/test_posetrack18_human_detections.json')
    ours = build_real(config, pipeline=[])
    del config['delta']
    theirs = PoseTrack18Dataset(
        metainfo=keypoint_definition('posetrack18'), **config)
    assert len(ours) == len(theirs) == (278 if boxes else 14)
    assert ours.metainfo.keys() - theirs.metainfo.keys() == {'box_source'}
    assert theirs.metainfo.keys() <= ours.metainfo.keys()
    for index in range(0, len(ours), 9):
        mine, host = ours.prepare_data(index), theirs.prepare_data(index)
        del mine['dataset'], host['dataset']
        assert set(host) <= set(mine)
        for key in host:
            np.testing.assert_equal(mine[key], host[key])


def test_the_published_threshold(config):
    root = config['data_root']
    file = root + '/annotations/test_posetrack18_human_detections.json'
    dataset = build_real(config, bbox_file=file, bbox_score_thr=0.2)
    with open(file) as content:
        expected = sum(box['score'] >= 0.2 for box in json.load(content))
    assert len(dataset) == expected == 186


def test_a_file_of_one_video(config):
    dataset = build_real(
        config, ann_file='annotations/val/009473_mpii_test.json')
    assert len(dataset) == 2


def test_a_real_clip(shared_clips, tmp_path):
    """Five real frames as a video; the middle one labelled."""
    source = shared_clips / 'posetrack18/videos/000001_mpiinew_test'
    folder = tmp_path / 'images/val/000001_mpiinew_test'
    folder.mkdir(parents=True)
    for path in source.glob('*.jpg'):
        shutil.copy(path, folder)
    image_id = 10000010002
    content = dict(
        images=[
            dict(
                id=image_id,
                file_name='images/val/000001_mpiinew_test/000002.jpg')
        ],
        annotations=[
            dict(
                id=image_id * 100,
                image_id=image_id,
                category_id=1,
                bbox=[400, 100, 300, 500],
                keypoints=[500, 300, 1] * 17)
        ],
        categories=[dict(id=1, name='person')])
    (tmp_path / 'val.json').write_text(json.dumps(content))
    dataset = build_real(
        dict(
            delta=2,
            data_root=str(tmp_path),
            ann_file='val.json',
            data_prefix=dict(img='')))
    packed = dataset[0]
    assert packed['inputs'].shape == (5, 3, 96, 72)
    frames = [cv2.imread(str(p)) for p in sorted(folder.iterdir())]
    # the crop by hand: the box, 1.25 times as large, at 3:4
    scale = max(300 * 1.25, 500 * 1.25 * 0.75)
    matrix = np.array([[72 / scale, 0, 36 - 550 * 72 / scale],
                       [0, 72 / scale, 48 - 350 * 72 / scale]])
    for frame, crop in zip(frames, packed['inputs']):
        expected = cv2.warpAffine(frame, matrix, (72, 96))
        difference = np.abs(
            expected.astype(int) - crop.permute(1, 2, 0).numpy())
        assert difference.mean() < 1
    moves = (packed['inputs'][1:].int() - packed['inputs'][:-1].int()).abs()
    assert (moves.float().mean((1, 2, 3)) > 0.2).all()  # five different ones
    meta = packed['data_samples'].metainfo
    assert meta['frame_indices'] == [0, 1, 2, 3, 4]
    assert meta['img_path'] == meta['frame_paths'][2]


@pytest.mark.parametrize('number', [18, 21])
def test_names_are_numbers_where_no_table_tells(number):
    parse = DATASETS.get(f'PoseTrack{number}SequenceDataset').parse_frame_path
    assert parse(None, 'v/000012.jpg') == ('v/*.jpg', 12)
    for path in ('v/x12.jpg', 'v/12_crop.jpg', 'v/-1.jpg', 'v/crop.jpg',
                 'v/²².jpg'):
        with pytest.raises(ValueError, match='named by its number.*v/'):
            parse(None, path)
    with pytest.raises(ValueError, match='number'):
        parse(None, '')


def test_mmpose_s_inferencer_takes_its_default_detector_for_bodies():
    # as BaseMMPoseInferencer._init_detector finds it
    module = DATASETS.get('PoseTrack18SequenceDataset').__module__
    kind = module.split('datasets.')[-1].split('.')[0].lower()
    assert kind == 'body' and kind in default_det_models


def test_the_visualisation_hook_finds_the_key_frame(config, tmp_path):
    dataset = build_real(config)
    sample = dataset[0]['data_samples']
    sample.pred_instances = InstanceData(
        keypoints=sample.gt_instances.keypoints,
        keypoint_scores=np.ones((1, 17), np.float32),
        bboxes=sample.gt_instances.bboxes,
        bbox_scores=np.ones(1, np.float32))
    visualizer = FramePoseVisualizer.get_instance('clips')
    hook = PoseVisualizationHook(enable=True, out_dir='drawn')
    hook._visualizer = visualizer

    class Runner:
        work_dir, timestamp = str(tmp_path), 'now'

        class test_evaluator:
            dataset_meta = dataset.metainfo

    hook.after_test_iter(Runner, 0, {}, [sample])
    drawn = cv2.imread(str(tmp_path / 'now/drawn/000000_0.jpg'))
    frame = cv2.imread(sample.img_path)
    assert drawn.shape == frame.shape
    x1, y1, x2, y2 = sample.gt_instances.bboxes[0].astype(int)
    person = np.s_[y1:y2, x1:x2]
    assert np.abs(drawn[person].astype(int) - frame[person]).max() > 100


# PoseTrack21


def test_boxes_without_poses_give_no_samples(official_set):
    root = official_set('posetrack21')
    content = json.loads(
        (root / 'annotations/posetrack21_train.json').read_text())
    labelled = {i['id'] for i in content['images'] if i['is_labeled']}
    box_only = [
        i['id'] for i in content['images']
        if i['has_labeled_person'] and not i['is_labeled']
    ]
    posed = [
        a['id'] for a in content['annotations']
        if a['image_id'] in labelled and a['num_keypoints']
    ]
    # both kinds are there
    assert box_only and len(posed) < len(content['annotations'])
    samples = list(build(root, 'posetrack21', 'train'))
    assert [s['id'] for s in samples] == posed
    # but such frames are neighbours
    shown = {n for s in samples for n in s['frame_indices']}
    assert {id_ % 10**4 for id_ in box_only} <= shown


def test_a_person_with_only_a_box_in_a_labelled_frame(official_set, tmp_path):
    root = official_set('posetrack21')
    content = json.loads(
        (root / 'annotations/posetrack21_train.json').read_text())
    count = len(build(root, 'posetrack21', 'train'))
    labelled = {i['id'] for i in content['images'] if i['is_labeled']}
    person = next(a for a in content['annotations']
                  if a['image_id'] in labelled)
    person.update(keypoints=[0.] * 51, num_keypoints=0)
    path = tmp_path / 'changed.json'
    path.write_text(json.dumps(content))
    assert len(build(root, 'posetrack21', 'train',
                     ann_file=str(path))) == count - 1


def test_small_people_can_be_left_out(official_set):
    root = official_set('posetrack21')
    sizes = sorted(
        float((s['bbox'][0, 2:] - s['bbox'][0, :2]).max())
        for s in build(root, 'posetrack21', 'train'))
    middle = sizes[len(sizes) // 2]
    dataset = build(root, 'posetrack21', 'train', min_person_size=middle)
    assert len(dataset) == np.sum(np.array(sizes) >= middle) < len(sizes)
    assert len(build(root, 'posetrack21', 'train',
                     min_person_size=0)) == len(sizes)


@pytest.mark.parametrize('kwargs, message', [
    (dict(min_person_size=-1), 'at least 0 pixels, got -1'),
    (dict(min_person_size=float('nan')), 'at least 0 pixels'),
    (dict(min_person_size=9, test_mode=True), 'for training'),
])
def test_wrong_sizes(official_set, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(official_set('posetrack21'), 'posetrack21', 'train', **kwargs)


# HiEve


def test_training_videos(official_set):
    root = official_set('hieve')
    content = json.loads((root / 'annotations/hieve_train.json').read_text())
    dataset = build(root, 'hieve', 'train', pipeline=LOAD)
    assert [s['id'] for s in dataset] == [
        a['id'] for a in content['annotations'] if a['num_keypoints']
    ]
    sample = dataset[0]
    assert sample['keypoints'].shape == (1, 14, 2)
    assert len(sample['img']) == 5 and sample['flip_indices'][2] == 5
    names = dataset.metainfo['keypoint_id2name']
    assert {names[i]
            for i in sample['lower_body_ids']} == {
                f'{side}_{joint}'
                for side in ('left', 'right')
                for joint in ('hip', 'knee', 'ankle')
            }


def test_test_videos_have_boxes_alone(official_set, tmp_path):
    root = official_set('hieve')
    with pytest.raises(ValueError, match='hieve_test.json gives no sample'):
        build(root, 'hieve', 'test', pipeline=LOAD, test_mode=True)
    content = json.loads((root / 'annotations/hieve_test.json').read_text())
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(
        json.dumps([
            dict(
                image_id=i['id'], category_id=1, bbox=[9, 9, 40, 80], score=1)
            for i in content['images']
        ]))
    dataset = build(
        root,
        'hieve',
        'test',
        pipeline=LOAD,
        test_mode=True,
        bbox_file=str(boxes))
    assert [s['frame_indices'][2]
            for s in dataset] == [i['frame_id'] for i in content['images']]
