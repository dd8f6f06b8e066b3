"""Which frames exist."""
import os

import pytest

from mmpose_tdmi.datasets import FrameCatalogue
from mmpose_tdmi.datasets import frames as frame_catalogue


def parse(path):
    folder, name = os.path.split(path)
    video, _, number = os.path.splitext(name)[0].rpartition('_')
    return f'{folder}/{video}', int(number)


@pytest.fixture
def folder(tmp_path):
    for name in ('a_7.jpg', 'a_10.jpg', 'a_9.jpg', 'b_1.jpg', 'README',
                 'notes_x.jpg'):
        (tmp_path / name).touch()
    (tmp_path / 'c_3.jpg').mkdir()
    return str(tmp_path)


def test_a_folder_s_frames_in_order(folder):
    frames, number = FrameCatalogue(parse).locate(f'{folder}/a_9.jpg')
    assert number == 9
    assert frames.numbers.tolist() == [7, 9, 10]
    assert frames.paths == tuple(f'{folder}/a_{n}.jpg' for n in (7, 9, 10))


def test_each_folder_is_listed_once(folder, monkeypatch):
    listed = []
    listing = frame_catalogue.fileio.list_dir_or_file
    monkeypatch.setattr(
        frame_catalogue.fileio, 'list_dir_or_file', lambda path, **kwargs:
        (listed.append(path), listing(path, **kwargs))[1])
    catalogue = FrameCatalogue(parse)
    for name in ('a_7', 'a_9', 'b_1', 'a_7'):
        catalogue.locate(f'{folder}/{name}.jpg')
    assert listed == [folder]


def test_frames_that_do_not_exist(folder):
    catalogue = FrameCatalogue(parse)
    for name, others in (('a_8.jpg', 3), ('c_3.jpg', 0), ('d_1.jpg', 0)):
        for _ in range(2):
            with pytest.raises(
                    FileNotFoundError, match=f'{name}.* {others} frames'):
                catalogue.locate(f'{folder}/{name}')
    with pytest.raises(FileNotFoundError, match='folder .*none'):
        catalogue.locate(f'{folder}/none/a_1.jpg')


def test_frames_of_a_list(folder):
    catalogue = FrameCatalogue(parse, ['v/a_2.jpg', 'v/a_1.jpg', 'w/a_5.jpg'])
    frames, number = catalogue.locate('v/a_1.jpg')
    assert frames.paths == ('v/a_1.jpg', 'v/a_2.jpg') and number == 1
    assert catalogue.video('v/a_1.jpg') == frames.video == 'v/a'
    with pytest.raises(FileNotFoundError, match='annotated images'):
        catalogue.locate(f'{folder}/a_7.jpg')


def test_two_files_of_one_number(folder):
    open(f'{folder}/a_07.jpg', 'w').close()
    with pytest.raises(ValueError, match='a_07.jpg.*a_7.jpg'):
        FrameCatalogue(parse).locate(f'{folder}/a_9.jpg')


def test_fewer_frames_than_promised_are_reported_once(folder, monkeypatch):
    texts = []
    monkeypatch.setattr(frame_catalogue, 'print_log',
                        lambda text, **_: texts.append(text))
    promised = {f'{folder}/a': 3, f'{folder}/b': 2}
    catalogue = FrameCatalogue(parse, promised=promised)
    for name in ('a_7.jpg', 'b_1.jpg', 'b_1.jpg'):
        catalogue.locate(f'{folder}/{name}')
    assert len(texts) == 1 and 'names 2 frames (nframes), 1 were' in texts[0]
