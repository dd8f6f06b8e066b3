"""What is written about a video's poses."""
import json

import numpy as np

from mmpose_tdmi.apis import (FramePoses, PersonBox, PersonPose,
                              VideoPoseEstimator, frame_names, frame_record,
                              init_pose_model, open_frames, result_meta)


def test_frame_record():
    pose = PersonPose(
        PersonBox((1., 2., 4., 8.), .5, 3),
        np.arange(4, dtype=np.float32).reshape(2, 2), np.array([.25, .75]))
    record = frame_record(FramePoses(6, [pose]), 'a/000006.jpg')
    assert record == dict(
        frame=6,
        file_name='a/000006.jpg',
        persons=[
            dict(
                id=3,
                bbox=[1., 2., 3., 6.],
                bbox_score=.5,
                keypoints=[[0., 1.], [2., 3.]],
                keypoint_scores=[.25, .75])
        ])
    assert frame_record(FramePoses(0)) == dict(frame=0, persons=[])


def test_meta(saved_pose_model, clip):
    estimator = VideoPoseEstimator(init_pose_model(*saved_pose_model))
    frames = open_frames(clip.video)
    meta = result_meta('a.mp4', frames, estimator, 'c.py', 'c.pth',
                       dict(file='b.json'))
    json.dumps(meta)
    assert (meta['width'], meta['height']) == (128, 96)
    assert (meta['fps'], meta['num_frames']) == (12.5, 7)
    assert meta['boxes'] == dict(file='b.json')
    assert meta['frame_offsets'] == [-2, -1, 0, 1, 2]
    assert meta['keypoint_names'][0] == 'nose'
    assert len(meta['keypoint_names']) == 17
    assert max(max(link) for link in meta['skeleton']) == 16
    assert set(
        meta['versions']) == {'mmpose_tdmi', 'mmpose', 'mmengine', 'torch'}


def test_frame_names(clip):
    assert frame_names(open_frames(clip.folder))[2] == '000002.png'
    assert frame_names(open_frames(clip.video)) == [None] * 7
