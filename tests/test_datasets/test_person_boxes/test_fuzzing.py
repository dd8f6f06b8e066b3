"""Whatever is done to a file, it loads or there is an error naming it."""
import copy
import json
import math
import os
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpose_tdmi.datasets.box_files import known_size, read_annotation_records
from mmpose_tdmi.datasets.person_boxes import (box_statistics,
                                               load_person_boxes,
                                               person_boxes_by_image)

EXAMPLES = int(os.environ.get('MMPOSE_TDMI_FUZZ_EXAMPLES', 150))
NAMES = [f'images/val/clip/00000{i}.jpg' for i in range(3)]
BOX = dict(bbox=[10, 10.5, 20, 20], score=0.9, track_id=2)
ANNOTATION = dict(
    images=[
        dict(id=i, file_name=name, vid_id='c', width=100, height=50)
        for i, name in enumerate(NAMES)
    ],
    annotations=[dict(id=1, image_id=0, bbox=[10, 10, 20, 20], iscrowd=0)],
    videos=[dict(id='c', name='clip', file_names=NAMES)])
FORMS = dict(
    coco=[
        dict(BOX, image_id=0, category_id=1),
        dict(BOX, image_id=1, category_id=1, file_name=NAMES[1])
    ],
    posetrack=dict(
        images=[dict(id=0, file_name=NAMES[0])],
        annotations=[dict(BOX, image_id=0, category_id=1)]),
    frames={
        '000000.jpg': [BOX, dict(bbox=[0, 0, 5, 5], score=1)],
        NAMES[2]: []
    })

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(),
    st.sampled_from([0, 1, -1, 1e308, 10**400, '', '000000.jpg', NAMES[1]]),
    st.text(max_size=5))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.sampled_from([*BOX, 'images', '0.jpg']), inner)),
    max_leaves=6)


def places(value, path=()):
    """The paths of all parts of a json value."""
    yield path
    if isinstance(value, (dict, list)):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from places(value[key], (*path, key))


@st.composite
def mutated(draw, original):
    """A json value with one to three parts replaced, removed or repeated."""
    value = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                value = draw(VALUES)
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        change = draw(st.sampled_from(['replace', 'remove', 'repeat']))
        if change == 'replace':
            parent[path[-1]] = draw(VALUES)
        elif change == 'remove':
            del parent[path[-1]]
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
    return value


@st.composite
def texts(draw, original):
    """A file's bytes: of a mutated value, or damaged ones."""
    content = json.dumps(draw(mutated(original))).encode()
    if draw(st.booleans()) and content:
        start = draw(st.integers(0, len(content) - 1))
        length = draw(st.integers(0, 8))
        filler = draw(st.binary(max_size=8))
        content = content[:start] + filler + content[start + length:]
    return content


def check_boxes(boxes):
    assert len({box['entry'] for box in boxes}) == len(boxes)
    for box in boxes:
        assert box['image_id'] in (0, 1, 2) and box['category_id'] == 1
        assert all(math.isfinite(v) for v in (*box['bbox'][:4], box['score']))
        x, y, width, height = box['bbox'][:4]
        assert width > 0 and height > 0 and x < 100 and y < 50


@pytest.mark.parametrize('form', FORMS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_box_files(form, data):
    content = data.draw(texts(FORMS[form]))
    images = {image['id']: image for image in ANNOTATION['images']}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'clip.json')
        with open(path, 'wb') as file:
            file.write(content)
        for target in (path, folder):
            try:
                boxes = load_person_boxes(
                    target,
                    images,
                    known_size,
                    nms_thr=0.5,
                    annotations=ANNOTATION['annotations'],
                    videos=ANNOTATION['videos'])
            except ValueError as error:
                assert target in str(error)
            else:
                check_boxes(boxes)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_annotation_files(data):
    content = data.draw(texts(ANNOTATION))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'ann.json')
        boxes = os.path.join(folder, 'clip.json')
        with open(path, 'wb') as file:
            file.write(content)
        with open(boxes, 'w') as file:
            json.dump(FORMS['coco'], file)
        try:
            records = read_annotation_records(path)
            persons = person_boxes_by_image(records.annotations, path)
            kept = load_person_boxes(
                boxes, records.images, known_size, videos=records.videos)
            statistics = box_statistics(kept, list(records.images), persons)
        except ValueError as error:
            assert path in str(error) or boxes in str(error)
        else:
            assert statistics.num_boxes == len(kept)
