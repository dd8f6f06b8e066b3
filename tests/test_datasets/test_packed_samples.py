"""Samples as one run of bytes."""
import pickle

import numpy as np
import pytest

from mmpose_tdmi.datasets.sequence_dataset import PackedSamples

SAMPLES = [dict(id=i, name='x' * i, array=np.arange(i)) for i in range(7)]


@pytest.fixture
def packed():
    samples = PackedSamples()
    for sample in SAMPLES:
        samples.append(sample)
    return samples


def test_it_is_a_sequence(packed):
    assert len(packed) == 7
    for index in (0, 3, -1, -7):
        np.testing.assert_equal(packed[index], SAMPLES[index])
    np.testing.assert_equal(packed[-2:], SAMPLES[-2:])
    np.testing.assert_equal(list(packed), SAMPLES)
    for index in (7, -8):
        with pytest.raises(IndexError):
            packed[index]


def test_every_access_gives_a_copy(packed):
    packed[3]['array'][0] = 99
    np.testing.assert_equal(packed[3], SAMPLES[3])


def test_the_host_s_form(packed):
    run, ends = packed.release()
    assert len(packed) == 0
    starts = [0, *ends[:-1]]
    np.testing.assert_equal(
        [pickle.loads(run[a:b].tobytes()) for a, b in zip(starts, ends)],
        SAMPLES)
    packed.append(SAMPLES[2])  # the run that was given away is another
    np.testing.assert_equal(packed[0], SAMPLES[2])
