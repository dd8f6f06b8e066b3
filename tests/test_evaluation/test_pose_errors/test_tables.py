"""Slices partition the joints, and the rows count them."""
import csv

import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import POSEVAL_JOINTS, poseval_ap
from mmpose_tdmi.evaluation.pose_errors import (NO_JOINT, OUTCOMES,
                                                PREDICTIONS, SLICINGS,
                                                JointErrors, error_rows,
                                                format_rows, plot_rows,
                                                slice_joints, video_errors,
                                                write_csv)


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
        NO_JOINT: 0,
        'all': 15
    }
    # where no joint is marked as visible, 1 only says that it is annotated
    scene = make_scene(1)
    scene.predict(scene.person(visibility=1.))
    slices = slice_joints(video_errors(*scene.sequences()), 'visibility')
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
    assert rows[NO_JOINT].predictions == dict(
        hit=0, no_person=15, not_annotated=1, misplaced=0)
    # false positives of nobody belong to no size: no AP there
    assert np.isnan(rows['16 to 32 px'].ap)


def test_text_and_csv(errors, tmp_path):
    rows = [row for by in SLICINGS for row in error_rows(errors, by)]
    write_csv(tmp_path / 'out' / 'errors.csv', rows)
    with open(tmp_path / 'out' / 'errors.csv', encoding='utf-8') as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(rows)
    for line, row in zip(written, rows):
        assert (line['by'], line['slice'],
                line['joint']) == (row.by, row.slice, row.joint)
        assert int(line['gt_swap']) == row.outcomes['swap']
        assert int(line['annotated']) == row.num_gt
        assert (line['ap'] == '') == np.isnan(row.ap)
    text = format_rows(error_rows(errors, 'speed')).splitlines()
    assert text[0].split()[:3] == ['by', 'speed', 'joints']
    assert len(text) == 9 and len({len(line) for line in text}) == 1
    assert text[-1].startswith('all') and ' - ' in text[1]
    assert len(format_rows(error_rows(errors, 'joint')).splitlines()) == 17


@pytest.mark.parametrize('by', ['joint', 'speed'])
def test_pictures(errors, tmp_path, by):
    plot_rows(tmp_path / 'a.png', error_rows(errors, by))
    assert (tmp_path / 'a.png').read_bytes()[:4] == b'\x89PNG'


def test_unknown_slicing(errors):
    with pytest.raises(ValueError, match="'colour'"):
        slice_joints(errors, 'colour')


def test_nothing_at_all(make_scene):
    errors = video_errors(*make_scene(1).sequences())
    for by in SLICINGS:
        assert total(error_rows(errors, by)).num_gt == 0
