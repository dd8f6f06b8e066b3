"""Boxes from a caller: from files and from memory."""
import json

import numpy as np
import pytest

from mmpose_tdmi.apis import FileBoxes, open_boxes, open_video
from mmpose_tdmi.video import TrackedBox

BOX = [1., 2., 30., 40.]


@pytest.fixture
def source(clip):
    """A video of two frames."""
    return open_video(clip.frames[:2])


@pytest.mark.parametrize('boxes', [
    [[], [BOX]],
    [np.zeros((0, 4)), np.array([BOX])],
    np.array([[[5., 5., 9., 9.]], [BOX]]),
    {
        1: [BOX]
    },
    {
        np.int64(1): [BOX]
    },
    json.loads(json.dumps({1: [BOX]})),
    lambda index, frame: [BOX] if index == 1 else [],
])
def test_forms(source, boxes):
    find = open_boxes(boxes, source)
    frame = np.zeros((8, 8, 3), np.uint8)
    np.testing.assert_array_equal(find(1, frame), [[*BOX, 1.]])
    if not isinstance(boxes, np.ndarray):
        assert find(0, frame).shape == (0, 5)


def test_files(clip, box_file):
    boxes = open_boxes(box_file, open_video(clip.folder))
    assert isinstance(boxes, FileBoxes)


@pytest.mark.parametrize('length', [0, 1, 3])
def test_a_sequence_has_an_entry_for_every_frame(source, clip, length):
    with pytest.raises(
            ValueError, match=f'given for {length} frames, but .* has 2;'):
        open_boxes([[BOX]] * length, source)
    # where nobody knows the video's length, at the frame that has none
    find = open_boxes([[BOX]] * length, open_video(iter(clip.frames)))
    if length:
        assert len(find(0, None)) == 1
    with pytest.raises(
            ValueError, match=f'{length} frames, but .* a frame {length}'):
        find(length, None)


@pytest.mark.parametrize('boxes, message', [
    ({
        2: []
    }, r'frames \[2\], which .* does not have; expected 0 to 1'),
    ({
        '-1': []
    }, r'frames \[-1\]'),
    ({
        '000001.jpg': []
    }, "'000001.jpg'; expected the index of a frame"),
    ({
        .5: []
    }, '0.5; expected the index'),
    ({
        1: [],
        '1': []
    }, 'twice for frame 1'),
])
def test_keys_are_frames_of_the_video(source, boxes, message):
    with pytest.raises(ValueError, match=message):
        open_boxes(boxes, source)


def test_scores_and_threshold(source):
    rows = np.array([[*BOX, .9], [*BOX, .2]])
    np.testing.assert_array_equal(
        open_boxes([rows, []], source, score_thr=.5)(0, None), rows[:1])
    tracked = [TrackedBox(3, tuple(BOX), .9), TrackedBox(4, tuple(BOX), .2)]
    boxes = [tracked, []]
    assert open_boxes(boxes, source)(0, None) == tracked
    assert open_boxes(boxes, source, .5)(0, None) == tracked[:1]


@pytest.mark.parametrize('entry, message', [
    ([BOX[:3]], r'\(n, 4\) or \(n, 5\), got the shape \(1, 3\)'),
    (BOX, r'got the shape \(4,\)'),
    ([[30., 2., 1., 40.]], 'x1 < x2'),
    ([[1., 2., np.nan, 40.]], 'finite'),
    ([TrackedBox(0, (5., 5., 5., 9.), 1.)], 'x1 < x2'),
])
def test_bad_entries_name_the_frame(source, entry, message):
    with pytest.raises(ValueError, match=f'boxes of frame 1: .*{message}'):
        open_boxes([[], entry], source)(1, None)


def test_something_else(source):
    with pytest.raises(ValueError, match='got int'):
        open_boxes(3, source)


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def box(image_id, x=10., **extra):
    return dict(
        image_id=image_id,
        category_id=1,
        bbox=[x, 20., 30., 40.],
        score=.5,
        **extra)


