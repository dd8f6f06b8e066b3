"""What names of frames tell."""
import pytest

from mmpose_tdmi.datasets.frames import bare_number, last_number


@pytest.mark.parametrize('path, video, number', [
    ('v/000012.jpg', 'v/*.jpg', 12),
    ('v/cam2_0007_crop.png', 'v/cam2_*_crop.png', 7),
    ('7/a0.jpg', '7/a*.jpg', 0),
    ('3.jpg', '*.jpg', 3),
])
def test_last_number(path, video, number):
    assert last_number(path) == (video, number)


@pytest.mark.parametrize('path', ['v/crop.jpg', '7/a.jpg', 'v/²².jpg', ''])
def test_names_without_a_number(path):
    for parse in (last_number, bare_number):
        with pytest.raises(ValueError, match='number'):
            parse(path)


def test_bare_number():
    assert bare_number('v/000012.jpg') == ('v/*.jpg', 12)
    for path in ('v/x12.jpg', 'v/12_crop.jpg', 'v/-1.jpg'):
        with pytest.raises(ValueError, match='named by its number.*v/'):
            bare_number(path)
