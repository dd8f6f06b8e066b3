"""Videos made of a few persons, as the metrics take them."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation import (POSEVAL_JOINTS, AnnotatedSequence,
                                    PredictedSequence, scored_frames)

J = len(POSEVAL_JOINTS)
# head size 0.6 * |(30, 40)| = 30, so that a hit is within 15 px
HEAD = np.array([0., 0., 30., 40.])


def _person(x=0., y=0.):
    """Fifteen joints, 100 px apart, (J, 2)."""
    return np.stack([np.arange(J) * 100. + x, np.full(J, 1000. + y)], axis=1)


def _frame(gt=(),
           pred=(),
           scores=None,
           gt_present=None,
           pred_present=None,
           regions=(),
           gt_tracks=None,
           pred_tracks=None,
           labelled=True,
           annotated=None,
           head=HEAD):
    gt = np.asarray(gt, dtype=float).reshape(-1, J, 2)
    pred = np.asarray(pred, dtype=float).reshape(-1, J, 2)

    def fill(value, persons, default):
        result = np.full((len(persons), J), default)
        if value is not None:
            result[:] = np.asarray(value).reshape(len(persons), -1)
        return result

    def tracks(value, persons):
        return np.arange(len(persons)) if value is None else np.array(
            value, dtype=np.int64)

    return dict(
        gt=gt,
        pred=pred,
        gt_present=fill(gt_present, gt, True),
        pred_present=fill(pred_present, pred, True),
        scores=fill(scores, pred, 1.),
        regions=[np.asarray(r, dtype=float) for r in regions],
        gt_tracks=tracks(gt_tracks, gt),
        pred_tracks=tracks(pred_tracks, pred),
        labelled=labelled,
        annotated=len(gt) > 0 if annotated is None else annotated,
        head=np.tile(head, (len(gt), 1)))


def _video(frames, name='video'):

    def join(key):
        return np.concatenate([f[key] for f in frames])

    def index(key):
        return np.repeat(np.arange(len(frames)), [len(f[key]) for f in frames])

    common = dict(
        name=name,
        frame_names=[f'{name}/{i:06d}.jpg' for i in range(len(frames))],
        frame_ids=np.arange(len(frames)))
    persons = len(join('gt'))
    return AnnotatedSequence(
        **common,
        frame_index=index('gt'),
        keypoints=join('gt'),
        present=join('gt_present'),
        track_ids=join('gt_tracks').astype(np.int64),
        head_boxes=join('head'),
        boxes=np.full((persons, 4), np.nan),
        visibility=np.full((persons, J), np.nan),
        labelled=np.array([f['labelled'] for f in frames]),
        annotated=np.array([f['annotated'] for f in frames]),
        ignore_regions=[f['regions'] for f in frames]), PredictedSequence(
            **common,
            frame_index=index('pred'),
            keypoints=join('pred'),
            present=join('pred_present'),
            track_ids=join('pred_tracks').astype(np.int64),
            scores=join('scores'))


@pytest.fixture
def person():
    """``person(x, y)``: fifteen joints in a row, (J, 2)."""
    return _person


@pytest.fixture
def frame():
    """``frame(gt, pred, ...)``: what is in a frame."""
    return _frame


@pytest.fixture
def video():
    """``video(frames)``: annotations and predictions of a video."""
    return _video


@pytest.fixture
def scored():
    """``scored(frames)``: what of them is scored."""

    def select(frames, **rules):
        return scored_frames(*_video(frames), **rules)

    return select
