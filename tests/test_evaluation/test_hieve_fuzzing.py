"""Whatever is done to HiEve's files, they load or the flaw is named."""
import copy
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation.functional import (SubmissionError, frame_record,
                                               load_hieve_annotations,
                                               validate_submission)

EXAMPLES = int(os.environ.get('MMPOSE_TDMI_FUZZ_EXAMPLES', 100))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck))

SUBMISSION = dict(annolist=[
    frame_record('000000.jpg', np.ones((1, 3, 2)), np.ones((
        1, 3)), np.array([[1., 2, 30, 40]]), np.ones(1), [0]),
    frame_record('000001.jpg', np.ones((0, 3, 2)), np.ones((
        0, 3)), np.ones((0, 4)), np.ones(0), [])
])
ANNOTATION = dict(
    videos=[dict(id='1', name='1', file_names=[], frame_ids=[])],
    images=[
        dict(
            id=i,
            file_name=f'images/train/1/00000{i}.jpg',
            vid_id='1',
            frame_id=i,
            is_labeled=True,
            ignore_regions_x=[]) for i in range(2)
    ],
    annotations=[
        dict(
            id=1,
            image_id=0,
            bbox=[1, 2, 3, 4],
            action='fighting',
            keypoints=[1, 2, 2, 0, 0, 0])
    ],
    categories=[dict(id=1, keypoints=['nose', 'chest'])])

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(),
              st.text(max_size=3), st.sampled_from([10**400, 1e308, '1'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(['point', 'id', 'image']), inner)),
    max_leaves=5)


def places(value, path=()):
    """The paths of all parts of a json value but the whole."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@st.composite
def texts(draw, original):
    """Files in which one to three parts are replaced, removed, damaged."""
    value = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(value)) or [None]))
        if path is None:
            break
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[path[-1]] = draw(VALUES)
        else:
            del parent[path[-1]]
    text = json.dumps(value).encode()
    if draw(st.integers(0, 3)) == 0:
        start = draw(st.integers(0, len(text) - 1))
        text = text[:start] + draw(st.binary(max_size=4)) + text[start + 2:]
    return text


@FUZZ
@given(text=texts(SUBMISSION))
def test_submissions(text):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / '20.json').write_bytes(text)
        try:
            summary = validate_submission(folder, ['20'])
        except SubmissionError as error:
            assert '20.json' in str(error)
        else:
            assert 1 <= summary.num_frames['20'] <= 2


@FUZZ
@given(text=texts(ANNOTATION))
def test_annotations(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'ann.json'
        path.write_bytes(text)
        try:
            found = load_hieve_annotations(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert len(found.first_row) == len(found.image_ids) + 1
            assert np.isfinite(found.keypoints).all()
            assert np.isfinite(found.boxes).all()
            for frame in range(len(found.image_ids)):
                assert len(found.persons(frame).keypoints) <= 1
