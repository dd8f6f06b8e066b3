"""Which errors are made: constructed poses with known ones, files, tables."""
import csv
import json

import numpy as np
import pytest

from mmpose_tdmi.datasets.converters import KEYPOINT_NAMES
from mmpose_tdmi.evaluation import PoseTrackMetric, pose_errors
from mmpose_tdmi.evaluation.functional import (POSEVAL_JOINTS,
                                               AnnotatedSequence,
                                               PredictedSequence,
                                               match_persons, poseval_ap)
from mmpose_tdmi.evaluation.pose_errors import (OUTCOMES, PREDICTIONS,
                                                SLICINGS, JointErrors,
                                                collect_errors, error_rows,
                                                joint_outcomes, joint_speeds,
                                                video_errors)

#: A head box with this diagonal makes a head size of 30 pixels.
HEAD_BOX = (30., 40.)
#: Joints on a grid far wider than a head.
POSE = np.array([(100. * (i % 4), 100. * (i // 4)) for i in range(15)])


class Scene:
    """Persons of one video and the predictions for them.

    Args:
        num_frames (int): Frames of the video.
    """
    HEAD = 30.
    POSE = POSE

    def __init__(self, num_frames=1):
        self.num_frames = num_frames
        self.persons, self.predictions = [], []

    def person(self,
               frame=0,
               shift=(0, 0),
               absent=(),
               track=-1,
               head=1.,
               visibility=2.):
        """Annotate a person; gives its keypoints."""
        keypoints = POSE + np.asarray(shift, dtype=float)
        self.persons.append(
            (frame, keypoints, _mask(absent), track, head, visibility))
        return keypoints

    def predict(self, keypoints, frame=0, absent=(), score=1.):
        """Predict a person."""
        self.predictions.append(
            (frame, np.array(keypoints, dtype=float), _mask(absent), score))

    def sequences(self):
        """The two sequences."""
        persons = sorted(self.persons, key=lambda p: p[0])
        predictions = sorted(self.predictions, key=lambda p: p[0])
        count = len(persons)
        names = [f'clip/{i:06d}.jpg' for i in range(self.num_frames)]
        shared = dict(
            name='clip',
            frame_names=names,
            frame_ids=np.arange(self.num_frames))
        corners = np.array([k.min(axis=0)
                            for _, k, *_ in persons]).reshape(count, 2)
        ends = np.array([k.max(axis=0)
                         for _, k, *_ in persons]).reshape(count, 2)
        heads = np.array([p[4] for p in persons])[:, None]
        annotated = AnnotatedSequence(
            frame_index=np.array([p[0] for p in persons], dtype=int),
            keypoints=np.array([p[1] for p in persons]).reshape(count, 15, 2),
            present=np.array([p[2] for p in persons],
                             dtype=bool).reshape(count, 15),
            track_ids=np.array([p[3] for p in persons], dtype=int),
            head_boxes=np.concatenate(
                [np.zeros((count, 2)), heads * np.array(HEAD_BOX)], axis=1),
            boxes=np.concatenate([corners, ends], axis=1),
            visibility=np.array([np.broadcast_to(p[5], 15)
                                 for p in persons]).reshape(count, 15),
            labelled=np.ones(self.num_frames, dtype=bool),
            annotated=np.isin(
                np.arange(self.num_frames), [p[0] for p in persons]),
            ignore_regions=[[] for _ in names],
            **shared)
        count = len(predictions)
        predicted = PredictedSequence(
            frame_index=np.array([p[0] for p in predictions], dtype=int),
            keypoints=np.array([p[1]
                                for p in predictions]).reshape(count, 15, 2),
            present=np.array([p[2] for p in predictions],
                             dtype=bool).reshape(count, 15),
            track_ids=np.full(count, -1),
            scores=np.array([np.broadcast_to(p[3], 15)
                             for p in predictions]).reshape(count, 15),
            **shared)
        return annotated, predicted


def _mask(absent):
    return np.array([name not in absent for name in POSEVAL_JOINTS])


@pytest.fixture
def scene():
    """A scene of one frame."""
    return Scene()


@pytest.fixture
def make_scene():
    """``make_scene(num_frames)``."""
    return Scene


@pytest.fixture
def random_scenes():
    """Ten scenes of jittered people, some missed, some joints absent."""
    rng = np.random.default_rng(0)
    scenes = []
    for _ in range(10):
        scene = Scene(num_frames=3)
        for frame in range(3):
            before = None
            for track in range(3):
                shift = rng.uniform(0, 60, 2) + 30 * track
                keypoints = scene.person(
                    frame,
                    shift,
                    absent=rng.choice(POSEVAL_JOINTS, rng.integers(0, 4)),
                    track=track,
                    head=rng.uniform(0.3, 4),
                    visibility=rng.integers(0, 3, 15).astype(float))
                if rng.random() < 0.8:
                    order = np.arange(15)
                    if rng.random() < 0.3:
                        order[[1, 4]] = 4, 1  # the knees
                    pose = keypoints[order] + rng.normal(0, 15, (15, 2))
                    if track and rng.random() < 0.5:
                        pose[11] = before[11]  # another one's wrist
                    scene.predict(
                        pose,
                        frame,
                        absent=rng.choice(POSEVAL_JOINTS, 1),
                        score=rng.random(15))
                before = keypoints
            scene.predict(rng.uniform(0, 300, (15, 2)), frame, score=0.5)
        scenes.append(scene)
    return scenes


def joint(name):
    return POSEVAL_JOINTS.index(name)


def outcomes(scene, **kwargs):
    """By person and by prediction the joints that are no hits, by name."""
    annotated, predicted = scene.sequences()
    found = joint_outcomes(annotated, predicted,
                           match_persons(annotated, predicted), **kwargs)
    named = []
    for table, names in zip(found, (OUTCOMES, PREDICTIONS)):
        named.append([{
            POSEVAL_JOINTS[j]: names[o] if o >= 0 else 'absent'
            for j, o in enumerate(row) if o != 0
        } for row in table])
    return named


def test_mirror_joints():
    assert POSEVAL_JOINTS[pose_errors.MIRROR[joint(
        'left_knee')]] == 'right_knee'
    assert POSEVAL_JOINTS[pose_errors.MIRROR[joint('neck')]] == 'neck'
    assert (pose_errors.MIRROR[pose_errors.MIRROR] == np.arange(15)).all()


def test_a_perfect_prediction_has_no_errors(scene):
    scene.predict(scene.person())
    assert outcomes(scene) == [[{}], [{}]]


def test_a_swap_is_a_swap_of_both_joints(scene):
    pose = scene.person()
    pair = [joint('left_knee'), joint('right_knee')]
    pose[pair] = pose[pair[::-1]]
    scene.persons[0] = (0, scene.POSE, *scene.persons[0][2:])
    scene.predict(pose)
    assert outcomes(scene) == [[{
        'left_knee': 'swap',
        'right_knee': 'swap'
    }], [{
        'left_knee': 'misplaced',
        'right_knee': 'misplaced'
    }]]


def test_half_a_swap_is_one(scene):
    pose = scene.person().copy()
    # the left knee on the right one's place, the right one where it belongs
    pose[joint('left_knee')] = pose[joint('right_knee')] + 5
    scene.predict(pose)
    assert outcomes(scene)[0] == [{'left_knee': 'swap'}]


def test_a_swap_needs_the_other_side_to_be_annotated(scene):
    pose = scene.person(absent=['right_knee']).copy()
    pose[joint('left_knee')] = pose[joint('right_knee')]
    scene.predict(pose)
    assert outcomes(scene) == [[{
        'left_knee': 'far',
        'right_knee': 'absent'
    }], [{
        'left_knee': 'misplaced',
        'right_knee': 'not_annotated'
    }]]


@pytest.mark.parametrize('heads, expected', [(0.5, None), (0.51, 'near'),
                                             (1., 'near'), (1.01, 'far')])
def test_moved_joints_are_near_or_far(scene, heads, expected):
    pose = scene.person().copy()
    pose[joint('nose'), 0] -= heads * scene.HEAD
    scene.predict(pose)
    expected = {} if expected is None else {'nose': expected}
    assert outcomes(scene)[0] == [expected]


def test_the_limit_of_near_misses_is_an_option(scene):
    pose = scene.person().copy()
    pose[joint('nose'), 0] -= 1.4 * scene.HEAD
    scene.predict(pose)
    assert outcomes(scene)[0] == [{'nose': 'far'}]
    assert outcomes(scene, near_limit=1.5)[0] == [{'nose': 'near'}]
    with pytest.raises(ValueError, match='near misses'):
        outcomes(scene, near_limit=0.5)


def test_missed_persons_and_predictions_of_nobody(scene):
    scene.person(absent=['nose'])
    scene.predict(np.full((15, 2), 5000.), absent=['neck'])
    [missed], [nobody] = outcomes(scene)
    assert missed.pop('nose') == 'absent'
    assert set(missed.values()) == {'person_missed'} and len(missed) == 14
    assert nobody.pop('neck') == 'absent'
    assert set(nobody.values()) == {'no_person'} and len(nobody) == 14


def test_joints_that_are_not_predicted(scene):
    scene.predict(scene.person(), absent=['nose'])
    assert outcomes(scene) == [[{
        'nose': 'not_predicted'
    }], [{
        'nose': 'absent'
    }]]


def test_joints_on_another_person(scene):
    pose = scene.person().copy()
    other = scene.person(shift=(50, 1000))
    pose[joint('left_wrist')] = other[joint('left_wrist')]
    scene.predict(pose)
    found, _ = outcomes(scene)
    assert found[0] == {'left_wrist': 'other_person'}
    assert set(found[1].values()) == {'person_missed'}


def test_every_joint_has_one_outcome_and_hits_are_those_of_the_ap(
        random_scenes):
    for scene in random_scenes:
        annotated, predicted = scene.sequences()
        matching = match_persons(annotated, predicted)
        of_gt, of_pred = joint_outcomes(annotated, predicted, matching)
        assert ((of_gt >= 0) == annotated.present).all()
        assert ((of_pred >= 0) == predicted.present).all()
        assert ((of_pred == 0) == matching.hits).all()
        assert (of_gt == 0).sum() == (of_pred == 0).sum()
        # what is misplaced is one of these misses
        misplaced = [
            OUTCOMES.index(n) for n in ('swap', 'near', 'other_person', 'far')
        ]
        assert np.isin(of_gt, misplaced).sum() == (
            of_pred == PREDICTIONS.index('misplaced')).sum()


def test_empty_frames(make_scene):
    scene = make_scene(2)
    assert outcomes(scene) == [[], []]
    scene.predict(scene.POSE, frame=1)
    assert len(outcomes(scene)[1][0]) == 15


NOSE = POSEVAL_JOINTS.index('nose')


def speeds(scene, numbers, **kwargs):
    return joint_speeds(scene.sequences()[0], np.array(numbers), **kwargs)


def test_head_sizes_per_frame(make_scene):
    scene = make_scene(3)
    # 30 pixels are a head; 4 frames between, then 2
    for frame, x in enumerate((0, 60, 120)):
        scene.person(frame, (x, 0), track=5)
    found = speeds(scene, [0, 4, 6])
    np.testing.assert_allclose(found[0], 0.5)
    np.testing.assert_allclose(found[1], (0.5 + 1) / 2)
    np.testing.assert_allclose(found[2], 1)


def test_a_head_that_grows_counts_with_its_mean(make_scene):
    scene = make_scene(2)
    scene.person(0, (0, 0), track=5, head=1)
    scene.person(1, (60, 0), track=5, head=3)
    np.testing.assert_allclose(speeds(scene, [0, 1]), 1)


def test_what_is_not_known(make_scene):
    scene = make_scene(4)
    scene.person(0, track=1)
    scene.person(0, track=2)
    scene.person(1, track=-1)
    scene.person(1, (30, 0), track=1, absent=['nose'])
    scene.person(2, (60, 0), track=1)
    scene.person(3, (60, 0), track=1)
    found = speeds(scene, [0, 1, 2, 30])
    # alone, without a track, too far apart
    assert np.isnan(found[[1, 2, 5]]).all()
    np.testing.assert_allclose(found[0, :NOSE], 1)
    assert np.isnan(found[[0, 3, 4], NOSE]).all()
    # a track twice in a frame
    scene = make_scene(1)
    scene.person(0, track=1)
    scene.person(0, (30, 0), track=1)
    assert np.isnan(speeds(scene, [0])).all()


def test_the_largest_gap_is_an_option(make_scene):
    scene = make_scene(2)
    scene.person(0, track=1)
    scene.person(1, (600, 0), track=1)
    np.testing.assert_allclose(speeds(scene, [0, 10]), 2)
    assert np.isnan(speeds(scene, [0, 11])).all()
    np.testing.assert_allclose(speeds(scene, [0, 20], max_gap=20), 1)


def test_speed_does_not_depend_on_scale_or_order_of_tracks(make_scene):
    rng = np.random.default_rng(0)
    shifts = rng.uniform(0, 40, (4, 2, 2))
    tables = []
    for tracks in ([0, 1], [9, 3]):
        scene = make_scene(4)
        for frame in range(4):
            for track, shift in zip(tracks, shifts[frame]):
                scene.person(frame, shift, track=track)
        tables.append(speeds(scene, [0, 2, 3, 7]))
    np.testing.assert_allclose(tables[0], tables[1])
    annotated = scene.sequences()[0]
    doubled = annotated.replace(
        keypoints=2 * annotated.keypoints, head_boxes=2 * annotated.head_boxes)
    np.testing.assert_allclose(
        joint_speeds(doubled, np.array([0, 2, 3, 7])), tables[1])
    assert tables[0].min() > 0


def test_no_persons(make_scene):
    assert speeds(make_scene(2), [0, 1]).shape == (0, 15)


@pytest.mark.parametrize('seed', range(3))
def test_it_is_the_mean_of_the_steps(make_scene, seed):
    rng = np.random.default_rng(seed)
    scene, numbers = make_scene(5), np.cumsum(rng.integers(1, 4, 5))
    places = rng.uniform(0, 90, (5, 2))
    for frame in range(5):
        scene.person(frame, places[frame], track=0)
    steps = np.linalg.norm(
        np.diff(places, axis=0), axis=1) / (
            np.diff(numbers) * scene.HEAD)
    expected = [steps[0], *(steps[1:] + steps[:-1]) / 2, steps[-1]]
    np.testing.assert_allclose(
        speeds(scene, numbers),
        np.repeat(expected, 15).reshape(5, 15))


@pytest.fixture
def crowd_index(scene):
    """``crowd_index(keypoints, present, boxes)`` of persons of two joints."""

    def index(keypoints, present, boxes):
        for _ in boxes:
            scene.person()
        scene.predict(scene.POSE)
        annotated, predicted = scene.sequences()
        padding = ((0, 0), (0, 13), (0, 0))
        annotated = annotated.replace(
            keypoints=np.pad(keypoints, padding),
            present=np.pad(present, padding[:2]),
            boxes=np.array(boxes, dtype=float).reshape(-1, 4))
        scene.persons.clear(), scene.predictions.clear()
        [found] = set(video_errors(annotated, predicted).pred_crowd)
        return found

    return index


def test_crowd_index_counts_others_joints_over_own(crowd_index):
    boxes = np.array([[0., 0, 10, 10], [5, 5, 20, 20], [100, 100, 110, 110]])
    keypoints = np.array([[[1., 1], [6, 6]], [[8, 8], [10, 10]],
                          [[101, 101], [105, 105]]])
    present = np.ones((3, 2), dtype=bool)
    # the first has both joints of the second in its box (one on the edge),
    # the second one of the first
    assert crowd_index(keypoints, present, boxes) == pytest.approx(
        (2 / 2 + 1 / 2 + 0) / 3)
    present[1, 1] = False
    assert crowd_index(keypoints, present, boxes) == pytest.approx(
        (1 / 2 + 1 / 1 + 0) / 3)
    # a person without joints is left out
    present[2] = False
    assert crowd_index(keypoints, present, boxes) == pytest.approx(0.75)
    assert crowd_index(keypoints[:0], present[:0], boxes[:0]) == 0


def test_a_person_without_a_box_has_nobody_in_it(crowd_index):
    keypoints = np.array([[[1., 1], [0, 0]], [[1, 1], [0, 0]]])
    boxes = np.array([[0., 0, 10, 10], [np.nan] * 4])
    present = np.array([[True, False]] * 2)
    assert crowd_index(keypoints, present, boxes) == 0.5


@pytest.fixture
def errors(random_scenes):
    """The joints of all random scenes."""
    return JointErrors.join([
        video_errors(*scene.sequences(), frame_numbers=np.array([0, 2, 30]))
        for scene in random_scenes
    ])


def total(rows, joint='all'):
    return next(r for r in rows if r.slice == 'all' and r.joint == joint)


@pytest.mark.parametrize('by', SLICINGS)
def test_slices_partition_the_joints(errors, by):
    rows = error_rows(errors, by)
    everything = total(rows)
    assert everything.num_gt == len(errors.joint)
    assert everything.num_pred == len(errors.pred_joint)
    slices = [
        r for r in rows
        if r.slice != 'all' and (r.joint == 'all' or by == 'joint')
    ]
    for name in OUTCOMES:
        assert sum(r.outcomes[name]
                   for r in slices) == everything.outcomes[name] > 0
    for name in PREDICTIONS:
        assert sum(r.predictions[name]
                   for r in slices) == everything.predictions[name] > 0
    if by != 'joint':
        # and the joints of a slice partition it
        for row in slices:
            of_joints = [
                r for r in rows if r.slice == row.slice and r.joint != 'all'
            ]
            assert len(of_joints) == len(POSEVAL_JOINTS)
            for name in OUTCOMES:
                assert sum(r.outcomes[name]
                           for r in of_joints) == row.outcomes[name]


def test_shares_add_up(errors):
    for row in error_rows(errors, 'speed'):
        if row.num_gt:
            assert sum(map(row.share, OUTCOMES)) == pytest.approx(100)
        else:
            assert np.isnan(row.share('hit'))


def test_the_total_is_posetracks_ap(errors, random_scenes):
    official = poseval_ap(scene.sequences() for scene in random_scenes)
    rows = error_rows(errors, 'joint')
    for name, ap in official.by_joint().items():
        row = (
            total(rows) if name == 'total' else next(r for r in rows
                                                     if r.slice == name))
        assert row.ap == pytest.approx(ap, abs=1e-9)
    assert total(error_rows(errors, 'size')).ap == pytest.approx(official.mean)
    assert 0 < official.mean < 100


def test_visibility(make_scene):
    scene = make_scene(1)
    visibility = np.full(15, 2.)
    visibility[:5], visibility[5] = 1, np.nan
    scene.predict(scene.person(visibility=visibility))
    rows = error_rows(video_errors(*scene.sequences()), 'visibility')
    counts = {r.slice: r.num_gt for r in rows if r.joint == 'all'}
    assert counts == {
        'visible': 9,
        'hidden': 5,
        'not told': 1,
        pose_errors.NO_JOINT: 0,
        'all': 15
    }
    # where no joint is marked as visible, 1 only says that it is annotated
    scene = make_scene(1)
    scene.predict(scene.person(visibility=1.))
    slices = pose_errors.slice_joints(
        video_errors(*scene.sequences()), 'visibility')
    assert {slices.labels[i] for i in slices.index} == {'not told'}


def test_size_and_speed(make_scene):
    scene = make_scene(2)
    for frame in range(2):
        scene.person(frame, (3 * frame, 0), track=0, head=0.5)  # 15 px
        scene.person(frame, (900, 0), head=3)  # 90 px, no track
    errors = video_errors(*scene.sequences(), frame_numbers=np.array([0, 2]))
    counts = {
        r.slice: r.num_gt
        for r in error_rows(errors, 'size') if r.joint == 'all'
    }
    assert counts['below 16 px'] == counts['64 to 128 px'] == 30
    assert counts['all'] == 60
    # 3 pixels of a 15 pixel head in 2 frames
    counts = {
        r.slice: r.num_gt
        for r in error_rows(errors, 'speed') if r.joint == 'all'
    }
    assert counts['0.05 to 0.15'] == counts['unknown'] == 30
    errors = video_errors(*scene.sequences())
    assert np.isnan(errors.speed).all()


def test_crowds(make_scene):
    scene = make_scene(2)
    scene.predict(scene.person(0), 0)
    scene.person(1)
    scene.predict(scene.person(1, (1, 1)), 1)
    errors = video_errors(*scene.sequences())
    rows = {
        r.slice: r
        for r in error_rows(errors, 'crowd') if r.joint == 'all'
    }
    assert rows['below 0.1'].num_gt == 15 and rows['below 0.1'].ap == 100
    # all joints but the outermost lie in the other's box
    assert rows['0.1 to 0.8'].num_gt + rows['from 0.8'].num_gt == 30
    assert rows['all'].num_gt == 45


def test_joints_that_a_slice_lacks_do_not_lower_its_ap(make_scene):
    scene = make_scene(2)
    scene.predict(scene.person(0, absent=['nose']), 0, absent=['nose'])
    scene.person(1)
    scene.predict(scene.person(1, (1, 1)), 1)
    rows = {
        r.slice: r
        for r in error_rows(video_errors(*scene.sequences()), 'crowd')
        if r.joint == 'all'
    }
    assert rows['below 0.1'].num_gt == 14 and rows['below 0.1'].ap == 100


def test_predictions_without_a_joint_are_kept_apart(make_scene):
    scene = make_scene(1)
    scene.predict(scene.person(absent=['nose']))
    scene.predict(scene.POSE + 5000)
    rows = {
        r.slice: r
        for r in error_rows(video_errors(*scene.sequences()), 'size')
        if r.joint == 'all'
    }
    assert rows['16 to 32 px'].num_pred == 14
    assert rows[pose_errors.NO_JOINT].predictions == dict(
        hit=0, no_person=15, not_annotated=1, misplaced=0)
    # false positives of nobody belong to no size: no AP there
    assert np.isnan(rows['16 to 32 px'].ap)


def test_text_and_csv(errors, tmp_path):
    rows = [row for by in SLICINGS for row in error_rows(errors, by)]
    pose_errors.write_csv(tmp_path / 'out' / 'errors.csv', rows)
    with open(tmp_path / 'out' / 'errors.csv', encoding='utf-8') as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(rows)
    for line, row in zip(written, rows):
        assert (line['by'], line['slice'],
                line['joint']) == (row.by, row.slice, row.joint)
        assert int(line['gt_swap']) == row.outcomes['swap']
        assert int(line['annotated']) == row.num_gt
        assert (line['ap'] == '') == np.isnan(row.ap)
    text = pose_errors.format_rows(error_rows(errors, 'speed')).splitlines()
    assert text[0].split()[:3] == ['by', 'speed', 'joints']
    assert len(text) == 9 and len({len(line) for line in text}) == 1
    assert text[-1].startswith('all') and ' - ' in text[1]
    assert len(
        pose_errors.format_rows(error_rows(errors,
                                           'joint')).splitlines()) == 17


def test_unknown_slicing(errors):
    with pytest.raises(ValueError, match="'colour'"):
        pose_errors.slice_joints(errors, 'colour')


def test_nothing_at_all(make_scene):
    errors = video_errors(*make_scene(1).sequences())
    for by in SLICINGS:
        assert total(error_rows(errors, by)).num_gt == 0


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
    with pytest.raises(ValueError, match=r'images\[0\].frame_id is missing'):
        collect_errors(folder, ann_file)
