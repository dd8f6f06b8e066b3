"""The results page, from results with known answers."""
import json

import pytest
from PIL import Image

from projects.known_truth.page import write_page
from projects.known_truth.results import Results
from projects.known_truth.sections import markdown
from projects.known_truth.systems import SYSTEMS


def test_the_page_shows_what_the_results_say(results_folder, tmp_path):
    page = write_page(results_folder, tmp_path / 'docs' / 'known_truth.md')
    text = page.read_text()
    assert 'Trainings: 6, of 3 systems' in text
    assert '| TDMI-ST | not run |' in text
    # 0.8 against 0.5 of the joints are hit
    line = next(line for line in text.splitlines()
                if line.startswith('| TDMI | **+'))
    difference = float(line.split('**')[1])
    assert 20 < difference < 50
    assert '| TDMI | 1,000,000 | 200.0 | 5.0x | 6.0x |' in text
    assert '0.700 (0.700 to 0.700)' in text  # the last of the HSICs
    # a system is not compared with itself, nor the other way round
    assert '| AP minus TDMI |' in text
    assert not any(
        line.startswith('| single frame | **-') for line in text.splitlines())
    for name in ('differences', 'dependence'):
        path = page.parent / 'images' / f'known_truth_{name}.png'
        assert f'images/{path.name}' in text
        assert path.stat().st_size < 200_000
        assert Image.open(path).size[0] > 300


def test_what_was_not_trained_has_no_cost(results_folder, tmp_path):
    path = results_folder / 'tdmi_seed0.json'
    piece = dict(
        json.loads(path.read_text()),
        system='known_motion',
        samples=0,
        cost=None)
    (results_folder / 'known_motion_seed0.json').write_text(json.dumps(piece))
    text = write_page(results_folder, tmp_path / 'page.md').read_text()
    title = SYSTEMS['known_motion'].title
    assert f'| {title} | – | – | – | – |' in text
    assert 'Trainings: 6, of 3 systems' in text


def test_the_analysis_is_included(results_folder, tmp_path):
    (tmp_path / 'page_analysis.md').write_text('## Findings\n\nA finding.\n')
    text = write_page(results_folder, tmp_path / 'page.md').read_text()
    assert '## Findings\n\nA finding.\n' in text


def test_corruptions_are_shown_relative_to_clean(results_folder, tmp_path):
    folder = results_folder / 'corruption'
    folder.mkdir()
    (folder / 'tdmi_seed0.json').write_text(
        json.dumps(dict(AP={
            'clean': 80.,
            'frozen': 60.
        })))
    text = write_page(results_folder, tmp_path / 'page.md').read_text()
    assert '| TDMI | 80.0 | 60.0 |' in text
    assert '| TDMI | 100 % | 75 % |' in text


def test_results_of_different_starts_are_refused(results_folder, tmp_path):
    path = results_folder / 'tdmi_seed1.json'
    piece = json.loads(path.read_text())
    path.write_text(json.dumps(dict(piece, pretrained='other')))
    with pytest.raises(ValueError, match='different pretrained'):
        Results(results_folder)
    path.write_text(json.dumps(dict(piece, data='other')))
    with pytest.raises(ValueError, match='made with the clips'):
        write_page(results_folder, tmp_path / 'page.md')


def test_no_results_no_page(results_folder, tmp_path):
    for path in results_folder.glob('*_seed*.json'):
        path.unlink()
    with pytest.raises(FileNotFoundError, match='no results'):
        write_page(results_folder, tmp_path / 'page.md')


def test_markdown():
    assert markdown([['a', 'b'],
                     ['1', '2']]) == ('| a | b |\n| --- | --- |\n| 1 | 2 |')
