"""Sizes of images."""
import cv2
import numpy as np
import pytest

from mmpose_tdmi.datasets.person_samples import ImageSizes


@pytest.fixture
def sizes(tmp_path):
    return ImageSizes('val.json', lambda name: str(tmp_path / name),
                      lambda path: path.rpartition('_')[0])


def test_the_record_s(sizes):
    image = dict(id=1, file_name='none.jpg', width=64, height=48)
    assert sizes(image) == (64, 48)


@pytest.mark.parametrize('value', [0, -3, 1.5, True, None, '64'])
def test_no_size(sizes, value):
    with pytest.raises(ValueError, match='val.json: image 1: width'):
        sizes(dict(id=1, file_name='v_0.png', width=value, height=48))


def test_the_file_s_once_per_video(sizes, tmp_path):
    for video, width in (('v', 30), ('w', 20)):
        cv2.imwrite(str(tmp_path / f'{video}_0.png'), np.zeros((9, width)))
    for name, size in (('v_0.png', (30, 9)), ('w_0.png', (20, 9)), ('v_1.png',
                                                                    (30, 9))):
        assert sizes(dict(id=1, file_name=name)) == size


def test_unreadable_files(sizes, tmp_path):
    image = dict(id=1, file_name='v_0.png')
    with pytest.raises(
            ValueError,
            match='image 1 .* v_0.png does not exist'.replace(
                ' v_0', ' .*v_0')):
        sizes(image)
    (tmp_path / 'v_0.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='v_0.png cannot be decoded'):
        sizes(image)
