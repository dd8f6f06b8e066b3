"""Official prediction files: written, read, evaluated."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation import (NO_TRACK, PredictedSequence, joint_columns,
                                    read_predictions)
from mmpose_tdmi.evaluation.predictions import OUT_FORMATS, write_predictions

NAMES = [
    'nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle'
]


def sequence(tracks=(3, 8, 3)):
    random = np.random.RandomState(0)
    present = np.ones((3, 17), dtype=bool)
    present[1, 5:] = False
    return PredictedSequence(
        name='000001_mpii_test',
        frame_names=[f'images/val/000001_mpii_test/{i}.jpg' for i in range(3)],
        frame_ids=np.array([100, 101, 102]),
        frame_index=np.array([0, 0, 2]),
        keypoints=random.uniform(-5, 500, (3, 17, 2)),
        present=present,
        track_ids=np.array(tracks),
        scores=random.uniform(0, 1, (3, 17)))


def write(tmp_path, predicted, out_format):
    return write_predictions(tmp_path, predicted, np.array([.5, .6, .7]),
                             NAMES, out_format, dict(box_source='gt'))


@pytest.mark.parametrize('out_format', OUT_FORMATS)
def test_what_is_written_is_read(tmp_path, out_format):
    predicted = sequence()
    path = write(tmp_path, predicted, out_format)
    assert path == tmp_path / '000001_mpii_test.json'
    found = read_predictions(path)
    columns = joint_columns(NAMES, 'here')
    assert found.name == predicted.name
    assert found.frame_names == predicted.frame_names
    assert found.box_source == 'gt'
    present = predicted.present[:, columns]
    np.testing.assert_array_equal(found.present, present)
    np.testing.assert_array_equal(found.frame_index, predicted.frame_index)
    np.testing.assert_array_equal(found.track_ids, predicted.track_ids)
    np.testing.assert_array_equal(found.keypoints[present],
                                  predicted.keypoints[:, columns][present])
    np.testing.assert_array_equal(found.scores[present],
                                  predicted.scores[:, columns][present])


def test_posetrack18_content(tmp_path):
    content = json.loads(
        write(tmp_path, sequence(), 'posetrack18').read_text())
    assert [image['id'] for image in content['images']] == [100, 101, 102]
    assert content['categories'][0]['keypoints'] == NAMES
    assert [a['id'] for a in content['annotations']] == [10000, 10001, 10200]
    assert [a['score'] for a in content['annotations']] == [.5, .6, .7]
    # a joint that is not there is marked so
    assert content['annotations'][1]['keypoints'][15:] == [0] * 36


def test_posetrack17_content(tmp_path):
    content = json.loads(
        write(tmp_path, sequence(), 'posetrack17').read_text())
    frames = content['annolist']
    assert [len(f['annorect']) for f in frames] == [2, 0, 1]
    assert [f['imgnum'] for f in frames] == [[1], [2], [3]]
    rect = frames[0]['annorect'][1]
    assert rect['track_id'] == [8] and rect['score'] == [.6]
    # nose, neck, head top: the ears are no joints of the format
    assert [p['id'] for p in rect['annopoints'][0]['point']] == [[12], [13],
                                                                 [14]]
    assert rect['x1'][0] <= rect['x2'][0] and rect['y1'][0] <= rect['y2'][0]


@pytest.mark.parametrize('out_format', OUT_FORMATS)
def test_persons_without_tracks_are_numbered_in_their_frame(
        tmp_path, out_format):
    path = write(tmp_path, sequence((3, NO_TRACK, 4)), out_format)
    assert read_predictions(path).track_ids.tolist() == [0, 1, 0]


def test_names_that_the_toolkit_knows(tmp_path):
    names = ['neck' if name == 'head_bottom' else name for name in NAMES]
    path = write_predictions(tmp_path, sequence(), np.ones(3), names,
                             'posetrack18', {})
    content = json.loads(path.read_text())
    assert content['categories'][0]['keypoints'] == NAMES


def test_track_ids_that_poseval_refuses(tmp_path):
    with pytest.warns(UserWarning, match='track_id 10000, but poseval'):
        write(tmp_path, sequence((3, 10_000, 4)), 'posetrack17')


def test_other_formats(tmp_path):
    with pytest.raises(ValueError, match="got 'coco'"):
        write(tmp_path, sequence(), 'coco')
