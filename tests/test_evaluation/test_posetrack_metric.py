"""The Runner's PoseTrack metric."""
import gc
import json
import pickle
import socket
import weakref

import numpy as np
import pytest
import torch
import torch.distributed
import torch.multiprocessing
from mmengine.logging import MessageHub
from mmpose.registry import METRICS

from mmpose_tdmi.evaluation import (PoseTrackMetric, PredictedSequence,
                                    evaluate_folders, joint_columns,
                                    load_annotations, poseval_ap,
                                    scored_frames)

NAMES = [
    'nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle'
]
META = dict(dataset_name='toy', keypoint_id2name=dict(enumerate(NAMES)))


def pose(seed):
    return np.random.default_rng(seed).uniform(0, 500, (17, 2))


@pytest.fixture
def ann_file(tmp_path):
    """Two videos with two frames each, one person in each."""
    ids = [100, 101, 200, 201]
    value = dict(
        images=[
            dict(
                id=i,
                file_name=f'images/val/00000{i // 100}_toy/{i % 100:06d}.jpg')
            for i in ids
        ],
        annotations=[
            dict(
                id=i * 100,
                image_id=i,
                keypoints=np.concatenate([pose(i), np.ones((17, 1))],
                                         axis=1).ravel().tolist(),
                bbox_head=[0, 0, 30, 40]) for i in ids
        ],
        categories=[dict(id=1, name='person', keypoints=NAMES)])
    path = tmp_path / 'toy_val.json'
    path.write_text(json.dumps(value))
    return path


def sample(img_id, keypoints=None, sample_id=None, score=1., box_score=1.):
    keypoints = pose(img_id) if keypoints is None else keypoints
    return dict(
        id=img_id if sample_id is None else sample_id,
        img_id=img_id,
        pred_instances=dict(
            keypoints=keypoints[None].astype(np.float32),
            keypoint_scores=np.full((1, 17), score, np.float32)),
        gt_instances=dict(bbox_scores=np.array([box_score], np.float32)))


def metric(ann_file, **kwargs):
    result = METRICS.build(
        dict(type='PoseTrackMetric', ann_file=str(ann_file), **kwargs))
    result.dataset_meta = META
    return result


def test_perfect_prediction_through_the_evaluators_interface(ann_file):
    m = metric(ann_file)
    samples = [sample(i) for i in (201, 100, 101, 200)]
    m.process(None, samples[:3])
    m.process(None, samples[3:])
    result = m.evaluate(4)
    assert result == {
        f'posetrack/{name}': 100.
        for name in ('Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee',
                     'Ankle', 'mAP')
    }


def test_tensors_and_pred_instances_box_scores(ann_file):
    m = metric(ann_file)
    for i in (100, 101, 200, 201):
        s = sample(i)
        s['pred_instances'] = {
            key: torch.from_numpy(value)
            for key, value in s['pred_instances'].items()
        }
        s['pred_instances']['bbox_scores'] = torch.ones(1)
        del s['gt_instances']
        m.process(None, [s])
    assert m.evaluate(4)['posetrack/mAP'] == 100


def test_unpredicted_frames_count_as_missed(ann_file):
    m = metric(ann_file)
    m.process(None, [sample(100)])
    assert m.evaluate(1)['posetrack/mAP'] == 25


@pytest.mark.parametrize('mode, expected', [('keypoint_bbox', 25.),
                                            ('keypoint', 12.5)])
def test_score_modes_rank_differently(ann_file, mode, expected):
    m = metric(ann_file, score_mode=mode)
    m.process(None, [
        sample(100, score=.6, box_score=.9),
        sample(101, keypoints=pose(101) + 900, score=.8, box_score=.3)
    ])
    assert m.evaluate(2)['posetrack/mAP'] == pytest.approx(expected)


def test_repeated_sample_counts_once_and_order_does_not_matter(ann_file):

    def evaluate(samples):
        m = metric(ann_file)
        m.process(None, samples)
        return m.evaluate(len(samples))['posetrack/mAP']

    # equal scores: what decides is the order by sample id, not of arrival
    samples = [
        sample(100, sample_id=1),
        sample(100, keypoints=pose(9) + 900, sample_id=0),
        sample(100, keypoints=pose(8) + 900, sample_id=2)
    ]
    assert evaluate(samples) == pytest.approx(12.5)
    assert evaluate(samples[::-1]) == pytest.approx(12.5)
    assert evaluate(samples + [sample(100, sample_id=1)]) == evaluate(samples)


