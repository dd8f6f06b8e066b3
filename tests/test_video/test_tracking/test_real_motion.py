"""Trackers on real people in motion (machine-made labels)."""
import json

import numpy as np
import pytest

from mmpose_tdmi.video import Crop, FramePoses, PersonPose
from mmpose_tdmi.video.tracking import build_tracker
from projects.performance.simulated_detector import (DetectorFaults,
                                                     SimulatedDetector)
from projects.performance.tracking_measurement import carried_overlaps


@pytest.fixture(params=['drink', 'push'])
def persons(shared_clips, request):
    """Annotations by frame; of `push` some frames have none."""
    path = shared_clips / 'real_motion' / 'annotations'
    content = json.loads((path / f'{request.param}.json').read_text())
    found = {}
    for image in sorted(content['images'], key=lambda i: i['file_name']):
        index = int(image['file_name'][-10:-4])
        boxes = [
            a for a in content['annotations'] if a['image_id'] == image['id']
        ]
        if boxes:
            found[index] = boxes
    assert len(found) > 30
    return found


def poses_of(index, boxes, detected):
    """The annotated poses for a tracker's boxes."""
    found = []
    for box, person in zip(boxes, detected.persons):
        joints = np.reshape(person['keypoints'], (-1, 3))
        found.append(
            PersonPose(box, joints[:, :2], joints[:, 2], Crop((0, 0), (1, 1))))
    return FramePoses(index, found)


@pytest.mark.parametrize('name', ['iou', 'oks'])
@pytest.mark.parametrize('seed', range(3))
def test_identities_hold_though_people_are_missed(persons, name, seed):
    detector = SimulatedDetector(DetectorFaults(), seed)
    tracker = build_tracker(name)
    names, missed = {}, 0
    for index, annotated in persons.items():
        detected = detector(annotated)
        missed += len(annotated) - len(detected.persons)
        boxes = tracker.update(index, detected.boxes, detected.scores)
        final = tracker.observe(poses_of(index, boxes, detected))
        for pose, person in zip(final.persons, detected.persons):
            names.setdefault(person['track_id'], set()).add(pose.box.track_id)
    assert missed > 0
    assert all(len(ids) == 1 for ids in names.values()), names
    assert len(set.union(*names.values())) == len(names)


def test_carried_boxes_stay_on_people(persons):
    detector = SimulatedDetector(DetectorFaults(0.02, 0, 1, 0), 0)
    truth = [persons.get(i, []) for i in range(max(persons) + 1)]
    # nobody is looked for where nobody is annotated, and in three of four
    detections = [
        detector(people) if people and i % 4 == 0 else None
        for i, people in enumerate(truth)
    ]
    overlaps = carried_overlaps(build_tracker('iou'), detections, truth)
    assert len(overlaps) > 30
    assert np.mean(overlaps) > 0.8
