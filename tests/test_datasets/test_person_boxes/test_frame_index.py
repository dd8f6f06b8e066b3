"""Finding the images of boxes."""
import pytest

from mmpose_tdmi.datasets.box_files import FrameIndex, RawBox

IMAGES = {
    7: dict(file_name='images/val/000342_mpii_test/000001.jpg', vid_id='342'),
    8: dict(file_name='images/val/000342_mpii_test/000002.jpg', vid_id='342'),
    9: dict(file_name='images/val/000999_mpii_test/000001.jpg', vid_id='999'),
}
VIDEOS = [
    dict(
        id='342',
        name='000342_relpath_5sec',
        file_names=[
            f'images/val/000342_mpii_test/00000{i}.jpg' for i in range(5)
        ])
]


def find(image_id=None, file_name=None, video=None, videos=()):
    box = RawBox({}, True, image_id, file_name, video, 'boxes.json', 'entry 4')
    return FrameIndex(IMAGES, videos).find(box)


@pytest.mark.parametrize('image_id, file_name', [
    (7, None),
    (7, '000001.jpg'),
    (7, '000342_mpii_test/000001.jpg'),
    (7, 'data/posetrack/images/val/000342_mpii_test/000001.jpg'),
    (None, '000342_mpii_test/000001.jpg'),
    (None, '/data/images/val/000342_mpii_test/000001.jpg'),
])
def test_by_id_and_name(image_id, file_name):
    assert find(image_id, file_name) == 7


@pytest.mark.parametrize('file_name', [
    '000002.jpg', '000999_mpii_test/000001.jpg', '1.jpg',
    'images/test/000342_mpii_test/000001.jpg'
])
def test_id_and_name_must_agree(file_name):
    with pytest.raises(
            ValueError,
            match=rf"boxes.json: entry 4: image_id 7 and file name "
            rf"'{file_name}' .*000342_mpii_test/000001.jpg"):
        find(7, file_name)


def test_an_unknown_id_with_a_known_name_is_an_error():
    with pytest.raises(ValueError, match=r'image_id 3 .*has the id 9'):
        find(3, '000999_mpii_test/000001.jpg')


@pytest.mark.parametrize('video', ['000342_mpii_test', '000342_relpath_5sec'])
def test_a_bare_name_is_looked_for_in_its_video(video):
    assert find(None, '000001.jpg', video, VIDEOS) == 7
    assert find(None, '000001.jpg', '000999_mpii_test', VIDEOS) == 9


def test_unknown_frames():
    assert find(3) is None
    assert find(3, '000342_mpii_test/000004.jpg') is None
    assert find(None, '000342_mpii_test/000004.jpg') is None
    assert find(None, '000001.jpg', '000001_mpii_test') is None
    assert find(None, '000001.jpg') is None


@pytest.mark.parametrize('image_id, file_name, video', [
    (None, '000342_mpii_test/000004.jpg', None),
    (3, '000342_mpii_test/000004.jpg', None),
    (None, '000004.jpg', '000342_relpath_5sec'),
])
def test_frames_that_exist_but_have_no_record(image_id, file_name, video):
    found = find(image_id, file_name, video, VIDEOS)
    assert found is FrameIndex.NOT_LISTED
    assert find(3, '000004.jpg', None, VIDEOS) is None


def test_a_name_of_two_images_is_an_error():
    index = FrameIndex({
        1: dict(file_name='a/x/0.jpg'),
        2: dict(file_name='b/x/0.jpg')
    })
    box = RawBox({}, True, None, 'x/0.jpg', None, 'boxes.json', 'entry 0')
    with pytest.raises(ValueError, match=r'2 images have .*\[1, 2\]'):
        index.find(box)
