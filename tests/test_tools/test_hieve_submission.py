"""The tool that checks and packs files for HiEve's server."""
import json
import zipfile

import pytest

from mmpose_tdmi.datasets.converters import HIEVE_KEYPOINT_NAMES


def frame(number):
    return dict(image=[dict(name=f'{number:06d}.jpg')], annorect=[])


@pytest.fixture
def folder(tmp_path):
    """A valid submission without persons."""
    folder = tmp_path / 'submission'
    folder.mkdir()
    for video in range(20, 33):
        (folder / f'{video}.json').write_text(
            json.dumps(dict(annolist=[frame(0), frame(1)])))
    return folder


def test_validate_and_pack(folder, run_tool, capsys, tmp_path):
    run_tool('hieve_submission', 'validate', folder)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == '20.json: 2 frames, 0 persons' and len(out) == 14
    run_tool('hieve_submission', 'pack', folder, tmp_path / 'out.zip')
    with zipfile.ZipFile(tmp_path / 'out.zip') as archive:
        assert len(archive.namelist()) == 13


def test_problems_are_listed_and_nothing_is_packed(folder, run_tool, tmp_path):
    (folder / '22.json').write_text('{}')
    (folder / '24.json').unlink()
    for arguments in (['validate',
                       folder], ['pack', folder, tmp_path / 'out.zip']):
        with pytest.raises(SystemExit) as raised:
            run_tool('hieve_submission', *arguments)
        assert raised.value.code.splitlines() == [
            '24.json: missing',
            '22.json: annolist is missing',
        ]
    assert not (tmp_path / 'out.zip').exists()
    with pytest.raises(SystemExit, match='error: there is no folder'):
        run_tool('hieve_submission', 'validate', tmp_path / 'none')


def test_frames_of_the_annotation_file(folder, run_tool, tmp_path, capsys):
    images = [
        dict(
            id=10 * v + n,
            file_name=f'images/test/{v}/{n:06d}.jpg',
            vid_id=str(v),
            frame_id=n,
            is_labeled=False) for v in range(20, 33) for n in range(3)
    ]
    ann_file = tmp_path / 'hieve_test.json'
    ann_file.write_text(
        json.dumps(
            dict(
                images=images,
                annotations=[],
                categories=[dict(id=1,
                                 keypoints=list(HIEVE_KEYPOINT_NAMES))])))
    with pytest.raises(SystemExit, match='20.json: annolist: expected 3'):
        run_tool('hieve_submission', 'validate', folder, '--ann-file',
                 ann_file)
    for path in folder.iterdir():
        path.write_text(
            json.dumps(dict(
                annolist=[frame(0), frame(1), frame(2)])))
    run_tool('hieve_submission', 'validate', folder, '--ann-file', ann_file)
    assert 'valid' in capsys.readouterr().out