def test_by_frame_index(clip, tmp_path):
    path = write(tmp_path / 'b.json', [box(2), box(2, 50.), box(4)])
    boxes = FileBoxes(path, open_video(clip.video))
    assert not boxes.is_tracked
    np.testing.assert_array_equal(
        boxes(2, None), [[10, 20, 40, 60, .5], [50, 20, 80, 60, .5]])
    assert boxes(3, None).shape == (0, 5)
    assert len(boxes(4, None)) == 1


def test_by_file_name(clip, tmp_path):
    # the ids contradict the names on purpose: names decide
    entries = [
        box(5, file_name='000001.png'),
        box(6, file_name='images/000007_toy/000002.png')
    ]
    path = write(tmp_path / 'b.json', entries)
    boxes = FileBoxes(path, open_video(clip.folder))
    assert [len(boxes(i, None)) for i in range(7)] == [0, 1, 1, 0, 0, 0, 0]
    # a video file has no such names
    boxes = FileBoxes(path, open_video(clip.video))
    assert [len(boxes(i, None)) for i in range(7)] == [0, 0, 0, 0, 0, 1, 1]
    write(path, [box(0, file_name='other/000001.png')])
    with pytest.raises(ValueError, match=r"file_name \['other/000001.png'\]"):
        FileBoxes(path, open_video(clip.folder))


@pytest.mark.parametrize('kind', ['folder', 'video'])
def test_boxes_by_the_names_of_frames(clip, tmp_path, kind):
    """The form that has a list of boxes per file name."""
    path = write(
        tmp_path / '000007_toy.json', {
            '000001.png': [dict(bbox=[10., 20., 30., 40.], score=.5)],
            '000007_toy/000004.png':
            [dict(bbox=[10., 20., 30., 40.], score=.5)] * 2
        })
    boxes = FileBoxes(path, open_video(getattr(clip, kind)))
    assert [len(boxes(i, None)) for i in range(7)] == [0, 1, 0, 0, 2, 0, 0]
    np.testing.assert_array_equal(boxes(1, None), [[10, 20, 40, 60, .5]])
    write(path, {'000007.png': [dict(bbox=[10., 20., 30., 40.], score=.5)]})
    with pytest.raises(ValueError, match=r"file_name \['000007.png'\]"):
        FileBoxes(path, open_video(getattr(clip, kind)))


def test_boxes_with_a_table_of_images(clip, tmp_path):
    """PoseTrack's form, whose ids are those of its own table."""
    path = write(
        tmp_path / 'b.json',
        dict(
            images=[
                dict(id=900 + i, file_name=f'images/000007_toy/{i:06d}.png')
                for i in range(7)
            ],
            annotations=[
                dict(
                    image_id=900 + i,
                    bbox=[10., 20., 30., 40.],
                    score=.5,
                    track_id=i) for i in (2, 5)
            ]))
    boxes = FileBoxes(path, open_video(clip.folder))
    assert [len(boxes(i, None)) for i in range(7)] == [0, 0, 1, 0, 0, 1, 0]
    assert boxes(5, None) == [TrackedBox(5, (10., 20., 40., 60.), .5)]


@pytest.mark.parametrize('kind', ['folder', 'video'])
def test_by_annotation_file(clip, tmp_path, kind):
    ann_file = write(
        tmp_path / 'ann.json',
        dict(images=[
            dict(id=100 + i, file_name=f'images/000007_toy/{i:06d}.png')
            for i in range(7)
        ] + [dict(id=900, file_name='images/000009_toy/000003.png')]))
    path = write(tmp_path / 'b.json', [box(103), box(900), box(106)])
    frames = open_video(getattr(clip, kind))
    boxes = FileBoxes(path, frames, ann_file=ann_file)
    assert [len(boxes(i, None)) for i in range(7)] == [0, 0, 0, 1, 0, 0, 1]
    assert [boxes.image_id(i) for i in (0, 6, 7)] == [100, 106, None]
    write(path, [box(900)])
    with pytest.raises(ValueError, match='none of its 1 boxes'):
        FileBoxes(path, frames, ann_file=ann_file)
    write(path, [box(107)])
    with pytest.raises(ValueError, match=r'not in .*ann.json: \[107\]'):
        FileBoxes(path, frames, ann_file=ann_file)