def test_unknown_image_ids_are_an_error_that_names_them(ann_file):
    m = metric(ann_file)
    m.process(None, [sample(100), sample(7), sample(8)])
    with pytest.raises(
            ValueError,
            match=r'toy_val.json: 2 image ids .*'
            r'\[7, 8\].*\[100, 101, 200\]'):
        m.evaluate(3)


def test_no_predictions_are_an_error(ann_file):
    with pytest.raises(ValueError, match='no predictions'):
        metric(ann_file).compute_metrics([])


@pytest.mark.parametrize('field', ['keypoints', 'keypoint_scores'])
def test_predictions_that_are_not_finite(ann_file, field):
    bad = sample(100)
    bad['pred_instances'][field][0, 3] = np.nan
    with pytest.raises(ValueError, match='image id 100.*not finite'):
        metric(ann_file).process(None, [bad])


def test_missing_or_misshapen_fields(ann_file):
    bad = sample(100)
    bad['gt_instances'] = {}
    with pytest.raises(ValueError, match='no bbox_scores'):
        metric(ann_file).process(None, [bad])
    bad = sample(100)
    bad['gt_instances']['bbox_scores'] = np.ones(2)
    with pytest.raises(ValueError, match=r'expected \(1,\)'):
        metric(ann_file).process(None, [bad])
    bad = sample(100)
    bad['pred_instances']['keypoint_scores'] = np.ones((1, 15))
    with pytest.raises(ValueError, match='do not fit'):
        metric(ann_file).process(None, [bad])


def test_bad_arguments():
    with pytest.raises(ValueError, match="got 'bbox'"):
        PoseTrackMetric(score_mode='bbox')
    with pytest.raises(ValueError, match='needs out_dir'):
        PoseTrackMetric(format_only=True)
    with pytest.raises(ValueError, match="presence .* got 'coco'"):
        PoseTrackMetric(presence='coco')
    with pytest.raises(ValueError, match="metrics must be .* .'pck'"):
        PoseTrackMetric(metrics=['pck'])
    with pytest.raises(ValueError, match="out_format .* got 'coco'"):
        PoseTrackMetric(out_format='coco')


def test_annotation_file_of_the_dataset(ann_file):
    m = PoseTrackMetric()
    m.dataset_meta = META
    m.process(None, [sample(100)])
    hub = MessageHub.get_current_instance()
    hub.update_info('toy_ann_file', str(ann_file))
    try:
        assert m.evaluate(1)['posetrack/mAP'] == 25
    finally:
        hub.pop_info('toy_ann_file')
    m.process(None, [sample(100)])
    with pytest.raises(ValueError, match='no ann_file'):
        m.evaluate(1)


def test_box_source_is_recorded(ann_file):
    hub = MessageHub.get_current_instance()

    def recorded(meta, **kwargs):
        m = metric(ann_file, **kwargs)
        m.dataset_meta = dict(META, **meta)
        m.process(None, [sample(100)])
        m.evaluate(1)
        return hub.get_info('posetrack/box_source')

    assert recorded({}) == 'not stated'
    assert recorded(dict(box_source='gt')) == 'gt'
    assert recorded(dict(box_source='gt'), box_source='a.json') == 'a.json'


def test_files_of_somebody_are_found_before_the_first_batch(
        ann_file, tmp_path):
    (tmp_path / '000002_toy.json').write_text('labels')
    m = metric(ann_file, out_dir=str(tmp_path))
    with pytest.raises(ValueError, match='000002_toy.json is there and was'):
        m.process(None, [sample(100, sample_id=1)])
    assert (tmp_path / '000002_toy.json').read_text() == 'labels'


def test_official_prediction_files(ann_file, tmp_path):
    out = tmp_path / 'predictions'
    m = metric(ann_file, out_dir=str(out), format_only=True)
    m.process(None, [
        sample(201, sample_id=2),
        sample(201, sample_id=1, score=.5, box_score=.5)
    ])
    assert m.evaluate(2) == {}
    assert sorted(p.name for p in out.iterdir()) == [
        '000001_toy.json', '000002_toy.json'
    ]
    # every frame of a video is listed, also of one without predictions
    empty = json.loads((out / '000001_toy.json').read_text())
    assert [i['id'] for i in empty['images']] == [100, 101]
    assert empty['annotations'] == []
    full = json.loads((out / '000002_toy.json').read_text())
    assert full['categories'][0]['keypoints'] == NAMES
    first, second = full['annotations']
    assert (first['image_id'], first['track_id']) == (201, 0)
    assert second['track_id'] == 1
    assert first['scores'] == [0.25] * 17
    keypoints = np.array(second['keypoints']).reshape(17, 3)
    np.testing.assert_allclose(keypoints[:, :2], pose(201), rtol=1e-6)
    assert (keypoints[:, 2] == 1).all()


