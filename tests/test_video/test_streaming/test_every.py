"""Poses of all frames, of which the model sees some."""
import json

import numpy as np
import pytest

from mmpose_tdmi.apis import VideoPoseInferencer
from mmpose_tdmi.video import StreamingPoseEstimator
from .conftest import make_video


def estimate(model, frames, step=1, **kwargs):
    """By frame and track."""
    estimator = StreamingPoseEstimator(model, **kwargs)
    found = list(estimator.iterate_poses(frames, step))
    return [{p.box.track_id: p for p in f.persons} for f in found], estimator


#: One person all along, one in frames 4 to 8.
BOXES = {
    1: lambda i: (10 + 3 * i, 20, 50 + 3 * i, 80),
    2: lambda i: (70, 10 + i, 110, 70 + i) if 4 <= i <= 8 else None,
    3: lambda i: (20, 30, 60, 90) if i in (1, 2) else None
}


@pytest.mark.parametrize('kind, mode', [('hrnet', 'offline'),
                                        ('hrnet', 'naive'),
                                        ('single', 'offline')])
def test_poses_between(models, kind, mode):
    video = make_video(12, BOXES)
    found, estimator = estimate(models(kind), video, mode=mode, every=3)
    expected, reference = estimate(models(kind), video[::3], 3, mode=mode)
    # frames 0, 3, 6, 9 of the first, 6 of the second person
    assert estimator.stats == reference.stats
    assert estimator.stats.person_frames == 5
    assert [set(x) for x in found] == [{1} if i < 4 or i > 8 else {1, 2}
                                       for i in range(12)]
    for seen, other in zip(found[::3], expected):
        for track, pose in other.items():
            np.testing.assert_array_equal(seen[track].keypoints,
                                          pose.keypoints)
    first, second = expected[1][1], expected[2][1]
    for share, frame in ((1 / 3, 4), (2 / 3, 5)):
        between = found[frame][1]
        np.testing.assert_allclose(
            between.keypoints,
            (1 - share) * first.keypoints + share * second.keypoints,
            atol=1e-3)
        np.testing.assert_allclose(
            between.scores, (1 - share) * first.scores + share * second.scores,
            atol=1e-5)
        assert between.box == video[frame].persons[0]
    # before the first and after the last pose of a track: with the box
    for frame in (4, 5, 7, 8):
        np.testing.assert_allclose(
            found[frame][2].keypoints,
            expected[2][2].keypoints + [0, frame - 6],
            atol=1e-3)
    np.testing.assert_allclose(
        found[11][1].keypoints, expected[3][1].keypoints + [6, 0], atol=1e-3)


def test_frames_of_another_size(models):
    """Nothing is between frames that are not of one picture."""
    small = make_video(4, BOXES)
    large = [
        type(f)(f.index + 4, None, f.image.repeat(2, 0).repeat(2, 1),
                f.persons) for f in make_video(4, BOXES)
    ]
    found, _ = estimate(models(), small + large, every=3)
    for frame, seen, shift in ((4, 6, -6), (5, 6, -3), (7, 6, 3)):
        np.testing.assert_allclose(
            found[frame][1].keypoints,
            found[seen][1].keypoints + [shift, 0],
            atol=1e-3)


def test_frames_come_as_soon_as_the_next_pose_is_there(models):
    asked = []

    def frames():
        for frame in make_video(12, BOXES):
            asked.append(frame.index)
            yield frame

    estimator = StreamingPoseEstimator(models('single'), every=3, batch_size=1)
    assert estimator.lookahead == 2
    for found in estimator.iterate_poses(frames()):
        assert max(asked) <= min(found.index + 3, 11)
    assert StreamingPoseEstimator(models(), every=3).lookahead == 8


@pytest.mark.parametrize('options, message', [
    (dict(every=0), 'every must be at least 1, got 0'),
    (dict(every=2,
          output_heatmaps=True), 'every=2: poses between .* heatmaps'),
    (dict(every=2, mode='online'), "every=2: .* mode='online' cannot"),
])
def test_bad_choices(models, options, message):
    with pytest.raises(ValueError, match=message):
        StreamingPoseEstimator(models(offsets=(-1, 0)), **options)


def test_the_inferencer(saved_pose_model, clip, tmp_path):
    """An interrupted run goes on, and the results tell."""
    inferencer = VideoPoseInferencer(*saved_pose_model, device='cpu')
    boxes = [np.array([[5., 5., 60., 90., .9]])] * len(
        list(inferencer(clip.folder, boxes=lambda *_: np.zeros((0, 5)))))
    call = dict(boxes=boxes, every=4)
    expected = [r.poses for r in inferencer(clip.folder, **call)]
    assert sum(len(p.persons) for p in expected) == len(boxes)
    runs = inferencer(clip.folder, pred_out_dir=tmp_path, name='a', **call)
    for _ in range(2):
        next(runs)
    runs.close()
    inferencer.run(
        clip.folder, pred_out_dir=tmp_path, name='a', resume=True, **call)
    content = json.loads((tmp_path / 'a.json').read_text())
    assert content['meta']['settings']['every'] == 4
    for frame, poses in zip(content['frames'], expected):
        np.testing.assert_allclose(
            frame['persons'][0]['keypoints'],
            poses.persons[0].keypoints,
            atol=1e-2)
