"""Detection in chunks that survive an interruption."""
import json

import numpy as np
import pytest


class Detector:
    """Finds one box per image, whose x1 is the image's value."""

    def __init__(self, fail_at=None):
        self.fail_at = fail_at
        self.seen = []
        self.batches = []

    def __call__(self, images):
        self.batches.append(len(images))
        results = []
        for image in images:
            value = int(image[0, 0, 0])
            if value == self.fail_at:
                raise KeyboardInterrupt
            self.seen.append(value)
            results.append(np.array([[value, 1, value + 2, 4, .5]]))
        return results


def read_images(num_images=7, lost=()):
    """The images, those that do not decode with None."""
    for i in range(num_images):
        image = None if i in lost else np.full((8, 8, 3), i, np.uint8)
        yield dict(image_id=100 + i), lambda image=image: image


@pytest.fixture
def tool(load_tool):
    return load_tool('detect_persons')


@pytest.fixture
def job(tool, tmp_path):
    """``job(num_images=7, **settings)``."""

    def make(num_images=7, **settings):
        return tool.DetectionJob(
            tmp_path / 'boxes.json', num_images, settings, chunk_size=3)

    return make


def result(tmp_path):
    return json.loads((tmp_path / 'boxes.json').read_text())


def test_result_is_a_coco_style_detection_list(tool, job, tmp_path):
    detector = Detector()
    assert job().run(read_images(), detector, batch_size=2) == 7
    assert detector.batches == [2, 1, 2, 1, 1]
    entries = result(tmp_path)
    assert [e['image_id'] for e in entries] == list(range(100, 107))
    assert entries[3] == dict(
        image_id=103, category_id=1, bbox=[3., 1., 2., 3.], score=.5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'boxes.json', 'boxes.settings.json'
    ]


def test_interrupted_run_goes_on_with_the_first_unfinished_chunk(
        tool, job, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        job(thr=1).run(read_images(), Detector(fail_at=4))
    assert not (tmp_path / 'boxes.json').exists()
    second = Detector()
    job(thr=1).run(read_images(), second)
    assert second.seen == [3, 4, 5, 6]
    resumed = result(tmp_path)
    assert job(thr=1).done
    tool.remove_results(tmp_path / 'boxes.json')
    assert list(tmp_path.iterdir()) == []
    job(thr=1).run(read_images(), Detector())
    assert result(tmp_path) == resumed


@pytest.mark.parametrize('finished', [True, False])
def test_other_settings_are_an_error(tool, job, tmp_path, finished):
    detector = Detector(fail_at=None if finished else 4)
    try:
        job(thr=1).run(read_images(), detector)
    except KeyboardInterrupt:
        pass
    with pytest.raises(ValueError, match='thr: 1 then, 2 now'):
        job(thr=2)
    with pytest.raises(ValueError, match='num_images: 7 then, 8 now'):
        job(num_images=8, thr=1)
    tool.remove_results(tmp_path / 'boxes.json')
    assert not job(thr=2).done


def test_result_of_unknown_origin_is_an_error(tool, job, tmp_path):
    (tmp_path / 'boxes.json').write_text('[]')
    with pytest.raises(ValueError, match='boxes.settings.json'):
        job()


def test_images_without_boxes(tool, job, tmp_path):
    job().run(read_images(), lambda images: [np.zeros((0, 5))] * len(images))
    assert result(tmp_path) == []


@pytest.mark.parametrize('num_named', [None, 8])
def test_images_that_are_left_out(tool, job, tmp_path, num_named):
    """Whatever number of them was expected."""
    detector, made = Detector(), job(num_named)
    made.run(read_images(7, lost=(0, 1, 2, 5)), detector)
    assert detector.seen == [3, 4, 6] and made.num_images == 7
    assert [e['image_id'] for e in result(tmp_path)] == [103, 104, 106]


def test_batch_size(tool, job, tmp_path):
    with pytest.raises(ValueError, match='at least 1, got 0'):
        job().run(read_images(), Detector(), batch_size=0)
