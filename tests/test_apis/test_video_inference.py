"""Poses along a video are those of the same clips in a test."""
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS

from mmpose_tdmi.apis import (FileBoxes, VideoPoseEstimator, clip_window,
                              frames_to_keep, init_pose_model, open_frames)
from mmpose_tdmi.structures import FrameWindow


@pytest.fixture(scope='module')
def model(saved_pose_model):
    return init_pose_model(*saved_pose_model)


def run(model, source, box_file, batch_size=8):
    estimator = VideoPoseEstimator(model, batch_size)
    frames = open_frames(source, keep=frames_to_keep(estimator.window))
    return list(estimator.iterate_poses(frames, FileBoxes(box_file, frames)))


def keypoints(results):
    """All keypoints in order, (persons, K, 2)."""
    return np.array(
        [p.keypoints for poses, _ in results for p in poses.persons])


def test_frames_in_order_with_their_persons(model, clip, box_file):
    results = run(model, clip.folder, box_file)
    assert [poses.index for poses, _ in results] == list(range(7))
    assert [len(poses.persons)
            for poses, _ in results] == [1, 0, 2, 0, 2, 2, 1]
    for poses, frame in results:
        np.testing.assert_array_equal(frame, clip.frames[poses.index])
        for place, person in enumerate(poses.persons):
            assert person.box.id == place
            assert person.keypoints.shape == (17, 2)
            assert person.scores.shape == (17, )
            # random weights: but a pose is near its box, not elsewhere
            x1, y1, x2, y2 = person.box.bbox
            assert (person.keypoints > [x1 - 60, y1 - 60]).all()
            assert (person.keypoints < [x2 + 60, y2 + 60]).all()


@pytest.mark.parametrize('batch_size', [1, 2, 3])
def test_batches_do_not_matter(model, clip, box_file, batch_size):
    expected = keypoints(run(model, clip.folder, box_file))
    got = keypoints(run(model, clip.folder, box_file, batch_size))
    np.testing.assert_allclose(got, expected, atol=1e-2)


def test_same_as_the_dataset(model, clip, boxes, tmp_path):
    """Window, padding and pipeline are those of a test on the same boxes."""
    ann = dict(
        images=[
            dict(
                id=50 + i,
                file_name=f'{clip.folder}/{i:06d}.png',
                width=128,
                height=96) for i in range(7)
        ],
        annotations=[],
        categories=[dict(id=1, name='person')])
    ann_file, det_file = tmp_path / 'ann.json', tmp_path / 'det.json'
    ann_file.write_text(json.dumps(ann))
    det_file.write_text(
        json.dumps([dict(b, image_id=b['image_id'] + 50) for b in boxes]))
    config = model.cfg.test_dataloader.dataset.copy()
    config.update(
        data_root='', ann_file=str(ann_file), bbox_file=str(det_file))
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        dataset = DATASETS.build(config)
        batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
        expected = np.concatenate(
            [s.pred_instances.keypoints for s in model.test_step(batch)])
    box_file = tmp_path / 'boxes.json'
    box_file.write_text(json.dumps(boxes))
    got = keypoints(run(model, clip.folder, box_file))
    assert expected.shape == got.shape == (8, 17, 2)
    np.testing.assert_allclose(got, expected, atol=1e-2)


def test_the_clip_around_the_frame_is_what_counts(model, clip, box_file,
                                                  tmp_path):
    """The model gets the frames t - 2 ... t + 2 in ascending order."""
    seen = []
    estimator = VideoPoseEstimator(model)
    frames = open_frames(clip.folder)
    pipeline = estimator._pipeline

    def record(results):
        seen.append((results['frame_indices'], results['frame_padded'],
                     [int(f[50, 70, 2]) for f in results['frames']]))
        return pipeline(results)

    estimator._pipeline = record
    list(estimator.iterate_poses(frames, FileBoxes(box_file, frames)))
    indices, padded, _ = zip(*seen)
    assert indices[0] == [0, 0, 0, 1, 2]
    assert padded[0] == [True, True, False, False, False]
    assert indices[1] == [0, 1, 2, 3, 4]
    assert indices[-1] == [4, 5, 6, 6, 6]
    for number, _, pixels in seen:
        assert pixels == [int(clip.frames[i, 50, 70, 2]) for i in number]


def test_one_pass_over_a_video_file(model, clip, box_file, monkeypatch):
    estimator = VideoPoseEstimator(model, batch_size=2)
    frames = open_frames(clip.video, keep=frames_to_keep(estimator.window))
    jumps = []
    monkeypatch.setattr(
        frames, '_jump', lambda index: jumps.append(index), raising=True)
    boxes = FileBoxes(box_file, frames)
    # reading the size and the first frame again starts at the beginning
    results = list(estimator.iterate_poses(frames, boxes))
    assert len(results) == 7
    assert jumps == []


def test_memory_is_bounded_without_people(model, clip):
    """Frames are handed on while a batch waits for more people."""
    estimator = VideoPoseEstimator(model, batch_size=2)
    frames = open_frames(clip.folder)
    first = FileBoxes.__new__(FileBoxes)
    first._boxes = {}
    assert [p.index for p, _ in estimator.iterate_poses(frames, first)
            ] == list(range(7))
    # a person in frame 0 alone must not hold back the rest until the end
    from mmpose_tdmi.apis import PersonBox
    asked = []

    def boxes(index, frame):
        asked.append(index)
        return [PersonBox((10., 10., 50., 90.), 1., 0)] if index == 0 else []

    results = estimator.iterate_poses(frames, boxes)
    assert len(next(results)[0].persons) == 1
    assert asked == [0, 1, 2]


def test_bad_arguments(model):
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        VideoPoseEstimator(model, 0)
    with pytest.raises(ValueError, match="neither delta nor offsets.*'Coco'"):
        clip_window(
            Config(dict(test_dataloader=dict(dataset=dict(type='Coco')))))


def test_frames_to_keep():
    assert frames_to_keep(FrameWindow((-2, -1, 0, 1, 2))) == 6
    assert frames_to_keep(FrameWindow((-3, 0))) == 5
    assert frames_to_keep(FrameWindow((0, ))) == 2
