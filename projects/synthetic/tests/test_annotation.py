"""Annotations follow PoseTrack18 and the drawn truth."""
import numpy as np
import pytest

from mmpose_tdmi.datasets.converters.common import KEYPOINT_NAMES
from mmpose_tdmi.datasets.converters.posetrack import make_image_id
from projects.synthetic.annotation import (NOTHING, OBJECT, PERSON, SELF,
                                           annotate, joint_occlusion)
from projects.synthetic.generator import make_scene
from projects.synthetic.render import LabelMap
from projects.synthetic.settings import ClipSettings

WIDTH, HEIGHT = 320, 240


@pytest.fixture(scope='module')
def annotated():
    """(scene, frame, annotations, ignore x, ignore y) of some scenes."""
    out = []
    for number in range(12):
        settings = ClipSettings(
            width=WIDTH, height=HEIGHT, frames=1, crowd=0.6)
        scene = make_scene(settings, 1, 'train', number)
        frame = next(iter(scene.frames()))
        out.append((scene, frame,
                    *annotate(scene, frame, make_image_id(9, number, 0))))
    return out


def people(annotated):
    return [a for _, _, annotations, _, _ in annotated for a in annotations]


def test_joints_are_inside_or_zero(annotated):
    assert len(people(annotated)) > 20
    for annotation in people(annotated):
        joints = np.array(annotation['keypoints']).reshape(17, 3)
        labelled = joints[:, 2] == 1
        assert annotation['num_keypoints'] == labelled.sum() >= 5
        assert (joints[~labelled] == 0).all()
        assert (joints[labelled, :2] >= -0.5).all()
        assert (joints[labelled, 0] < WIDTH).all()
        assert (joints[labelled, 1] < HEIGHT).all()
        for ear in ('left_ear', 'right_ear'):
            assert not labelled[KEYPOINT_NAMES.index(ear)]
        causes = np.array(annotation['occluded_by'])
        assert (causes[~labelled] == NOTHING).all()
        np.testing.assert_array_equal(annotation['occluded'], causes > 0)


def test_boxes_hold_their_joints(annotated):
    for annotation in people(annotated):
        joints = np.array(annotation['keypoints']).reshape(17, 3)
        x, y, w, h = annotation['bbox']
        assert 0 <= x < x + w <= WIDTH + 1e-6
        assert 0 <= y < y + h <= HEIGHT + 1e-6
        inside = joints[joints[:, 2] > 0]
        assert (inside[:, 0] >= x - 0.5).all()
        assert (inside[:, 0] <= x + w + 0.5).all()
        assert (inside[:, 1] >= y - 0.5).all()
        assert (inside[:, 1] <= y + h + 0.5).all()
        hx, hy, hw, hh = annotation['bbox_head']
        assert hw >= 1 and hh >= 1
        for name in ('nose', 'head_bottom', 'head_top'):
            jx, jy, v = joints[KEYPOINT_NAMES.index(name)]
            if v:
                assert hx - 1 <= jx <= hx + hw + 1
                assert hy - 1 <= jy <= hy + hh + 1


def test_ids_are_those_of_the_format(annotated):
    ids = [a['id'] for a in people(annotated)]
    assert len(ids) == len(set(ids))
    for annotation in people(annotated):
        assert annotation['id'] // 100 == annotation['image_id']
        assert 0 < annotation['visible_fraction'] <= 1


def test_far_people_become_ignore_regions(annotated):
    seen_regions = 0
    for scene, frame, annotations, xs, ys in annotated:
        background = {
            i
            for i, person in enumerate(scene.people) if person.background
        }
        assert not background & {a['track_id'] for a in annotations}
        assert len(xs) == len(ys)
        for x, y in zip(xs, ys):
            assert len(x) == len(y) >= 3
            assert 0 <= min(x) and max(x) < WIDTH
            assert 0 <= min(y) and max(y) < HEIGHT
        shown = any((frame.labels.owner() == i).any() for i in background)
        assert bool(xs) >= shown
        seen_regions += len(xs)
    assert seen_regions


def test_what_hides_a_joint_is_told_apart(annotated):
    scene, frame, annotations, _, _ = annotated[0]
    number = annotations[0]['track_id']
    person, track = scene.people[number], frame.tracks[number]

    def causes(labels):
        inside, cause = joint_occlusion(labels, person, track, frame.index,
                                        number)
        return set(cause[inside].tolist())

    shape = frame.labels.labels.shape
    other = (number + 1) * LabelMap.PARTS + 1
    assert causes(np.full(shape, -1)) == {OBJECT}
    assert causes(np.full(shape, other)) == {PERSON}
    hand = number * LabelMap.PARTS + LabelMap.PARTS  # no joint's own part
    assert causes(np.full(shape, hand)) == {SELF}


def test_the_nose_is_hidden_from_behind(annotated):
    checked = {True: 0, False: 0}
    nose = KEYPOINT_NAMES.index('nose')
    for scene, frame, annotations, _, _ in annotated:
        for annotation in annotations:
            track = frame.tracks[annotation['track_id']]
            facing = -track.pose.head[frame.index, 2, 2]
            if abs(facing) > 0.5 and annotation['keypoints'][3 * nose + 2]:
                away = facing > 0
                checked[away] += 1
                if away:
                    assert annotation['occluded'][nose]
    assert all(checked.values())
