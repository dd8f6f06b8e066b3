import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpose_tdmi.video import Crop, CropPolicy


def crop(x=100., y=100., height=200.):
    return Crop((x, y), (0.75 * height, height))


@pytest.mark.parametrize('wanted, kept', [
    (crop(), True),
    (crop(x=114.9), True),
    (crop(x=115.1), False),
    (crop(x=84.9), False),
    (crop(y=119.9), True),
    (crop(y=120.1), False),
    (crop(height=249), True),
    (crop(height=251), False),
    (crop(height=161), True),
    (crop(height=159), False),
])
def test_tolerances_are_shares_of_the_crop(wanted, kept):
    policy = CropPolicy(max_shift=0.1, max_scale=1.25)
    assert policy.keeps(crop(), wanted) is kept


def test_without_tolerance_only_the_same_crop_is_kept():
    policy = CropPolicy(max_shift=0, max_scale=1)
    assert policy.keeps(crop(), crop())
    assert not policy.keeps(crop(), crop(x=100.1))
    assert not policy.keeps(crop(), crop(height=200.1))


def test_nothing_known_of_the_next_frames():
    assert CropPolicy().choose([crop(3, 4, 50)]) == crop(3, 4, 50)


def test_the_middle_of_what_is_coming():
    chosen = CropPolicy(
        max_shift=0.1, max_scale=1.25).choose(
            [crop(x=100), crop(x=90, height=220),
             crop(x=110)])
    assert chosen.center == (100, 100)
    assert chosen.scale[1] == pytest.approx(math.sqrt(200 * 220))
    assert chosen.scale[0] == pytest.approx(0.75 * chosen.scale[1])


def test_what_does_not_fit_is_left_to_the_next_crop():
    policy = CropPolicy(max_shift=0.1)
    chosen = policy.choose([crop(x=100), crop(x=120), crop(x=300), crop()])
    assert chosen.center == (110, 100)


_CROPS = st.lists(
    st.builds(crop, st.floats(0, 300), st.floats(0, 300), st.floats(50, 300)),
    min_size=1,
    max_size=6)


@given(_CROPS, st.floats(0, 0.3), st.floats(1, 2))
def test_a_chosen_crop_serves_the_frame_it_is_chosen_for(crops, shift, scale):
    """And as many of the next as a crop in the middle can."""
    policy = CropPolicy(shift, scale)
    chosen = policy.choose(crops)
    assert policy.keeps(chosen, crops[0])
    served = 0
    while served < len(crops) and policy.keeps(chosen, crops[served]):
        served += 1
    for more in range(served + 1, len(crops) + 1):
        assert policy.choose(crops[:more]) == chosen


@pytest.mark.parametrize('key, value', [('max_shift', -0.1),
                                        ('max_shift', float('nan')),
                                        ('max_scale', 0.9), ('lookahead', -1),
                                        ('lookahead', 1.5), ('max_run', 0),
                                        ('renewal', 'forget')])
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=key):
        CropPolicy(**{key: value})
