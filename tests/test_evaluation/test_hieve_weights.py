"""Frame weights of HiEve's weighted AP."""
import math

import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import (HiEveFrame, HiEveFrameWeights,
                                               HiEveHeadSize, hieve_ap)

NAMES = ['nose', 'chest']


def test_the_weight_of_a_frame():
    weights = HiEveFrameWeights(2, 3, ['fighting', 'fall-over'])
    nobody = np.zeros((0, 2, 2)), np.zeros((0, 2), bool), np.zeros((0, 4))
    assert weights(*nobody, ()) == 2
    # categories are counted once, other actions not at all
    assert weights(*nobody, ('fighting', 'fighting', 'riding')) == 5
    assert weights(*nobody, ('fighting', 'fall-over')) == 8
    two = (np.array([[[1., 1], [2, 2]]] * 2), np.ones(
        (2, 2), bool), np.array([[0., 0, 10, 10]] * 2))
    assert weights(*two, ()) == pytest.approx(2 * math.e)
    assert str(weights) == '2 exp(CI) + 3 N of fighting, fall-over'


@pytest.mark.parametrize('kwargs, expected', [
    (dict(c1=-1, c2=0, anomalous_actions=()), 'c1'),
    (dict(c1=1, c2=float('nan'), anomalous_actions=()), 'c2'),
    (dict(c1=0, c2=0, anomalous_actions=()), 'no frame would count'),
    (dict(c1=1, c2=1, anomalous_actions=()), 'both or neither'),
    (dict(c1=1, c2=0, anomalous_actions=('riding', )), 'both or neither'),
    (dict(c1=1, c2=1, anomalous_actions='riding'), 'sequence of names'),
])
def test_wrong_weights_are_named(kwargs, expected):
    with pytest.raises(ValueError, match=expected):
        HiEveFrameWeights(**kwargs)


def one_person(shift, actions=()):
    keypoints = np.array([[[10., 10], [10, 30]]])
    return HiEveFrame(keypoints, np.ones((1, 2), bool),
                      np.array([[0., 0, 50, 100]]), keypoints + shift,
                      np.ones((1, 2)), actions)


def test_the_weighted_ap_knows_which_frames_count_more():
    head = HiEveHeadSize('box_height', 0.1)
    frames = [one_person(0, ('fighting', )), one_person(50)]
    equal = hieve_ap(
        frames, NAMES, head, frame_weights=HiEveFrameWeights(7, 0, ()))
    np.testing.assert_allclose(equal.weighted_ap, equal.ap)
    # weights 1 + 3 and 1; all scores equal, the last frame is ranked first:
    # precision and recall at the end 4 / 5
    weighted = hieve_ap(
        frames,
        NAMES,
        head,
        frame_weights=HiEveFrameWeights(1, 3, ['fighting']))
    np.testing.assert_allclose(weighted.weighted_ap, 100 * 0.8 * 0.8)
    np.testing.assert_allclose(weighted.ap, 100 * 0.5 * 0.5)
    summary = weighted.summary()
    assert summary['wAP@avg'] == pytest.approx(64)
    assert list(summary) == [
        'AP@0.5', 'AP@0.75', 'AP@0.9', 'AP@avg', 'wAP@0.5', 'wAP@0.75',
        'wAP@0.9', 'wAP@avg'
    ]
