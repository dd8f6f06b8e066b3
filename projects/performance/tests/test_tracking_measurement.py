"""The simulated detector, and scores of tracks with known faults."""
import json

import numpy as np
import pytest

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.evaluation.functional import load_annotations
from mmpose_tdmi.video.tracking import build_tracker
from projects.performance.simulated_detector import (DetectorFaults,
                                                     SimulatedDetector)
from projects.performance.tracking_measurement import (TrackingScores,
                                                       annotated_poses,
                                                       tracked_boxes)
from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings

NAMES = [
    info['name'] for _, info in sorted(
        PoseTrack18SequenceDataset.METAINFO['keypoint_info'].items())
]
NO_FAULTS = DetectorFaults(jitter=0, miss=0, burst=1, hidden=0)


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """A short generated clip: its sequence, and persons by frame."""
    root = tmp_path_factory.mktemp('clips')
    settings = ClipSettings.preset(
        'easy', width=160, height=120, frames=8, label_margin=0, crowd=0.8)
    path = generate(root, settings, dict(val=1), seed=3)['val']
    annotated, = load_annotations(path).values()
    content = json.loads(path.read_text())
    persons = [[a for a in content['annotations'] if a['image_id'] == i]
               for i in annotated.frame_ids.tolist()]
    assert sum(map(len, persons)) > 10
    return annotated, persons


def run(clip, tracker='iou', faults=NO_FAULTS, noise=0.):
    annotated, persons = clip
    detector = SimulatedDetector(faults, 0)
    detections = [detector(p) for p in persons]
    boxes = tracked_boxes(build_tracker(tracker), detections)
    scores = TrackingScores()
    scores.add(annotated, list(annotated_poses(boxes, detections, noise, 0)),
               NAMES)
    return scores


def test_perfect_detections_and_tracks(clip):
    result = run(clip).result()
    assert result['mota'] == pytest.approx(100)
    assert result['hota'] == pytest.approx(100)
    assert result['idf1'] == pytest.approx(100)
    assert result['switches'] == 0


def test_without_tracking_identities_are_lost_and_nothing_else(clip):
    scores = run(clip, 'none')
    result = scores.result()
    frames = len(clip[1])
    assert result['idf1'] == pytest.approx(100 / frames, abs=5)
    assert result['switches'] > 5
    # 20 frames of noise would be seen here
    assert result['mota'] > 0
    assert scores.video_idf1 == [pytest.approx(result['idf1'])]


def test_misses_cost(clip):
    faults = DetectorFaults(jitter=0, miss=0.3, burst=2, hidden=0)
    assert run(clip, faults=faults).result()['idf1'] < 95


def test_frames_have_to_agree(clip):
    with pytest.raises(ValueError, match='2 frames of poses, expected 8'):
        annotated, persons = clip
        detections = [SimulatedDetector(NO_FAULTS, 0)(p) for p in persons[:2]]
        boxes = tracked_boxes(build_tracker('iou'), detections)
        TrackingScores().add(annotated,
                             list(annotated_poses(boxes, detections, 0., 0)),
                             NAMES)


def make_person(track_id=0, seen=1.):
    return dict(
        track_id=track_id, bbox=[10, 20, 50, 100], visible_fraction=seen)


def test_detector_without_faults():
    found = SimulatedDetector(NO_FAULTS, 0)([make_person()])
    np.testing.assert_allclose(found.boxes, [[10, 20, 60, 120]])


def test_detector_misses_as_often_and_as_long_as_said():
    faults = DetectorFaults(jitter=0, miss=0.05, burst=4, hidden=0)
    detector = SimulatedDetector(faults, 0)
    seen = np.array(
        [len(detector([make_person()]).boxes) for _ in range(20000)])
    starts = np.flatnonzero((seen[1:] == 0) & (seen[:-1] == 1))
    assert len(starts) / seen.sum() == pytest.approx(0.05, rel=0.1)
    assert (seen == 0).sum() / len(starts) == pytest.approx(4, rel=0.1)


def test_detector_jitter_and_hidden_people():
    faults = DetectorFaults(jitter=0.04, miss=0, hidden=0.35)
    detector = SimulatedDetector(faults, 0)
    boxes = np.concatenate(
        [detector([make_person()]).boxes for _ in range(4000)])
    np.testing.assert_allclose(boxes.std(axis=0), [2, 4, 2, 4], rtol=0.05)
    assert not len(detector([make_person(seen=0.3)]).boxes)
    found = detector([make_person(0, 0.5), make_person(1, 1.)])
    assert [p['track_id'] for p in found.persons] == [1, 0]
    assert found.scores[0] > found.scores[1]


def test_detector_is_reproducible():
    first, second, third = (
        SimulatedDetector(DetectorFaults(), s) for s in (1, 1, 2))
    persons = [make_person(i) for i in range(5)]
    np.testing.assert_array_equal(first(persons).boxes, second(persons).boxes)
    assert not np.array_equal(first(persons).boxes, third(persons).boxes)


def test_bad_faults():
    with pytest.raises(ValueError, match=r'burst must be in \[1, inf\]'):
        DetectorFaults(burst=0.5)
