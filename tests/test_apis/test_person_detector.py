"""Person boxes by MMDetection."""
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmpose_tdmi.apis import PersonDetector


@pytest.fixture(scope='module')
def images():
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        for shape in ((96, 128), (120, 80), (96, 128))
    ]


def test_boxes_are_in_the_image_and_sorted(saved_detector, images):
    for boxes, image in zip(PersonDetector(*saved_detector)(images), images):
        assert boxes.shape[1] == 5 and 0 < len(boxes) <= 20
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, [2, 3]] <= image.shape[1::-1]).all()
        assert (boxes[:, 2:4] > boxes[:, :2]).all()
        assert (np.diff(boxes[:, 4]) <= 0).all()


def test_a_batch_gives_what_single_images_give(saved_detector, images):
    detector = PersonDetector(*saved_detector)
    same_size = [images[0], images[2]]
    for one, many in zip(same_size, detector(same_size)):
        np.testing.assert_allclose(detector([one])[0], many, atol=1e-3)


def test_score_threshold_and_nms(saved_detector, images):

    def scores(**kwargs):
        return PersonDetector(*saved_detector, **kwargs)(images[:1])[0]

    everything = scores()
    threshold = float(np.median(everything[:, 4]))
    above = scores(score_thr=threshold)
    assert len(above) == (everything[:, 4]
                          >= threshold).sum() < len(everything)
    # at IoU 0 only boxes that do not touch each other are left
    apart = scores(nms_thr=0.)
    assert 0 < len(apart) < len(everything)
    np.testing.assert_array_equal(apart[0], everything[0])
    for i, a in enumerate(apart):
        for b in apart[:i]:
            overlap = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
            assert (overlap <= 0).any()


def test_category_is_looked_up_by_name(saved_detector, tmp_path, images):
    with pytest.raises(ValueError, match="no category 'cat'.* person"):
        PersonDetector(*saved_detector, category='cat')
    # the same weights with their class called otherwise
    checkpoint = torch.load(saved_detector.checkpoint)
    checkpoint['meta']['dataset_meta']['classes'] = ('pedestrian', )
    torch.save(checkpoint, tmp_path / 'renamed.pth')
    files = saved_detector.config, tmp_path / 'renamed.pth'
    with pytest.raises(ValueError, match='classes are pedestrian'):
        PersonDetector(*files)
    renamed = PersonDetector(*files, category='pedestrian')(images[:1])
    np.testing.assert_array_equal(
        renamed[0],
        PersonDetector(*saved_detector)(images[:1])[0])


def test_categories_by_index(saved_detector, images):
    everything = PersonDetector(*saved_detector)(images[:1])[0]
    for category in (0, [0]):
        np.testing.assert_array_equal(
            PersonDetector(*saved_detector, category=category)(images[:1])[0],
            everything)
    with pytest.raises(ValueError, match='category 1.* 0 to 0: person'):
        PersonDetector(*saved_detector, category=[0, 1])


def test_thresholds_of_a_call(saved_detector, images):
    detector = PersonDetector(*saved_detector, score_thr=1.)
    expected = PersonDetector(*saved_detector, nms_thr=.1)(images[:1])[0]
    assert len(detector(images[:1])[0]) == 0
    np.testing.assert_array_equal(
        detector(images[:1], score_thr=0., nms_thr=.1)[0], expected)


def test_other_categories_are_left_out(saved_detector, images):
    detector = PersonDetector(*saved_detector)
    detector._labels = [1]  # a category the model never predicts
    assert detector(images[:1])[0].shape == (0, 5)


def test_no_weights_are_an_error(saved_detector, saved_pose_model):
    with pytest.raises(FileNotFoundError, match='checkpoint nothing.pth'):
        PersonDetector(saved_detector.config, 'nothing.pth')
    with pytest.raises(ValueError, match='no checkpoint of this model'):
        PersonDetector(saved_detector.config, saved_pose_model.checkpoint)


def test_scopes_do_not_mix(saved_detector, images):
    with DefaultScope.overwrite_default_scope('mmpose'):
        detector = PersonDetector(*saved_detector)
        detector(images[:1])
        current = DefaultScope.get_current_instance().scope_name
    assert current == 'mmpose'
