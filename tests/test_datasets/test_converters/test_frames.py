"""Frames on disk by their numbers."""
import pytest
from PIL import Image

from mmpose_tdmi.datasets.converters.conversion import (frame_number,
                                                        image_size,
                                                        list_frames)


@pytest.mark.parametrize('name, number', [('00000012.jpg', 12),
                                          ('0012_crop.jpg', 12), ('0.PNG', 0),
                                          ('7_a_b.jpeg', 7)])
def test_numbers_of_names(name, number):
    assert frame_number(name) == number


@pytest.mark.parametrize('name', [
    'a.jpg', '12.txt', '12', '-1.jpg', '12a.jpg', '.jpg', '²1.jpg',
    '1' * 30 + '.jpg'
])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match='not named as a frame'):
        frame_number(name)


def test_frames_ascend_and_other_files_are_passed_over(tmp_path):
    folder = tmp_path / 'video'
    folder.mkdir()
    for name in ('10.jpg', '9.jpg', '0011_crop.jpg', 'Thumbs.db', 'a.jpg'):
        (folder / name).write_bytes(b'')
    assert list(list_frames(tmp_path, 'video',
                            []).items()) == [(9, '9.jpg'), (10, '10.jpg'),
                                             (11, '0011_crop.jpg')]
    (folder / '0011.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match='0011.jpg and 0011_crop.jpg have'):
        list_frames(tmp_path, 'video', [])
    found = list_frames(tmp_path, 'video', ['0011_crop.jpg'])
    assert found[11] == '0011_crop.jpg'
    with pytest.raises(FileNotFoundError, match='nowhere'):
        list_frames(tmp_path, 'nowhere', [])


def test_sizes(tmp_path):
    path = tmp_path / 'image.jpg'
    Image.new('RGB', (40, 30)).save(path)
    assert image_size(path, 'here') == (40, 30)
    path.write_bytes(path.read_bytes()[:2])
    with pytest.raises(ValueError, match='here: .* not a readable image'):
        image_size(path, 'here')
    with pytest.raises(FileNotFoundError, match='here: no image'):
        image_size(tmp_path / 'none.jpg', 'here')
