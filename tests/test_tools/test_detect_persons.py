"""tools/detect_persons.py, with an untrained detector."""
import json
import shutil

import av
import pytest

from mmpose_tdmi.apis import FileBoxes, PersonDetector, open_video


@pytest.fixture
def detect(run_tool, saved_detector, tmp_path):
    """``detect(input, ...)`` runs the tool and returns its entries."""
    out = tmp_path / 'out' / 'boxes.json'

    def run(source, *arguments, files=saved_detector):
        run_tool('detect_persons', source, *files, '--out', out, '--device',
                 'cpu', '--score-thr', 0, *arguments)
        return json.loads(out.read_text())

    return run


@pytest.fixture
def ann_file(clip, tmp_path):
    """An annotation file beside the clip's images, two frames missing."""
    path = clip.folder.parents[1] / 'annotations' / 'toy_val.json'
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps(
            dict(images=[
                dict(id=900 - i, file_name=f'images/000007_toy/{i:06d}.png')
                for i in (3, 0, 5)
            ])))
    return path


def test_data_set(detect, ann_file, clip, saved_detector):
    entries = detect(ann_file, '--batch-size', 2)
    assert list(dict.fromkeys(e['image_id']
                              for e in entries)) == [897, 900, 895]
    expected = PersonDetector(*saved_detector)([clip.frames[0]])[0]
    got = [e for e in entries if e['image_id'] == 900]
    assert len(got) == len(expected) > 0
    for entry, (x1, y1, x2, y2, score) in zip(got, expected.tolist()):
        assert set(entry) == {'image_id', 'category_id', 'bbox', 'score'}
        assert entry['category_id'] == 1
        assert entry['bbox'] == pytest.approx([x1, y1, x2 - x1, y2 - y1],
                                              abs=1e-3)
        assert entry['score'] == pytest.approx(score, abs=1e-5)


def test_image_root(detect, ann_file, clip, tmp_path):
    moved = tmp_path / 'ann.json'
    moved.write_text(ann_file.read_text())
    with pytest.raises(SystemExit, match='000003.png is missing'):
        detect(moved)
    # the failed run has left nothing that stands in the way
    assert detect(moved, '--img-root', clip.folder.parents[1])


def test_folder_and_video(detect, clip):
    entries = detect(clip.folder)
    assert {(e['image_id'], e['file_name'])
            for e in entries} == {(i, f'{i:06d}.png')
                                  for i in range(7)}
    entries = detect(clip.video, '--overwrite')
    assert {(e['image_id'], e['video'])
            for e in entries} == {(i, '000007_toy.mp4')
                                  for i in range(7)}


def test_result_is_a_box_file(detect, clip, tmp_path):
    entries = detect(clip.folder)
    boxes = FileBoxes(tmp_path / 'out' / 'boxes.json', open_video(clip.folder))
    assert sum(len(boxes(i, None)) for i in range(7)) == len(entries)


def test_second_run(detect, clip, capsys):
    first = detect(clip.folder)
    assert detect(clip.folder) == first
    assert 'done before' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='nms_thr: None then, 0.1 now'):
        detect(clip.folder, '--nms-thr', 0.1)
    assert len(detect(clip.folder, '--nms-thr', 0.1,
                      '--overwrite')) < len(first)


def test_no_weights_are_an_error(detect, clip, saved_detector,
                                 saved_pose_model, tmp_path):
    config = saved_detector.config
    with pytest.raises(SystemExit, match="checkpoint nothing.pth does not"):
        detect(clip.folder, files=(config, 'nothing.pth'))
    with pytest.raises(SystemExit, match='no checkpoint of this model'):
        detect(clip.folder, files=(config, saved_pose_model.checkpoint))
    with pytest.raises(SystemExit):  # argparse: an argument is missing
        detect(clip.folder, files=(config, ))
    assert not (tmp_path / 'out' / 'boxes.json').exists()


def test_bad_input(detect, clip, tmp_path):
    with pytest.raises(SystemExit, match='none.mp4 does not exist'):
        detect(tmp_path / 'none.mp4')
    (tmp_path / 'a.json').write_text('{"images": []}')
    with pytest.raises(SystemExit, match='annotation file with "images"'):
        detect(tmp_path / 'a.json')
    with pytest.raises(SystemExit, match='--img-root is for annotation'):
        detect(clip.folder, '--img-root', tmp_path)
    with pytest.raises(SystemExit, match="no category 'dog'.*person"):
        detect(clip.folder, '--category', 'dog')


def test_a_damaged_video(detect, clip, tmp_path):
    """Frames are those of infer_video, and what is lost leaves holes."""
    with av.open(str(clip.video)) as file:
        packet = list(file.demux(video=0))[3]
    content, path = bytearray(clip.video.read_bytes()), tmp_path / 'bad.mp4'
    content[packet.pos:packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    expected = [frame.index for frame in open_video(path)]
    assert 1 < len(expected) < 7
    entries = detect(path)
    assert list(dict.fromkeys(e['image_id'] for e in entries)) == expected
    with pytest.raises(SystemExit, match=r'bad.mp4: frame \d cannot'):
        detect(path, '--on-corrupt', 'raise', '--overwrite')


def test_a_damaged_image(detect, clip, tmp_path, capsys):
    folder = tmp_path / 'frames'
    shutil.copytree(clip.folder, folder)
    (folder / '000003.png').write_bytes(b'no picture')
    entries = detect(folder)
    assert {e['image_id'] for e in entries} == {0, 1, 2, 4, 5, 6}
    assert '000003.png' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='000003.png'):
        detect(folder, '--on-corrupt', 'raise', '--overwrite')


def test_a_bare_stream(detect, clip, tmp_path):
    path = tmp_path / 'bare.h264'
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=25)
        stream.height, stream.width = clip.frames[0].shape[:2]
        for frame in clip.frames:
            file.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(frame, format='bgr24')))
        file.mux(stream.encode(None))
    entries = detect(path, '--fps', 12.5)
    assert {e['image_id'] for e in entries} == set(range(7))
    with pytest.raises(SystemExit, match='its own frame rate'):
        detect(clip.video, '--fps', 12.5, '--overwrite')
