"""HiEve's metric in the form the Runner uses it."""
import json

import numpy as np
import pytest
from mmengine.logging import MessageHub
from mmpose.registry import METRICS

from mmpose_tdmi.datasets.converters import HIEVE_KEYPOINT_NAMES
from mmpose_tdmi.evaluation.functional import validate_submission

META = dict(
    dataset_name='hieve',
    keypoint_id2name=dict(enumerate(HIEVE_KEYPOINT_NAMES)))
BOX = [0., 0, 50, 100]


def pose(seed):
    return np.random.default_rng(seed).uniform(5, 45, (14, 2))


@pytest.fixture
def ann_file(tmp_path):
    """Two videos of two frames with a person each, and an unlabelled one."""
    content = dict(
        videos=[
            dict(id=str(v), name=str(v), file_names=[], frame_ids=[])
            for v in (20, 21)
        ],
        images=[
            dict(
                id=100 * v + n,
                file_name=f'images/train/{v}/{n:06d}.jpg',
                vid_id=str(v),
                frame_id=n,
                is_labeled=n < 2) for v in (20, 21) for n in range(3)
        ],
        annotations=[
            dict(
                id=i,
                image_id=i,
                bbox=BOX,
                keypoints=np.c_[pose(i), np.full(14, 2)].ravel().tolist())
            for i in (2000, 2001, 2100, 2101)
        ],
        categories=[dict(id=1, keypoints=list(HIEVE_KEYPOINT_NAMES))])
    path = tmp_path / 'hieve_train.json'
    path.write_text(json.dumps(content))
    return path


def sample(img_id, keypoints=None, sample_id=None, score=1., **more):
    keypoints = pose(img_id) if keypoints is None else keypoints
    return dict(
        id=img_id if sample_id is None else sample_id,
        img_id=img_id,
        pred_instances=dict(
            keypoints=keypoints[None].astype(np.float32),
            keypoint_scores=np.full((1, 14), score, np.float32)),
        gt_instances=dict(
            bboxes=np.array([BOX], np.float32),
            bbox_scores=np.ones(1, np.float32)),
        **more)


def metric(ann_file, **kwargs):
    settings = dict(type='HiEveMetric', ann_file=str(ann_file))
    result = METRICS.build(dict(settings, **kwargs))
    result.dataset_meta = META
    return result


def test_perfect_predictions_through_the_evaluators_interface(ann_file):
    m = metric(ann_file)
    samples = [sample(i) for i in (2101, 2000, 2001, 2100, 2002)]
    m.process(None, samples[:3])
    m.process(None, samples[3:])
    assert m.evaluate(5) == {
        f'hieve_unofficial/AP@{name}': pytest.approx(100)
        for name in ('0.5', '0.75', '0.9', 'avg')
    }
    hub = MessageHub.get_current_instance()
    assert hub.get_info('hieve_unofficial/box_source') == 'not stated'


def test_known_answer(ann_file):
    m = metric(ann_file)
    m.process(None, [sample(i) for i in (2001, 2100, 2101)])
    assert len(m.results) == 3
    assert m.evaluate(3)['hieve_unofficial/AP@avg'] == pytest.approx(75)


def test_repeated_samples_count_once_and_order_does_not_matter(ann_file):
    rng = np.random.default_rng(0)
    samples = [
        sample(i, pose(i) + rng.normal(0, 4, (14, 2)), score=rng.random())
        for i in (2000, 2001, 2100, 2101)
    ]
    results = []
    for given in (samples, samples[::-1], samples + samples[:2]):
        m = metric(ann_file)
        m.process(None, given)
        results.append(m.evaluate(len(given)))
    assert results[0] == results[1] == results[2]
    assert 0 < results[0]['hieve_unofficial/AP@0.5'] < 100


@pytest.mark.parametrize('kwargs, expected', [
    (dict(prefix='hieve'), "must contain 'unofficial'"),
    (dict(score_mode='box'), 'score_mode'),
    (dict(format_only=True), 'out_dir'),
])
def test_wrong_options_are_named(ann_file, kwargs, expected):
    with pytest.raises(ValueError, match=expected):
        metric(ann_file, **kwargs)


def test_what_does_not_fit_the_annotation_is_named(ann_file):
    m = metric(ann_file)
    m.process(None, [sample(2000), sample(7)])
    with pytest.raises(ValueError, match=r'1 image ids .*hieve_train.*\[7\]'):
        m.evaluate(2)
    with pytest.raises(ValueError, match='no predictions'):
        metric(ann_file).evaluate(0)
    m = metric(ann_file)
    m.dataset_meta = dict(META, keypoint_id2name={0: 'nose'})
    m.process(None, [sample(2000)])
    with pytest.raises(ValueError, match='the joints are'):
        m.evaluate(1)


@pytest.mark.parametrize('change, expected', [
    (dict(keypoints=np.full((1, 14, 2), np.nan)), 'keypoints are not finite'),
    (dict(keypoint_scores=np.ones((1, 13))), 'do not fit'),
    (dict(bboxes=np.ones((2, 4))), 'pred_instances.bboxes has shape'),
])
def test_predictions_that_are_wrong_are_named(ann_file, change, expected):
    wrong = sample(2000)
    wrong['pred_instances'].update(change)
    with pytest.raises(ValueError, match=f'image id 2000: .*{expected}'):
        metric(ann_file).process(None, [wrong])
    lacking = sample(2000)
    del lacking['gt_instances']['bboxes']
    with pytest.raises(ValueError, match='has no bboxes'):
        metric(ann_file).process(None, [lacking])


def test_files_for_the_server(ann_file, tmp_path):
    out = tmp_path / 'submission'
    m = metric(ann_file, format_only=True, out_dir=str(out))
    m.process(None, [sample(2000), sample(2000, sample_id=1), sample(2102)])
    assert m.evaluate(3) == {}
    names = ['000000.jpg', '000001.jpg', '000002.jpg']
    summary = validate_submission(out, ['20', '21'],
                                  dict.fromkeys(['20', '21'], names))
    assert summary.num_persons == {'20': 2, '21': 1}
    content = json.loads((out / '20.json').read_text())
    persons = content['annolist'][0]['annorect']
    assert [person['track_id'] for person in persons] == [[0], [1]]
    points = persons[0]['annopoints'][0]['point']
    found = [[point['x'][0], point['y'][0]] for point in points]
    np.testing.assert_allclose(found, pose(2000), rtol=1e-6)


def test_tracks_are_written_where_there_are_some(ann_file, tmp_path):
    out = tmp_path / 'submission'
    m = metric(ann_file, format_only=True, out_dir=str(out))
    m.process(None, [sample(2000, track_id=7), sample(2001, track_id=7)])
    m.evaluate(2)
    frames = json.loads((out / '20.json').read_text())['annolist']
    assert [f['annorect'][0]['track_id'] for f in frames[:2]] == [[7], [7]]
    m.process(None, [
        sample(2000, track_id=7),
        sample(2000, track_id=7, sample_id=1),
    ])
    with pytest.raises(ValueError, match='two predictions are of one track'):
        m.evaluate(2)
