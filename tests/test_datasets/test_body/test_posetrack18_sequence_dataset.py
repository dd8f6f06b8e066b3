"""PoseTrack18 as clips, on real frames."""
import json
import shutil

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.datasets import PoseTrack18Dataset
from mmpose.engine.hooks import PoseVisualizationHook
from mmpose.registry import DATASETS
from mmpose.visualization import PoseLocalVisualizer

pytestmark = pytest.mark.usefixtures('mmpose_scope')
TEST = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=(72, 96)),
    dict(type='PackPoseSequenceInputs')
]


@pytest.fixture
def config(shared_clips):
    return dict(
        delta=2,
        data_root=str(shared_clips / 'posetrack18'),
        ann_file='annotations/test_posetrack18_val.json',
        data_prefix=dict(img=''),
        test_mode=True)


def build(config, **kwargs):
    return DATASETS.build({
        **dict(type='PoseTrack18SequenceDataset', pipeline=TEST),
        **config,
        **kwargs
    })


@pytest.mark.parametrize('boxes', [False, True])
def test_samples_are_the_host_s(config, boxes):
    if boxes:
        config['bbox_file'] = (
            config['data_root'] +
            '/annotations/test_posetrack18_human_detections.json')
    ours = build(config, pipeline=[])
    del config['delta']
    theirs = PoseTrack18Dataset(**config)
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
    dataset = build(config, bbox_file=file, bbox_score_thr=0.2)
    with open(file) as content:
        expected = sum(box['score'] >= 0.2 for box in json.load(content))
    assert len(dataset) == expected == 186


def test_a_file_of_one_video(config):
    dataset = build(config, ann_file='annotations/val/009473_mpii_test.json')
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
    dataset = build(
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


def test_frame_names():
    parse = DATASETS.get('PoseTrack18SequenceDataset').parse_frame_path
    with pytest.raises(ValueError, match='x1.jpg'):
        parse(None, 'images/val/x1.jpg')


def test_mmpose_s_inferencer_takes_its_default_detector_for_bodies():
    # as BaseMMPoseInferencer._init_detector finds it
    module = DATASETS.get('PoseTrack18SequenceDataset').__module__
    kind = module.split('datasets.')[-1].split('.')[0].lower()
    assert kind == 'body' and kind in default_det_models


def test_the_visualisation_hook_finds_the_key_frame(config, tmp_path):
    dataset = build(config)
    sample = dataset[0]['data_samples']
    sample.pred_instances = InstanceData(
        keypoints=sample.gt_instances.keypoints,
        keypoint_scores=np.ones((1, 17), np.float32),
        bboxes=sample.gt_instances.bboxes,
        bbox_scores=np.ones(1, np.float32))
    visualizer = PoseLocalVisualizer.get_instance('clips')
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
