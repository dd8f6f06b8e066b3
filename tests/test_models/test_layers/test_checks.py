import pytest

from mmpose_tdmi.models.layers.blocks import (check_choice, check_positive,
                                              merge_options)


def test_merge_options_fills_gaps_and_keeps_the_defaults_as_they_are():
    defaults = dict(a=1, b=2)
    assert merge_options('key', dict(b=3), defaults) == dict(a=1, b=3)
    assert defaults == dict(a=1, b=2)


def test_merge_options_names_the_unknown_option_and_the_known_ones():
    with pytest.raises(ValueError, match='modulation.*typo.*groups'):
        merge_options('modulation', dict(typo=1), dict(groups=12))
    with pytest.raises(ValueError, match='modulation must be a dict'):
        merge_options('modulation', 3, dict(groups=12))


@pytest.mark.parametrize(
    'value',
    [0, -1., float('inf'), float('nan'), True, None, '1'])
def test_check_positive(value):
    with pytest.raises(ValueError, match='temperature'):
        check_positive('temperature', value)


def test_a_choice_is_of_its_type():
    for value in (False, True, 'window'):
        check_choice('shortcut', value, (False, True, 'window'))
    for value in (0, 1, 1., None, 'w'):
        with pytest.raises(ValueError, match='shortcut must be one of'):
            check_choice('shortcut', value, (False, True, 'window'))
