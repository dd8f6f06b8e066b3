"""Converted weights give what the released code gives."""
import pytest

from projects.released_weights.compare import FIXTURES, SYSTEMS, compare


@pytest.mark.parametrize('system', SYSTEMS)
def test_heatmaps_are_the_release_s(system, tmp_path):
    if not (FIXTURES / f'{system}.npz').is_file():
        pytest.skip(f'no fixture of {system}')
    row = compare(system, tmp_path)
    assert row.difference <= 1e-4 * max(1, row.scale)
    # the window matters
    assert row.static > 100 * row.difference
