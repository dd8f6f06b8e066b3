"""Accuracy along annotated videos."""
import json
from types import SimpleNamespace

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.video import Crop, PersonPose, StreamingStats
from projects.performance.accuracy import (estimate_videos, mean_distances,
                                           posetrack_ap)
from projects.performance.annotated_video import load_annotated_videos


@pytest.fixture
def ann_file(small_clips):
    return small_clips / 'annotations/synthetic_val.json'


@pytest.fixture
def videos(ann_file, small_clips):
    return load_annotated_videos(ann_file, small_clips)


class Truth:
    """Estimates what is annotated, moved by some pixels."""

    def __init__(self, videos, moved=0.):
        self._persons = next(iter(videos.values())).persons
        self._videos = videos
        self._moved = moved
        self.stats = StreamingStats()

    def iterate_poses(self, frames):
        self.stats = StreamingStats(crops=1)
        video = next(iter(self._videos.values()))
        for frame in frames:
            persons = []
            for box in frame.persons:
                person, = (
                    p for p in self._persons[video.image_ids[frame.index]]
                    if p['track_id'] == box.track_id)
                joints = np.reshape(person['keypoints'], (-1, 3))
                persons.append(
                    PersonPose(box, joints[:, :2] + [self._moved, 0],
                               np.ones(17), Crop((0, 0), (1, 1))))
                self.stats.person_frames += 1
            yield frame.with_persons(persons)


def test_videos_are_those_of_the_file(videos, ann_file):
    content = json.loads(ann_file.read_text())
    video, = videos.values()
    frames = list(video.frames())
    assert len(frames) == 9 == len(video.image_ids)
    assert sum(len(f.persons) for f in frames) == len(content['annotations'])
    first = content['annotations'][0]
    place = video.image_ids.index(first['image_id'])
    x, y, w, h = first['bbox']
    assert (x, y, x + w, y + h) in [b.bbox for b in frames[place].persons]


def test_jitter_is_reproducible(videos):
    video, = videos.values()

    def boxes(jitter, seed=0):
        return np.array([
            box.bbox for frame in video.frames(jitter, seed)
            for box in frame.persons
        ])

    np.testing.assert_array_equal(boxes(0.1), boxes(0.1))
    assert np.abs(boxes(0.1) - boxes(0)).max() > 0
    assert np.any(boxes(0.1) != boxes(0.1, 1))
    size = boxes(0)[:, 2:] - boxes(0)[:, :2]
    assert 0.05 < np.std((boxes(0.1) - boxes(0))[:, :2] / size) < 0.2


def test_the_truth_is_perfect_and_what_is_far_off_is_not(videos, ann_file):
    metainfo = parse_pose_metainfo(PoseTrack18SequenceDataset.METAINFO)
    found, stats = estimate_videos(Truth(videos), videos)
    assert stats.person_frames == len(found) and stats.crops == 1
    assert posetrack_ap(found, str(ann_file), metainfo) == pytest.approx(100)
    moved, _ = estimate_videos(Truth(videos, 60.), videos)
    assert posetrack_ap(moved, str(ann_file), metainfo) < 20
    pixels, heads = mean_distances(moved, found, videos)
    assert pixels == pytest.approx(60, abs=1e-3) and heads > 1
    assert mean_distances(found, found, videos) == (0, 0)


def test_a_frame_that_is_no_image_is_named(videos, tmp_path):
    video, = videos.values()
    broken = SimpleNamespace(**vars(video))
    broken.root = tmp_path
    with pytest.raises(ValueError, match='000000.jpg is no image'):
        next(type(video).frames(broken))
