"""The command."""
import importlib.util

import pytest


@pytest.fixture(scope='module')
def tool(repository):
    path = repository / 'projects' / 'known_truth' / 'draw_gallery.py'
    spec = importlib.util.spec_from_file_location('figures', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_says_what_is_missing(tool, tmp_path):
    with pytest.raises(SystemExit, match='error: .*no trained TDMI'):
        tool.main(['--folder', str(tmp_path)])
    with pytest.raises(SystemExit, match='expected a system'):
        tool.main(['--model', 'nothing', 'a.py', 'b.pth'])


def test_unfinished_trainings_are_not_drawn(tool, tmp_path):
    run = tmp_path / 'runs' / 'tdmi_seed0' / 'training'
    run.mkdir(parents=True)
    (run / 'iter_2.pth').write_bytes(b'')  # no model.pth yet
    with pytest.raises(SystemExit, match='no trained TDMI'):
        tool.main(['--folder', str(tmp_path)])


def test_the_gallery_is_in_the_docs(tool, repository):
    args = tool.parse_args([])
    assert args.out == repository / 'projects/known_truth/gallery_pictures'
