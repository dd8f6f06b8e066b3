"""The converters' command lines and the check's."""
import hashlib

import pytest

from projects.synthetic.official.writing import write_official_set

SPLITS = dict(
    posetrack17=('train', 'val'),
    posetrack18=('train', 'val'),
    posetrack21=('train', 'val'),
    hieve=('train', 'test'))


def digests(folder):
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*')) if path.is_file()
    ]


@pytest.mark.parametrize('name', SPLITS)
def test_from_the_official_folder_to_a_checked_file(tmp_path, run_tool, capsys,
                                                    name):
    root = write_official_set(tmp_path, name)
    tool = f'dataset_converters/{name}'
    run_tool(tool, root, '--workers', 2)
    lines = capsys.readouterr().out.splitlines()
    for line, split in zip(lines, SPLITS[name]):
        assert line == f'{root}/annotations/{name}_{split}.json: written'
    assert lines[2].split()[:3] == ['split', 'videos', 'frames']
    assert lines[3].split()[:3] == [SPLITS[name][0], '1', '7']
    assert 'partial set, not checked' in lines[-1]
    before = digests(root)
    run_tool(tool, root)
    assert 'unchanged, kept' in capsys.readouterr().out
    assert digests(root) == before
    for split in SPLITS[name]:
        path = root / f'annotations/{name}_{split}.json'
        with pytest.raises(SystemExit) as caught:
            run_tool('dataset_converters/check', path, root)
        assert caught.value.code == 0
        assert '0 problems' in capsys.readouterr().out


def test_options(tmp_path, run_tool, capsys):
    root = write_official_set(tmp_path / 'set', 'hieve', labels='xml')
    run_tool('dataset_converters/hieve', root, '--split', 'train', '--out',
             tmp_path / 'out', '--labels', 'xml')
    assert (tmp_path / 'out/hieve_train.json').is_file()
    assert not (root / 'annotations').exists()
    with pytest.raises(SystemExit, match='error: .*track2&3'):
        run_tool('dataset_converters/hieve', root, '--labels', 'json')
    with pytest.raises(SystemExit, match='error: .*no json files'):
        run_tool('dataset_converters/posetrack18', root)
    with pytest.raises(SystemExit):
        run_tool('dataset_converters/posetrack21', root, '--split', 'test')
    assert "invalid choice: 'test'" in capsys.readouterr().err


def test_problems_and_exit_status(tmp_path, run_tool, capsys):
    root = write_official_set(tmp_path, 'posetrack18')
    run_tool('dataset_converters/posetrack18', root)
    path = root / 'annotations/posetrack18_val.json'
    frame = next((root / 'images/val').iterdir()) / '000006.jpg'
    data = frame.read_bytes()
    frame.write_bytes(data[:len(data) // 2])
    capsys.readouterr()

    def check(*options):
        with pytest.raises(SystemExit) as caught:
            run_tool('dataset_converters/check', path, root, *options)
        return caught.value.code, capsys.readouterr().out.splitlines()

    assert check('--quick')[0] == 0
    status, lines = check()
    assert status == 1
    assert lines[0].startswith(f'{path}: videos[0].file_names[6]: ')
    assert lines[-1] == '0 warnings, 1 problems'
    with pytest.raises(SystemExit, match='error: .*nowhere'):
        run_tool('dataset_converters/check', path, root / 'nowhere')
