"""Datasets of clips, on small generated videos."""
import json
import logging
import os
import traceback
from array import array
from functools import lru_cache, partial

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate, worker_init_fn
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS
from torch.utils.data import DataLoader

from mmpose_tdmi.datasets import (BaseSequenceDataset, frames, padding_policy,
                                  sequence_dataset)
from mmpose_tdmi.datasets.sequence_dataset import WindowDraw, name_sample
from mmpose_tdmi.structures import CLIP_META_KEYS, FrameWindow

pytestmark = pytest.mark.usefixtures('mmpose_scope')
FIRST = 10**10 + 10**4  # the image id of frame 0 of video 1


def build(posetrack, **kwargs):
    return DATASETS.build(posetrack.config(**kwargs))


def numbers(sample):
    """The numbers in the names of the clip's files."""
    return [int(os.path.basename(p)[:-4]) for p in sample['frame_paths']]


@pytest.fixture
def logged(monkeypatch):
    """What the dataset logs as warnings."""
    texts = []

    def print_log(text, logger, level=logging.INFO):
        if level == logging.WARNING:
            texts.append(text)

    for module in (sequence_dataset, frames):
        monkeypatch.setattr(module, 'print_log', print_log)
    return texts


def test_a_sample_has_its_clip(five_frames):
    dataset = build(five_frames, serialize_data=True)
    assert len(dataset) == 5
    sample = dataset[1]
    assert sample['img_path'].endswith('000001_mpii_test/000001.jpg')
    assert numbers(sample) == sample['frame_indices'] == [0, 0, 1, 2, 3]
    assert sample['frame_padded'] == [True, False, False, False, False]
    assert sample['frame_offsets'] == (-2, -1, 0, 1, 2)
    assert sample['key_frame'] == 2
    assert sample['img_id'] == FIRST + 1
    assert sample['bbox_score'] == 1
    assert sample['raw_ann_info']['track_id'] == 0


def test_clips_are_not_stored_per_sample(five_frames):
    dataset = build(five_frames)
    assert not set(CLIP_META_KEYS) & set(dataset.data_list[0])


def test_offsets_and_padding(five_frames):
    dataset = build(
        five_frames, delta=None, offsets=[-3, -1, 0], padding='key_frame')
    assert [numbers(dataset[i]) for i in range(5)] == [[0, 0, 0], [1, 0, 1],
                                                       [2, 1, 2], [0, 2, 3],
                                                       [1, 3, 4]]
    assert dataset[0]['key_frame'] == 2


