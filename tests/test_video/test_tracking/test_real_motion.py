"""Trackers on real people in motion (machine-made labels)."""
import json

import numpy as np
import pytest

from mmpose_tdmi.video import Crop, FramePoses, PersonPose
from mmpose_tdmi.video.tracking import build_tracker
from mmpose_tdmi.video.tracks import box_iou


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


def detect(people, rng, jitter=0.04, miss=0.1):
    """Some of the people, in any order, and their boxes, which tremble."""
    found = [p for p in people if rng.random() >= miss]
    rng.shuffle(found)
    xywh = np.reshape([p['bbox'] for p in found], (-1, 4))
    low, size = xywh[:, :2], xywh[:, 2:]
    noise = jitter * rng.standard_normal((len(found), 2, 2))
    return found, np.hstack(
        [low + noise[:, 0] * size, low + size + noise[:, 1] * size])


def poses_of(index, boxes, people):
    """The annotated poses for a tracker's boxes."""
    joints = [np.reshape(p['keypoints'], (-1, 3)) for p in people]
    return FramePoses(
        index,
        persons=[
            PersonPose(box, x[:, :2], x[:, 2], Crop((0, 0), (1, 1)))
            for box, x in zip(boxes, joints)
        ])


@pytest.mark.parametrize('name', ['iou', 'oks'])
@pytest.mark.parametrize('seed', range(3))
def test_identities_hold_though_people_are_missed(persons, name, seed):
    rng = np.random.default_rng(seed)
    tracker = build_tracker(name)
    names, missed = {}, 0
    for index, annotated in persons.items():
        people, boxes = detect(annotated, rng)
        missed += len(annotated) - len(people)
        tracked = tracker.update(index, boxes, np.ones(len(boxes)))
        final = tracker.observe(poses_of(index, tracked, people))
        for pose, person in zip(final.persons, people):
            names.setdefault(person['track_id'], set()).add(pose.box.track_id)
    assert missed > 0
    assert all(len(ids) == 1 for ids in names.values()), names
    assert len(set.union(*names.values())) == len(names)


def test_carried_boxes_stay_on_people(persons):
    """Of whom nobody is looked for in three of four frames."""
    rng, tracker = np.random.default_rng(0), build_tracker('iou')
    overlaps, owners = [], {}
    for index in range(max(persons) + 1):
        annotated = persons.get(index, [])
        if annotated and index % 4 == 0:
            people, boxes = detect(annotated, rng, 0.02, 0)
            found = tracker.update(index, boxes, np.ones(len(boxes)))
            owners = {
                p['track_id']: box.track_id
                for p, box in zip(people, found)
            }
            continue
        carried = {b.track_id: b.bbox for b in tracker.carry(index)}
        for person in annotated:
            x, y, width, height = person['bbox']
            bbox = carried.get(owners.get(person['track_id']))
            if bbox is not None:
                overlaps.append(
                    box_iou(bbox, [x, y, x + width, y + height])[0, 0])
    assert len(overlaps) > 30
    assert np.mean(overlaps) > 0.8
