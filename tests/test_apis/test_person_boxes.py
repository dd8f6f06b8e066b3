"""Which boxes are of which frame."""
import json

import numpy as np
import pytest

from mmpose_tdmi.apis import FileBoxes
from mmpose_tdmi.video import TrackedBox
from mmpose_tdmi.video.decoding.files import open_video


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


@pytest.mark.parametrize('image_id', [7, -1, 'first', True, None, [0]])
def test_frames_that_the_video_does_not_have(clip, tmp_path, image_id):
    path = write(tmp_path / 'b.json', [box(0), box(image_id)])
    with pytest.raises(ValueError, match='1 boxes .*frame indices 0 to 6'):
        FileBoxes(path, open_video(clip.video))


def test_bad_files(clip, tmp_path):
    frames = open_video(clip.folder)
    with pytest.raises(FileNotFoundError, match='box file .*none.json'):
        FileBoxes(tmp_path / 'none.json', frames)
    with pytest.raises(ValueError, match='json list.*got dict'):
        FileBoxes(write(tmp_path / 'b.json', dict(images=[])), frames)
    (tmp_path / 'b.json').write_text('[{')
    with pytest.raises(ValueError, match='no json'):
        FileBoxes(tmp_path / 'b.json', frames)
    (tmp_path / 'b.json').write_text(
        json.dumps([dict(box(0), bbox=[0, 0, float('nan'), 1])]))
    with pytest.raises(ValueError, match='finite'):
        FileBoxes(tmp_path / 'b.json', frames)
    write(tmp_path / 'b.json', [box(0)])
    with pytest.raises(ValueError, match='with "images"'):
        FileBoxes(
            tmp_path / 'b.json',
            frames,
            ann_file=write(tmp_path / 'ann.json', []))
    for image in (3, dict(id=0), dict(id=[0], file_name='a.png')):
        ann_file = write(tmp_path / 'ann.json', dict(images=[image]))
        with pytest.raises(ValueError, match='ann.json'):
            FileBoxes(tmp_path / 'b.json', frames, ann_file=ann_file)
    write(tmp_path / 'b.json', [box(0, file_name=3)])
    with pytest.raises(ValueError, match='b.json: entry 0: file_name'):
        FileBoxes(tmp_path / 'b.json', frames)