def test_posetrack17_files_give_the_same_result(ann_file, tmp_path):
    """The files, evaluated by the tool, give what the metric reports."""
    samples = [
        sample(
            i, pose(i) + 6 * np.random.RandomState(i).randn(17, 2), score=s)
        for i, s in zip((201, 100, 101), (.5, .9, .2))
    ]
    reported = []
    for out_format in ('posetrack18', 'posetrack17'):
        out = tmp_path / out_format
        m = metric(
            ann_file,
            out_dir=str(out),
            out_format=out_format,
            box_source='somewhere')
        m.process(None, samples)
        result = m.evaluate(4)
        content = json.loads(ann_file.read_text())
        for video in ('000001_toy', '000002_toy'):
            part = [i for i in content['images'] if video in i['file_name']]
            ids = [i['id'] for i in part]
            persons = [
                a for a in content['annotations'] if a['image_id'] in ids
            ]
            path = tmp_path / 'gt' / f'{video}.json'
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                json.dumps(dict(content, images=part, annotations=persons)))
        scores = evaluate_folders(tmp_path / 'gt', out)
        assert scores.ap.mean == result['posetrack/mAP']
        assert scores.box_source == 'somewhere'
        reported.append(result)
    assert reported[0] == reported[1]
    assert 0 < result['posetrack/mAP'] < 100