def test_track_ids(clip, tmp_path):
    frames = open_video(clip.folder)
    path = write(tmp_path / 'b.json', [box(0, track_id=7), box(1, track_id=4)])
    boxes = FileBoxes(path, frames)
    assert boxes.is_tracked
    assert boxes(0, None) == [TrackedBox(7, (10., 20., 40., 60.), .5)]
    assert boxes(1, None)[0].track_id == 4
    assert boxes(2, None) == []
    write(path, [box(0, track_id=7), box(1)])
    with pytest.raises(ValueError, match='1 of 2 boxes have a track_id'):
        FileBoxes(path, frames)


def test_score_threshold(clip, tmp_path):
    path = write(tmp_path / 'b.json', [dict(box(0), score=.1), box(0, 50.)])
    boxes = FileBoxes(path, open_video(clip.folder), score_thr=.2)
    assert boxes(0, None)[:, 0] == [50.]


def test_no_boxes_are_no_error(clip, tmp_path):
    path = write(tmp_path / 'b.json', [])
    boxes = FileBoxes(path, open_video(clip.folder))
    assert len(boxes(0, None)) == 0


@pytest.mark.parametrize('image_id', [7, -1, 'first'])
def test_frames_that_the_video_does_not_have(clip, tmp_path, image_id):
    path = write(tmp_path / 'b.json', [box(0), box(image_id)])
    with pytest.raises(ValueError, match='1 boxes .*frame indices 0 to 6'):
        FileBoxes(path, open_video(clip.video))


@pytest.mark.parametrize('image_id', [True, None, [0]])
def test_ids_that_are_none(clip, tmp_path, image_id):
    path = write(tmp_path / 'b.json', [box(0), box(image_id)])
    with pytest.raises(ValueError, match='b.json.*1.*image_id'):
        FileBoxes(path, open_video(clip.video))


def test_bad_files(clip, tmp_path):
    frames = open_video(clip.folder)
    with pytest.raises(FileNotFoundError, match='box file .*none.json'):
        FileBoxes(tmp_path / 'none.json', frames)
    with pytest.raises(ValueError, match='list of detections.*got a dict'):
        FileBoxes(write(tmp_path / 'b.json', dict(images=[])), frames)
    (tmp_path / 'b.json').write_text('[{')
    with pytest.raises(ValueError, match='not valid json'):
        FileBoxes(tmp_path / 'b.json', frames)
    (tmp_path / 'b.json').write_text(
        json.dumps([dict(box(0), bbox=[0, 0, float('nan'), 1])]))
    with pytest.raises(ValueError, match='finite'):
        FileBoxes(tmp_path / 'b.json', frames)
    write(tmp_path / 'b.json', [box(0)])
    with pytest.raises(
            ValueError, match='ann.json: the content is an empty list'):
        FileBoxes(
            tmp_path / 'b.json',
            frames,
            ann_file=write(tmp_path / 'ann.json', []))
    for image in (3, dict(id=0), dict(id=[0], file_name='a.png')):
        ann_file = write(tmp_path / 'ann.json', dict(images=[image]))
        with pytest.raises(ValueError, match='ann.json'):
            FileBoxes(tmp_path / 'b.json', frames, ann_file=ann_file)
    write(tmp_path / 'b.json', [box(0, file_name=3)])
    with pytest.raises(
            ValueError, match=r'b.json: \[0\].file_name is 3, expected'):
        FileBoxes(tmp_path / 'b.json', frames)
