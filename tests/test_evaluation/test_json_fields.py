"""Numbers and records out of json."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional.sequences import (field_column,
                                                         get_records,
                                                         number_table,
                                                         read_json)


def name(index):
    return f'record {index}'


def test_numbers_of_all_kinds():
    table = number_table([[1, 2.5], [-3, 10**12]], 2, name, 'x')
    assert table.dtype == np.float64
    assert table.tolist() == [[1, 2.5], [-3, 1e12]]
    assert number_table([], 3, name, 'x').shape == (0, 3)


@pytest.mark.parametrize(
    'row', [[1.], [1., 2., 3.], ['1', '2'], '12', None, 7, [1., None],
            [1., float('nan')], [float('inf'), 0.], [10**400, 0], [[1.], 2.],
            dict(a=1, b=2)])
def test_the_wrong_row_is_named(row):
    with pytest.raises(
            ValueError, match='record 1: "x" is .* list of 2 finite numbers'):
        number_table([[1., 2.], row, [3., 4.]], 2, name, 'x')


def test_lengths_that_even_out_are_noticed():
    with pytest.raises(ValueError, match='record 0'):
        number_table([[1.], [2., 3., 4.]], 2, name, 'x')


def test_field_columns():
    records = [dict(a=1), dict(a=2)]
    assert field_column(records, 'a', (int, ), name) == [1, 2]
    assert field_column([{}], 'a', (bool, ), name, True) == [True]
    with pytest.raises(ValueError, match='record 1 has no "a"'):
        field_column([dict(a=1), {}], 'a', (int, ), name)
    with pytest.raises(ValueError, match='record 0: "a" is True, expected i'):
        field_column([dict(a=True)], 'a', (int, ), name)


def test_records():
    assert get_records(dict(a=[{}]), 'a', 'f') == [{}]
    with pytest.raises(ValueError, match='f: has no "a"'):
        get_records(dict(b=[]), 'a', 'f')
    with pytest.raises(ValueError, match='f: has no "a"'):
        get_records([], 'a', 'f')
    with pytest.raises(ValueError, match='"a" is 3'):
        get_records(dict(a=3), 'a', 'f')
    with pytest.raises(ValueError, match=r'a\[1\] is 3'):
        get_records(dict(a=[{}, 3]), 'a', 'f')


@pytest.mark.parametrize(
    'text',
    [b'', b'{', b'\xff\xfe\x00', b'[' * 100000,
     json.dumps('a').encode()[:-1]])
def test_what_is_no_json(tmp_path, text):
    path = tmp_path / 'broken.json'
    path.write_bytes(text)
    with pytest.raises(ValueError, match='broken.json: not a json file'):
        read_json(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.json'):
        read_json(tmp_path / 'nothing.json')