def test_unlabelled_frames_are_neighbours_but_no_samples(posetrack):
    posetrack.add_video(1, range(6), labeled=[2])
    # PoseTrack21 has boxes on frames that are not labelled
    posetrack.add_person(FIRST + 3)
    dataset = build(posetrack)
    assert len(dataset) == 1
    assert numbers(dataset[0]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('source, expected', [('disk', [0, 1, 2, 3, 4]),
                                              ('annotation', [1, 1, 2, 3, 3])])
def test_which_frames_exist(posetrack, source, expected):
    posetrack.add_video(1, range(5))
    posetrack.content['images'] = posetrack.content['images'][1:4]
    posetrack.content['annotations'] = posetrack.content['annotations'][2:3]
    dataset = build(posetrack, frame_source=source)
    assert numbers(dataset[0]) == expected


def test_the_annotation_s_own_list_of_frames(posetrack):
    """Names tell nothing: numbers and neighbours are those of `videos`."""
    folder = posetrack.add_video(1, range(5), labeled=[2])
    names = ['c_crop.jpg', 'xx9.jpg', '000001.jpg', 'a.jpg', 'b.jpg']
    for number, name in enumerate(names):
        os.rename(folder / f'{number:06d}.jpg', folder / name)
        image = posetrack.content['images'][number]
        image['file_name'] = image['file_name'][:-len('000000.jpg')] + name
    posetrack.add_table(frame_ids=[3, 4, 5, 6, 7])
    for source in ('auto', 'annotation'):
        dataset = build(posetrack, frame_source=source)
        sample = dataset[0]
        assert sample['frame_indices'] == [3, 4, 5, 6, 7]
        assert [os.path.basename(p) for p in sample['frame_paths']] == names
        assert len(dataset.frames.locate(sample['img_path'])[0]) == 5
    with pytest.raises(ValueError, match='c_crop.jpg'):
        build(posetrack, frame_source='disk')


def test_frames_that_the_table_does_not_list(posetrack):
    posetrack.add_video(1, range(5), labeled=[1, 2])
    table = posetrack.add_table()
    # an unlabelled image need not exist
    for name in ('file_names', 'frame_ids'):
        del table[0][name][3]
    sample = build(posetrack)[1]
    assert numbers(sample) == [0, 1, 2, 2, 4]
    assert sample['frame_padded'] == [False, False, False, True, False]
    assert numbers(build(posetrack, frame_source='disk')[1]) == [0, 1, 2, 3, 4]
    for name in ('file_names', 'frame_ids'):
        del table[0][name][2]
    with pytest.raises(
            ValueError, match=r'val.json: 1 of 2 labelled .*000002.jpg'):
        build(posetrack)
    boxes = posetrack.write_boxes([
        dict(image_id=FIRST + i, category_id=1, bbox=[1, 2, 3, 4], score=1)
        for i in (1, 3)
    ])
    with pytest.raises(
            ValueError, match=r'1 of 2 images with boxes in .*000003.jpg'):
        build(posetrack, bbox_file=boxes, test_mode=True)


def test_videos_do_not_mix(posetrack):
    posetrack.add_video(1, range(3))
    posetrack.add_video(2, range(2, 5))
    samples = [sample for sample in build(posetrack)]
    assert len(samples) == 6
    for sample in samples:
        assert len({os.path.dirname(p) for p in sample['frame_paths']}) == 1
        video = os.path.dirname(sample['img_path'])[-len('000001_mpii_test'):]
        assert set(numbers(sample)) <= ({0, 1, 2} if video.startswith('000001')
                                        else {2, 3, 4})


def test_other_file_names_by_a_hook():
    parse = BaseSequenceDataset.parse_frame_path
    assert parse(None, 'v/000012.jpg') == ('v/*.jpg', 12)
    assert parse(None, 'v/cam2_0007_crop.png') == ('v/cam2_*_crop.png', 7)
    with pytest.raises(ValueError, match='v/crop.jpg'):
        parse(None, 'v/crop.jpg')


def test_the_padding_of_a_config_that_names_none(five_frames):
    assert build(five_frames).padding is padding_policy(frames.DEFAULT_PADDING)


def test_random_neighbours(posetrack):
    posetrack.add_video(1, range(21), labeled=[10])
    dataset = build(posetrack, random_range=(-6, 3))
    drawn = [tuple(numbers(dataset[0])) for _ in range(60)]
    for clip in drawn:
        assert list(clip) == sorted(set(clip)) and clip[2] == 10
        assert 4 <= clip[0] and clip[4] <= 13
    assert len(set(drawn)) > 15  # each time anew
    assert {clip[0] for clip in drawn} >= {4, 5, 6}
    np.random.seed(7)
    first = dataset[0]
    np.random.seed(7)
    again = dataset[0]
    assert first['frame_offsets'] == again['frame_offsets']
    assert numbers(again) == [10 + o for o in again['frame_offsets']]


def test_workers_draw_differently(posetrack):
    posetrack.add_video(1, range(41), labeled=[20])
    for _ in range(3):
        posetrack.add_person(FIRST + 20)
    dataset = build(posetrack, random_range=(-20, 20))
    loader = DataLoader(
        dataset,
        batch_size=2,
        num_workers=2,
        collate_fn=pseudo_collate,
        multiprocessing_context='fork',
        worker_init_fn=partial(worker_init_fn, num_workers=2, rank=0, seed=3))
    epochs = [[
        tuple(offsets) for batch in loader
        for offsets in zip(*batch['frame_offsets'])
    ] for _ in range(2)]
    assert len(set(epochs[0])) == 4


def test_bad_arguments(five_frames):
    for kwargs, message in ((dict(delta=None), 'exactly one'),
                            (dict(padding='mirror'),
                             "'mirror'"), (dict(frame_source='web'), "'web'"),
                            (dict(random_range=(-1, 5)), 'too narrow'),
                            (dict(random_range=(-5, 5),
                                  test_mode=True), 'for training')):
        with pytest.raises(ValueError, match=message):
            build(five_frames, **kwargs)


# Windows

WINDOW = FrameWindow((-5, -1, 0, 2))


def test_fixed():
    assert WindowDraw(WINDOW, test_mode=True)() is WINDOW


def test_drawn():
    draw = WindowDraw(WINDOW, (-4, 3))
    drawn = {draw().offsets for _ in range(300)}
    pairs = {(a, b) for a in range(-4, 0) for b in range(a + 1, 0)}
    assert drawn == {(*pair, 0, c) for pair in pairs for c in (1, 2, 3)}


def test_refused():
    for random_range in ((-1, 3), (-4, 0)):
        with pytest.raises(ValueError, match='too narrow to draw 2 .* 1 '):
            WindowDraw(WINDOW, random_range)
    WindowDraw(WINDOW, (-2, 1))
    with pytest.raises(ValueError, match='for training'):
        WindowDraw(WINDOW, (-2, 1), test_mode=True)


# Messages


def test_a_sample_s_name_has_what_is_known():
    sample = dict(
        img_path='images/val/a/000012.jpg',
        frame_indices=[11, 12, 13],
        id=5,
        track_id=0)
    assert name_sample(sample) == ('images/val/a/000012.jpg, frames 11 12 13, '
                                   'annotation 5, track 0')
    assert name_sample(dict(img_path='a.jpg')) == 'a.jpg'


@pytest.mark.parametrize('error', [
    ValueError('broken'),
    FileNotFoundError(2, 'no such file', 'a.jpg'),
    KeyError('k')
])
def test_errors_tell_the_sample_and_stay_what_they_are(five_frames, error):

    def fail(results):
        raise error

    with pytest.raises(type(error)) as caught:
        build(five_frames, pipeline=[fail])[3]
    assert caught.value is error
    shown = ''.join(traceback.format_exception(type(error), error, None))
    if hasattr(error, 'add_note') or isinstance(error, ValueError):
        assert 'while preparing sample 3 of ' in shown
        assert f'000003.jpg, annotation {FIRST + 3}00, track 0' in shown


# Persons

IMAGE = dict(img_path='a.jpg', width=100, height=80)
COORDINATE = st.floats(-50, 250, width=32)


@lru_cache(maxsize=None)
def reader():
    """A dataset of two keypoints that has read no file."""
    return BaseSequenceDataset(
        'a.json',
        delta=2,
        lazy_init=True,
        metainfo=dict(
            dataset_name='two',
            keypoint_info={
                i: dict(name=n, id=i, color=[0, 0, 0], type='upper', swap='')
                for i, n in enumerate('ab')
            },
            skeleton_info={},
            joint_weights=[1., 1.],
            sigmas=[1., 1.]))


def annotation(**fields):
    return {
        **dict(
            id=1,
            image_id=2,
            category_id=1,
            bbox=[1, 2, 30, 40],
            keypoints=[5., 6., 1., 0, 0, 0]),
        **fields
    }


def person(**fields):
    return reader().parse_data_info(
        dict(raw_ann_info=annotation(**fields), raw_img_info=IMAGE))


@given(
    st.lists(COORDINATE, min_size=4, max_size=4),
    st.lists(
        st.tuples(COORDINATE, COORDINATE, st.integers(0, 2)),
        min_size=2,
        max_size=2),
    st.fixed_dictionaries({},
                          optional=dict(
                              area=st.floats(0, 1e6),
                              num_keypoints=st.integers(0, 2),
                              iscrowd=st.integers(0, 1))))
def test_any_person_is_as_the_host_s(bbox, joints, fields):
    values = [v for joint in joints for v in joint]
    fields.update(bbox=bbox, keypoints=values)
    ours = person(**{**fields, 'keypoints': array('d', values)})
    assert isinstance(ours['raw_ann_info']['keypoints'], list)
    theirs = BaseCocoStyleDataset.parse_data_info(
        None,
        dict(
            raw_ann_info=annotation(**{
                'iscrowd': False,
                **fields
            }),
            raw_img_info=IMAGE))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_equal(ours[key], value, key)
        assert getattr(ours[key], 'dtype',
                       None) == getattr(value, 'dtype', None), key


def test_persons_without_box_or_joints_give_none():
    for field in ('bbox', 'keypoints'):
        ann = annotation()
        del ann[field]
        assert reader().parse_data_info(
            dict(raw_ann_info=ann, raw_img_info=IMAGE)) is None


@pytest.mark.parametrize('fields, message', [
    (dict(bbox=[1, 2, 3]), 'bbox has 3 values; expected 4'),
    (dict(bbox=None), 'bbox has None; expected 4'),
    (dict(bbox=[1, 2, 3, '4']), 'bbox must be numbers'),
    (dict(bbox=[1, 2, 3, 1e39]), 'bbox must be finite'),
    (dict(keypoints=[1] * 5), 'keypoints has 5 values; the 2 .* need 6'),
    (dict(keypoints=[[1, 1, 1], [1, 1, 1]]), 'keypoints has 2 values'),
    (dict(keypoints=[1, 1, 1, 1, 1, float('nan')]), 'must be finite'),
    (dict(keypoints=[float('nan'), 1, 1, 1, 1, 1]), 'must be finite'),
    (dict(keypoints=[1, 1, 1, 1, 1, 10**400]), 'must be finite'),
    (dict(keypoints=[1, 1, None, 1, 1, 1]), 'keypoints must be numbers'),
    (dict(keypoints=[1, 1, True, 1, 1, 1]), 'keypoints must be numbers'),
    (dict(area='large'), 'area must be numbers'),
    (dict(num_keypoints=1.5), 'num_keypoints must be an integer'),
    (dict(category_id=None), 'category_id must be an integer'),
    (dict(track_id='a'), 'track_id must be an integer'),
])
def test_damaged_fields(fields, message):
    with pytest.raises(
            ValueError, match=f'a.json: annotation 1: {message}|a.json.*must'):
        person(**fields)


def test_a_person_without_category():
    ann = annotation()
    del ann['category_id']
    with pytest.raises(
            ValueError, match='a.json: annotation 1 has no category_id'):
        reader().parse_data_info(dict(raw_ann_info=ann, raw_img_info=IMAGE))


@pytest.mark.parametrize('fields, reason', [
    (dict(iscrowd=1), 'crowds'),
    (dict(keypoints=[0] * 6), 'without labelled joints'),
    (dict(bbox=[200, 0, 9, 9]), 'no area within the image'),
    (dict(keypoints=[-1, -1, -1, 0, 0, 0]), 'without a joint within'),
])
def test_why_a_person_is_of_no_use(fields, reason):
    assert not BaseCocoStyleDataset._is_valid_instance(person(**fields))
    assert reason in reader().reason_to_leave_out(person(**fields))
    assert reader().reason_to_leave_out(person()) is None


# Ground truth


def test_a_missing_key_frame_and_folder_are_named(five_frames):
    dataset = build(five_frames)
    folder = os.path.dirname(dataset[0]['img_path'])
    os.remove(f'{folder}/000003.jpg')
    dataset = build(five_frames)
    with pytest.raises(FileNotFoundError, match='000003.jpg .* 4 frames'):
        dataset[3]
    # as a neighbour it is a gap
    assert numbers(dataset[4]) == [2, 4, 4, 4, 4]
    os.rename(folder, folder + '_away')
    with pytest.raises(FileNotFoundError, match='folder .*000001_mpii_test'):
        build(five_frames)[0]


def test_nframes_is_not_needed(five_frames, logged):
    for image in five_frames.content['images']:
        del image['nframes']
    assert numbers(build(five_frames)[2]) == [0, 1, 2, 3, 4]
    assert not logged


def test_mostly_padded_windows_are_reported_once(posetrack, logged):
    posetrack.add_video(1, [0, 1, 12, 13, 24, 25])
    dataset = build(posetrack)
    for index in range(len(dataset)):
        dataset[index]
    text, = logged
    assert 'val.json: ' in text and ' windows looked at are padded' in text
    assert text.endswith('which are like [0, 1, 12, 13, 24]')


def test_fewer_frames_than_nframes_are_reported_once(posetrack, logged):
    for sequence in (1, 2):
        posetrack.add_video(sequence, range(3))
    for image in posetrack.content['images']:
        image['nframes'] = 9
    dataset = build(posetrack)
    for index in range(6):
        dataset[index]
    assert len(logged) == 1
    assert 'names 9 frames (nframes), 3 were found' in logged[0]


def test_images_without_a_size(five_frames):
    expected = build(five_frames)[3]['bbox']
    for image in five_frames.content['images']:
        del image['width'], image['height']
    np.testing.assert_array_equal(build(five_frames)[3]['bbox'], expected)
    boxes = five_frames.write_boxes(
        [dict(image_id=FIRST, category_id=1, bbox=[1, 2, 3, 4], score=1)])
    dataset = build(five_frames, bbox_file=boxes, test_mode=True)
    assert dataset[0]['img_shape'] == (48, 64)
    path = five_frames.root / five_frames.content['images'][0]['file_name']
    path.write_bytes(b'no image')
    with pytest.raises(ValueError, match=f'{FIRST} has no width.*decoded'):
        build(five_frames)
    path.unlink()
    with pytest.raises(ValueError, match=f'{FIRST} has no width.*exist'):
        build(five_frames)


@pytest.mark.parametrize('has_table', [False, True])
def test_paths_written_on_windows(five_frames, has_table):
    """Backslashes, and a byte order mark."""
    if has_table:
        five_frames.add_table()
    expected = [build(five_frames)[i]['frame_paths'] for i in range(5)]
    for image in five_frames.content['images']:
        image['file_name'] = image['file_name'].replace('/', '\\')
    for video in five_frames.content.get('videos', ()):
        video['file_names'] = [
            name.replace('/', '\\') for name in video['file_names']
        ]
    dataset = five_frames.config()
    path = five_frames.root / 'val.json'
    path.write_text(path.read_text(), encoding='utf-8-sig')
    dataset = DATASETS.build(dataset)
    assert [dataset[i]['frame_paths'] for i in range(5)] == expected
    five_frames.content['images'][0]['file_name'] = '..\\..\\1.jpg'
    with pytest.raises(ValueError, match='leads out of the data root'):
        build(five_frames)


def without_size(image):
    return {k: v for k, v in image.items() if k not in ('width', 'height')}


@pytest.mark.parametrize('value', [0, -3, 1.5, True, None, '64'])
def test_no_size_of_an_image(five_frames, value):
    five_frames.content['images'][1]['width'] = value
    with pytest.raises(ValueError, match=f'val.json: image {FIRST + 1}: wid'):
        build(five_frames)


def test_sizes_that_are_not_told_are_read_once_per_video(
        posetrack, monkeypatch):
    read = []
    imread = sequence_dataset.mmcv.imread
    monkeypatch.setattr(
        sequence_dataset.mmcv, 'imread', lambda path, **kwargs:
        (read.append(path), imread(path, **kwargs))[1])
    for video, width in ((1, 64), (2, 30)):
        posetrack.size = (width, 48)
        posetrack.add_video(video, range(3))
    images = list(map(without_size, posetrack.content['images']))
    posetrack.content['images'] = images
    dataset = build(posetrack)
    assert [dataset.image_size(img) for img in images[:2]] == [(64, 48)] * 2
    assert dataset.image_size(images[3]) == (30, 48) and len(read) == 2
    assert dataset.image_size(dict(width=3, height=2)) == (3, 2)


def test_persons_without_area_in_the_image_are_left_out(five_frames, logged):
    for bbox in ([10, 8, 0, 30], [70, 8, 10, 10], [-30, 8, 10, 10]):
        five_frames.add_person(FIRST, bbox=bbox)
    assert len(build(five_frames)) == 5
    assert '3 of 8 persons are left out' in logged[0]


def test_persons_without_joints_are_left_out(five_frames, logged):
    five_frames.add_person(FIRST, keypoints=[0] * 51, num_keypoints=0)
    del five_frames.content['annotations'][0]['keypoints']
    assert len(build(five_frames)) == 4
    assert ['without labelled joints' in text for text in logged] == [True]


def test_persons_that_reach_over_the_edge_stay(five_frames):
    five_frames.add_person(FIRST, bbox=[-10, -10, 30, 200])
    np.testing.assert_array_equal(
        build(five_frames)[1]['bbox'], [[0, 0, 20, 47]])


@pytest.mark.parametrize('field, values',
                         [('bbox', [1, 2, float('nan'), 4]),
                          ('keypoints', [float('inf')] + [1.] * 50)])
def test_values_that_are_not_finite(five_frames, field, values):
    five_frames.add_person(FIRST, **{field: values})
    with pytest.raises(
            ValueError, match=rf'val.json: annotation {FIRST}01: {field}'):
        build(five_frames)


def test_another_keypoint_layout(five_frames):
    five_frames.add_person(FIRST, keypoints=[1.] * 45)
    with pytest.raises(ValueError, match='has 45 values; the 17 .* 51'):
        build(five_frames)
    del five_frames.content['annotations'][-1]
    names = five_frames.content['categories'][0]['keypoints']
    names[5], names[6] = names[6], names[5]
    boxes = five_frames.write_boxes([])
    for kwargs in ({}, dict(bbox_file=boxes, test_mode=True)):
        with pytest.raises(
                ValueError, match="'right_shoulder', 'left_shoulder'.*expect"):
            build(five_frames, **kwargs)


@pytest.mark.parametrize('field', ['images', 'annotations'])
def test_repeated_ids(five_frames, field):
    five_frames.content[field][3]['id'] = five_frames.content[field][0]['id']
    if field == 'images':
        five_frames.content['annotations'].pop(3)
    boxes = five_frames.write_boxes([])
    for kwargs in ({}, dict(bbox_file=boxes, test_mode=True)):
        with pytest.raises(ValueError, match=f'ids of {field} must be unique'):
            build(five_frames, **kwargs)


def test_no_sample_at_all(five_frames):
    five_frames.content['annotations'].clear()
    with pytest.raises(ValueError, match='val.json gives no sample'):
        build(five_frames)


def test_the_host_s_options(five_frames):
    assert len(build(five_frames, sample_interval=2)) == 3
    assert len(build(five_frames, indices=2)) == 2
    for serialize in (False, True):
        subset = build(five_frames, indices=[3, 1], serialize_data=serialize)
        assert [s['img_id'] - FIRST for s in subset] == [3, 1]
        thr = dict(bbox_score_thr=2)
        with pytest.raises(ValueError, match='val.json gives no sample'):
            build(five_frames, filter_cfg=thr, serialize_data=serialize)
    dataset = build(five_frames, lazy_init=True)
    assert dataset.metainfo['num_keypoints'] == 17
    assert numbers(dataset.get_subset([4])[0]) == [2, 3, 4, 4, 4]
    sample = build(five_frames, data_mode='bottomup')[2]
    assert numbers(sample) == [0, 1, 2, 3, 4]


# Boxes of a detector


def test_boxes_become_samples(five_frames):
    boxes = five_frames.write_boxes([
        dict(image_id=FIRST + 4, category_id=1, bbox=[1, 2, 3, 4], score=.1),
        dict(image_id=FIRST + 4, category_id=2, bbox=[1, 2, 3, 4], score=.9),
        dict(image_id=FIRST + 1, category_id=1, bbox=[-5, 6, 7, 8], score=.7),
    ])
    dataset = build(
        five_frames, bbox_file=boxes, bbox_score_thr=0.2, test_mode=True)
    assert len(dataset) == 1
    sample = dataset[0]
    assert sample['id'] == 2 and sample['img_id'] == FIRST + 1
    np.testing.assert_array_equal(sample['bbox'], [[-5, 6, 2, 14]])
    np.testing.assert_allclose(sample['bbox_score'], [0.7])
    assert sample['img_shape'] == (48, 64)
    assert sample['keypoints'].shape == (1, 17, 2)
    assert numbers(sample) == [0, 0, 1, 2, 3]
    with pytest.raises(ValueError, match='boxes.json gives no sample'):
        build(five_frames, bbox_file=boxes, bbox_score_thr=1, test_mode=True)
    assert dataset.metainfo['box_source'] == f'{boxes}, score >= 0.2'
    # without a threshold all persons are kept
    assert len(build(five_frames, bbox_file=boxes, test_mode=True)) == 2


def test_boxes_of_an_unknown_image(five_frames):
    boxes = five_frames.write_boxes(
        [dict(image_id=12, category_id=1, bbox=[1, 2, 3, 4], score=1)])
    with pytest.raises(ValueError, match=rf'boxes.json: .*\[12\].*\[{FIRST}'):
        build(five_frames, bbox_file=boxes, test_mode=True)


def test_a_corrupt_frame_is_named_through_the_pipeline(five_frames):
    pipeline = [dict(type='LoadFrameSequence')]
    path = next(five_frames.root.rglob('000002.jpg'))
    path.write_bytes(b'no image')
    with pytest.raises(ValueError, match=f'{path} cannot be decoded'):
        build(five_frames, pipeline=pipeline)[0]
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match='000002.jpg has 4x4'):
        build(five_frames, pipeline=pipeline)[0]


