"""tools/detect_persons.py, with an untrained detector."""
import json

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
    (tmp_path / 'a.json').write_text('[]')
    with pytest.raises(SystemExit, match='annotation file with "images"'):
        detect(tmp_path / 'a.json')
    with pytest.raises(SystemExit, match='--img-root is for annotation'):
        detect(clip.folder, '--img-root', tmp_path)
    with pytest.raises(SystemExit, match="no category 'dog'.*person"):
        detect(clip.folder, '--category', 'dog')