def test_file_names_of_the_videos_table(ann_file, tmp_path):
    content = json.loads(ann_file.read_text())
    content['videos'] = [dict(id='1', name='one'), dict(id='2', name='two')]
    for image in content['images']:
        image['vid_id'] = str(image['id'] // 100)
    ann_file.write_text(json.dumps(content))
    out = tmp_path / 'predictions'
    m = metric(ann_file, out_dir=str(out), format_only=True)
    m.process(None, [sample(201)])
    m.evaluate(1)
    assert sorted(p.name for p in out.iterdir()) == ['one.json', 'two.json']


def test_presence_and_unlabelled_frames(ann_file):
    content = json.loads(ann_file.read_text())
    # a joint at x = 0 is there for poseval only
    content['annotations'][0]['keypoints'][:3] = [0., 5., 1.]
    content['images'][1]['is_labeled'] = False
    ann_file.write_text(json.dumps(content))
    moved = pose(100)
    moved[0] = [0., 5.]

    def nose(**kwargs):
        m = metric(ann_file, **kwargs)
        m.process(None, [sample(100, moved)])
        return m.evaluate(1)['posetrack/Head']

    assert nose() == pytest.approx(100 / 3)
    assert nose(unlabelled='score') == 25
    assert nose(presence='posetrack21') == pytest.approx((2 * 100 / 3 + 0) / 3)


def test_tracking_metrics(ann_file):
    m = metric(ann_file, metrics=('mota', 'hota'))
    samples = [sample(i) for i in (100, 101, 200, 201)]
    for s in samples:
        s['track_id'] = 3
    samples[3]['gt_instances']['track_ids'] = np.array([4])
    content = json.loads(ann_file.read_text())
    for annotation in content['annotations']:
        annotation['track_id'] = 0
    ann_file.write_text(json.dumps(content))
    m.process(None, samples)
    result = m.evaluate(4)
    assert result['posetrack/MOTA'] == 100
    assert result['posetrack/MOTP'] == pytest.approx(100)
    # two tracks instead of one in the second video
    assert result['posetrack/AssA'] == pytest.approx(75)
    assert result['posetrack/DetA'] == pytest.approx(100)
    assert 'posetrack/mAP' not in result
    m.process(None, [sample(100)])
    with pytest.raises(ValueError, match='has no track_id'):
        m.evaluate(1)


def test_dummy_for_frames_without_detections(ann_file, tmp_path):
    out = tmp_path / 'predictions'
    m = metric(ann_file, dummy_for_empty=True, out_dir=str(out))
    m.process(None, [sample(100), sample(200), sample(201)])
    # ranked last, it changes nothing
    assert m.evaluate(3)['posetrack/mAP'] == 75
    persons = json.loads((out / '000001_toy.json').read_text())['annotations']
    assert [p['image_id'] for p in persons] == [100, 101]
    keypoints = np.array(persons[1]['keypoints']).reshape(17, 3)
    assert keypoints[NAMES.index('right_ankle')].tolist() == [0, 0, 1]
    assert (keypoints[:-1] == 0).all()
    assert persons[1]['scores'][-1] == persons[1]['score'] == -100


def test_nothing_the_model_returned_is_kept(ann_file):

    class Array(np.ndarray):
        """An array that can be watched."""

    m = metric(ann_file)
    s = sample(100)
    fields = dict(
        s['pred_instances'], heatmaps=np.zeros((1, 17, 96, 72), np.float32))
    s['pred_instances'] = {k: v.view(Array) for k, v in fields.items()}
    watched = [weakref.ref(v) for v in s['pred_instances'].values()]
    m.process(None, [s])
    del s, fields
    assert all(reference() is None for reference in watched)
    # a pose and its scores: far from the 470 kB of the heatmaps
    assert len(pickle.dumps(m.results)) < 2000
    assert m.evaluate(1)['posetrack/mAP'] == 25


def test_results_hold_the_samples_before_they_are_evaluated(ann_file):
    m = metric(ann_file)
    m.process(None, [sample(100), sample(101)])
    m.process(None, [sample(200)])
    assert [result['img_id'] for result in m.results] == [100, 101, 200]
    np.testing.assert_array_equal(m.results[2]['keypoints'][0],
                                  pose(200).astype(np.float32))
    m.evaluate(3)
    assert not m.results


def _one_of_two(rank, ann_file, port, queue):
    torch.distributed.init_process_group(
        'gloo', f'tcp://127.0.0.1:{port}', rank=rank, world_size=2)
    m = metric(ann_file, collect_dir=str(ann_file.parent / 'collected'))
    # five samples for two processes: the sampler repeats the first one
    samples = [
        sample(i, pose(i) + d, sample_id=n, score=s)
        for n, (i, d, s) in enumerate([(100, 900,
                                        1), (100, 0,
                                             1), (101, 0,
                                                  .5), (200, 0,
                                                        .7), (201, 900, .6)])
    ]
    own = [(samples + samples[:1])[n] for n in range(rank, 6, 2)]
    for one in own:
        m.process(None, [one])
    queue.put((rank, m.evaluate(5)))
    torch.distributed.barrier()


def test_two_processes_give_what_one_gives(ann_file):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    gc.collect()  # in a copy, collecting frames of PyAV would wait for ever
    context = torch.multiprocessing.get_context('fork')
    queue = context.Queue()
    torch.multiprocessing.start_processes(
        _one_of_two, (ann_file, port, queue),
        nprocs=2,
        daemon=True,
        start_method='fork')
    both = dict(queue.get(timeout=60) for _ in range(2))
    assert both[0] == both[1]
    # by hand: hit, miss (of equal score, but its sample comes first), hit,
    # miss, hit; four are annotated
    assert both[0]['posetrack/mAP'] == pytest.approx(100 *
                                                     (1 + 2 / 3 + 3 / 5) / 4)


def test_real_frames_with_jitter(shared_clips):
    """Perfect is 100; jitter within, around and beyond the hit radius."""
    path = shared_clips / 'posetrack18/annotations/test_posetrack18_val.json'
    content = json.loads(path.read_text())

    def evaluate(jitter):
        m = metric(path)
        for ann in content['annotations']:
            keypoints = np.array(ann['keypoints']).reshape(17, 3)[:, :2]
            head = np.linalg.norm(ann['bbox_head'][2:]) * 0.6
            angle = np.random.default_rng(ann['id']).uniform(0, 7, 17)
            step = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            m.process(None, [
                sample(
                    ann['image_id'],
                    keypoints + jitter * head * step,
                    sample_id=ann['id'])
            ])
        return m.evaluate(14)

    # unannotated joints are predicted too and are false positives, so that
    # a perfect prediction of the others is below 100 with equal scores
    exact, near, far = evaluate(0.), evaluate(.45), evaluate(.55)
    # jitter carries a joint or two across the border of an ignore region
    assert near['posetrack/mAP'] == pytest.approx(
        exact['posetrack/mAP'], abs=3)
    assert 70 < exact['posetrack/mAP'] < 100
    assert far['posetrack/mAP'] < 2

    videos = load_annotations(path).values()
    ideal = poseval_ap(
        scored_frames(
            v,
            PredictedSequence(v.name, v.frame_names, v.frame_ids,
                              v.frame_index, v.keypoints, v.present,
                              v.track_ids, np.ones(v.present.shape)))
        for v in videos)
    assert ideal.mean == 100
    assert (joint_columns(NAMES, 'test') == np.arange(17)[[
        16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, 1, 0, 2
    ]]).all()
