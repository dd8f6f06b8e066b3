"""The tool that tells whether boxes belong to frames."""
import json

import pytest

from mmpose_tdmi.datasets.converters import KEYPOINT_NAMES


@pytest.fixture
def files(tmp_path):
    """An annotation file with two persons, and a box file for them."""
    images = [dict(id=i, file_name=f'clip/{i}.jpg') for i in range(3)]
    persons = [
        dict(
            id=i,
            image_id=i,
            category_id=1,
            bbox=[10, 10, 20, 20],
            keypoints=[1] * 51) for i in range(2)
    ]
    boxes = [
        dict(image_id=i, category_id=1, bbox=[10, 10, 20, 20], score=0.3 * i)
        for i in range(2)
    ]
    categories = [dict(id=1, name='person', keypoints=list(KEYPOINT_NAMES))]
    ann_file, bbox_file = tmp_path / 'ann.json', tmp_path / 'boxes.json'
    ann_file.write_text(
        json.dumps(
            dict(images=images, annotations=persons, categories=categories)))
    bbox_file.write_text(json.dumps(boxes))
    return ann_file, bbox_file


def table(text):
    return dict(
        line.rsplit(maxsplit=1) for line in text.splitlines()
        if line and 'INFO' not in line)


def test_table(files, run_tool, capsys):
    run_tool('analysis_tools/box_statistics', *files)
    out, err = capsys.readouterr()
    found = table(out)
    assert found['recall at IoU 0.50'] == '1.0000'
    assert found['frames without boxes'] == '1'
    assert 'belong' not in err


def test_threshold_and_warning(files, run_tool, capsys):
    run_tool('analysis_tools/box_statistics', *files, '--score-thr', 0.1)
    assert table(capsys.readouterr().out)['recall at IoU 0.50'] == '0.5000'
    run_tool('analysis_tools/box_statistics', *files, '--score-thr', 0.9)
    assert 'do these boxes belong to these frames?' in capsys.readouterr().err


def test_bad_input_is_one_line(files, run_tool, tmp_path):
    with pytest.raises(SystemExit, match='error: .*does not exist'):
        run_tool('analysis_tools/box_statistics', tmp_path / 'none', files[1])
    with pytest.raises(SystemExit, match='error: .*none.json does not exist'):
        run_tool('analysis_tools/box_statistics', files[0],
                 tmp_path / 'none.json')


def test_real_boxes(shared_clips, run_tool, capsys):
    folder = shared_clips / 'posetrack18' / 'annotations'
    run_tool('analysis_tools/box_statistics',
             folder / 'test_posetrack18_val.json',
             folder / 'test_posetrack18_human_detections.json')
    found = table(capsys.readouterr().out)
    assert found['annotated persons'] == '14'
    # 12 of 14 persons, 7 of 14
    assert found['recall at IoU 0.50'] == '0.8571'
    assert found['recall at IoU 0.75'] == '0.5000'
