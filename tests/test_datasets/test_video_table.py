"""The frames that an annotation's own table lists."""
import pytest

from mmpose_tdmi.datasets import VideoTable


def table(*videos):
    return VideoTable('val.json', videos, 'root/{}'.format)


@pytest.fixture
def videos():
    return [
        dict(
            id='1',
            name='one',
            file_names=['x_crop.jpg', '3.jpg'],
            frame_ids=[4, 9]),
        dict(id='2', file_names=['v/0.jpg'], frame_ids=[0])
    ]


def test_lookup(videos):
    frames, number = table(*videos).locate('root/3.jpg')
    assert number == 9
    assert frames.numbers.tolist() == [4, 9]
    assert frames.paths == ['root/x_crop.jpg', 'root/3.jpg']
    assert table(*videos).video('root/x_crop.jpg') == 'one'
    assert table(*videos).video('root/v/0.jpg') == '2'
    assert table(*videos).missing(['root/3.jpg', '3.jpg']) == ['3.jpg']


def test_a_frame_that_is_not_listed(videos):
    with pytest.raises(
            FileNotFoundError, match='root/4.jpg .* 3 frames of the 2 videos'):
        table(*videos).locate('root/4.jpg')


@pytest.mark.parametrize('field, value, message', [
    ('file_names', None, 'file_names must be a list of paths'),
    ('file_names', [1, 2], 'file_names must be a list of paths'),
    ('frame_ids', ['1', '2'], 'frame_ids must be a list of integers'),
    ('frame_ids', [True, 2], 'frame_ids must be a list of integers'),
    ('frame_ids', [1], '1 frame numbers for 2 paths'),
    ('frame_ids', [2, 2], 'ascend strictly'),
    ('frame_ids', [2, 10**30], 'videos.0.: '),
    ('file_names', ['a.jpg', 'v/0.jpg'], r'\[1\]: frame .* also one of one'),
])
def test_damaged_tables(videos, field, value, message):
    videos[0][field] = value
    with pytest.raises(ValueError, match=f'val.json: .*{message}'):
        table(*videos)
