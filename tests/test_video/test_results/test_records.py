"""A frame's poses as plain values."""
import dataclasses
import json

import numpy as np
import pytest

from mmpose_tdmi.video import FramePoses
from mmpose_tdmi.video.results.exports import frame_record


def test_everything_of_a_frame(poses_of, fps):
    poses = poses_of(5, file_name='a/5.jpg')
    record = frame_record(poses, 77, (40, 30))
    assert json.loads(json.dumps(record)) == record
    assert record['frame'] == 5 and record['file_name'] == 'a/5.jpg'
    assert record['image_id'] == 77 and record['size'] == [40, 30]
    assert record['timestamp'] == pytest.approx(float(5 / fps), abs=1e-6)
    first, person = poses.persons[0], record['persons'][0]
    assert person['track_id'] == 3 and person['source'] == 'carried'
    assert person['bbox'] == [10, 8, 20, 40] and person['bbox_score'] == .75
    # the stated rounding, and no more
    np.testing.assert_allclose(
        person['keypoints'], first.keypoints, atol=.5001e-3)
    np.testing.assert_allclose(
        person['keypoint_scores'], first.scores, atol=.5001e-5)


def test_what_is_not_known_is_left_out():
    assert frame_record(FramePoses(3)) == dict(
        frame=3, timestamp=None, persons=[])


@pytest.mark.parametrize('field', ['keypoints', 'scores'])
def test_numbers_are_finite(poses_of, field):
    poses = poses_of(5)
    values = getattr(poses.persons[1], field).copy()
    values[2] = np.nan
    poses.persons[1] = dataclasses.replace(poses.persons[1], **{field: values})
    with pytest.raises(ValueError, match='frame 5, person 4: .*expected fin'):
        frame_record(poses)
