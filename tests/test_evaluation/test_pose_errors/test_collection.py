"""From files of annotations and predictions to joints."""
import json

import numpy as np
import pytest

from mmpose_tdmi.datasets.converters import KEYPOINT_NAMES
from mmpose_tdmi.evaluation import PoseTrackMetric
from mmpose_tdmi.evaluation.pose_errors import (OUTCOMES, collect_errors,
                                                error_rows)

META = dict(
    dataset_name='toy', keypoint_id2name=dict(enumerate(KEYPOINT_NAMES)))


def pose(image_id):
    rng = np.random.default_rng(image_id // 100)
    # 25 pixels a frame, half a head
    return rng.uniform(0, 400, (17, 2)) + [25 * (image_id % 100), 0]


@pytest.fixture
def ann_file(tmp_path):
    """Two videos of three labelled frames with a person each."""
    ids = [100 * v + n for v in (1, 2) for n in (0, 1, 3)]
    content = dict(
        videos=[
            dict(id=str(v), name=f'{v:06d}_toy', file_names=[], frame_ids=[])
            for v in (1, 2)
        ],
        images=[
            dict(
                id=i,
                file_name=f'images/val/{i // 100:06d}_toy/{i % 100:06d}.jpg',
                vid_id=str(i // 100),
                frame_id=i % 100,
                is_labeled=True) for i in ids
        ],
        annotations=[
            dict(
                id=i,
                image_id=i,
                track_id=0,
                category_id=1,
                bbox=[0, 0, 500, 500],
                bbox_head=[0, 0, 50, 200 / 3],  # head size 50
                keypoints=np.c_[pose(i), np.ones(17)].ravel().tolist())
            for i in ids
        ],
        categories=[dict(id=1, name='person', keypoints=list(KEYPOINT_NAMES))])
    path = tmp_path / 'toy_val.json'
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def write(ann_file, tmp_path):
    """``write(change)`` writes predictions and gives folder and mAP."""

    def predict(change=lambda keypoints, image_id: keypoints):
        out = tmp_path / 'predictions'
        metric = PoseTrackMetric(str(ann_file), out_dir=str(out))
        metric.dataset_meta = META
        for image_id in (100, 101, 103, 200, 201, 203):
            keypoints = change(pose(image_id), image_id)
            metric.process(None, [
                dict(
                    id=image_id,
                    img_id=image_id,
                    pred_instances=dict(
                        keypoints=keypoints[None],
                        keypoint_scores=np.full((1, 17), image_id / 1e3)),
                    gt_instances=dict(bbox_scores=np.ones(1)))
            ])
        return out, metric.evaluate(6)['posetrack/mAP']

    return predict


def test_perfect_predictions(ann_file, write):
    folder, _ = write()
    errors = collect_errors(folder, ann_file)
    assert len(errors.joint) == len(errors.pred_joint) == 6 * 15
    assert not errors.outcome.any() and not errors.pred_outcome.any()
    assert errors.videos == ['000001_toy', '000002_toy']
    assert errors.num_frames == 6
    # frame numbers are the annotation's: steps of 1 and 2 frames
    np.testing.assert_allclose(errors.speed,
                               np.tile(np.repeat([0.5, 0.5, 0.5], 15), 2))
    np.testing.assert_allclose(errors.head_size, 50)
    # a prediction's joint is meant for the same joint
    assert (errors.joint[errors.pred_gt] == errors.pred_joint).all()
    assert (errors.pred_gt == np.arange(90)).all()


def test_known_errors_and_the_metrics_ap(ann_file, write):
    knees = [
        KEYPOINT_NAMES.index(f'{side}_knee') for side in ('left', 'right')
    ]
    nose = KEYPOINT_NAMES.index('nose')

    def change(keypoints, image_id):
        if image_id == 101:
            keypoints[knees] = keypoints[knees[::-1]]
        if image_id == 200:
            keypoints[nose, 1] += 40
        return keypoints

    folder, mean = write(change)
    rows = error_rows(collect_errors(folder, ann_file), 'joint')
    counts = {
        r.slice: {
            n: c
            for n, c in r.outcomes.items() if c
        }
        for r in rows
    }
    assert counts['left_knee'] == counts['right_knee'] == dict(hit=5, swap=1)
    assert counts['nose'] == dict(hit=5, near=1)
    assert counts['left_hip'] == dict(hit=6)
    assert rows[-1].ap == pytest.approx(mean)
    assert rows[-1].num_gt == 90 and sum(rows[-1].outcomes.values()) == 90
    errors = collect_errors(folder, ann_file, near_limit=0.7)
    assert (errors.outcome == OUTCOMES.index('far')).sum() == 1


def test_files_that_do_not_fit(ann_file, write, tmp_path):
    folder, _ = write()
    with pytest.raises(FileNotFoundError, match='nowhere'):
        collect_errors(tmp_path / 'nowhere', ann_file)
    (folder / '000009_toy.json').write_text('{}')
    with pytest.raises(ValueError, match=r"not list.*\['000009_toy'\]"):
        collect_errors(folder, ann_file)
    (folder / '000009_toy.json').unlink()
    (folder / '000002_toy.json').unlink()
    with pytest.raises(FileNotFoundError, match=r"missing.*\['000002_toy'\]"):
        collect_errors(folder, ann_file)


def test_annotations_that_say_too_little(ann_file, write):
    folder, _ = write()
    content = json.loads(ann_file.read_text())
    for image in content['images']:
        image['is_labeled'] = False
    ann_file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='nothing to score'):
        collect_errors(folder, ann_file)
    del content['images'][0]['frame_id']
    ann_file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='has no "frame_id"'):
        collect_errors(folder, ann_file)