def test_tracks_of_persons_and_boxes(five_frames):
    pipeline = [
        dict(type='LoadFrameSequence'),
        dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=(32, 32)),
        dict(type='PackPoseSequenceInputs')
    ]
    five_frames.content['annotations'][2]['track_id'] = 7
    del five_frames.content['annotations'][3]['track_id']
    dataset = build(five_frames, pipeline=pipeline)
    assert dataset.metainfo['box_source'] == 'gt'
    assert dataset[2]['data_samples'].track_id == 7
    assert 'track_id' not in dataset[3]['data_samples']
    box = dict(image_id=FIRST, category_id=1, bbox=[1, 2, 30, 40], score=1)
    boxes = five_frames.write_boxes([box, dict(box, track_id=4)])
    dataset = build(
        five_frames, bbox_file=boxes, test_mode=True, pipeline=pipeline)
    assert 'track_id' not in dataset[0]['data_samples']
    assert dataset[1]['data_samples'].track_id == 4


def test_overlapping_boxes(five_frames):
    boxes = five_frames.write_boxes([
        dict(image_id=FIRST, category_id=1, bbox=[1, 2, 30, 40], score=score)
        for score in (.5, .7)
    ])
    for thr, scores in ((None, [.5, .7]), (0.9, [.7])):
        dataset = build(
            five_frames, bbox_file=boxes, test_mode=True, bbox_nms_thr=thr)
        assert ('NMS at IoU 0.9'
                in dataset.metainfo['box_source']) == bool(thr)
        assert [s['bbox_score'].item()
                for s in dataset] == pytest.approx(scores)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_loads_or_is_named(five_frames, data):
    """Replace or remove any value: the error says which file."""
    five_frames.content['images'] = five_frames.content['images'][:5]
    five_frames.add_table()
    config = five_frames.config()
    content = json.loads((five_frames.root / 'val.json').read_text())
    place = content
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        inner = place[key]
        if not inner or not isinstance(inner, (dict, list)) or data.draw(
                st.integers(0, 3)) == 0:
            break
        place = inner
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(
            st.sampled_from([
                None, True, -1, 0, 10**30, 1e300,
                float('nan'), '', 'x', '7.jpg', [], [1], [None] * 51, {},
                dict(id=1)
            ]))
    (five_frames.root / 'val.json').write_text(json.dumps(content))
    del five_frames.content['videos']
    try:
        samples = list(DATASETS.build(config))
    except (ValueError, FileNotFoundError) as error:
        assert 'val.json' in str(error) or '.jpg' in str(error)
    else:
        assert 0 < len(samples) <= 5
