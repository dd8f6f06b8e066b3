"""Reading official and merged files."""
import copy
import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation import (MISSING_SCORE, NO_TRACK, POSEVAL_JOINTS,
                                    joint_columns, load_annotations,
                                    read_annotations, read_predictions)
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import write_random_set

NAMES = [
    'nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle'
]
JOINT = POSEVAL_JOINTS.index
HUGE = 10**400


def coco(**image):
    """One person in one frame, PoseTrack18's format."""
    keypoints = np.stack([np.arange(17) + 1,
                          np.arange(17) + 101,
                          np.ones(17)],
                         axis=1)
    keypoints[NAMES.index('left_knee')] = 0
    keypoints[NAMES.index('left_hip')] = [0, 0, 1]
    keypoints[NAMES.index('left_wrist')] = [3, -24.9, 0]
    return dict(
        images=[
            dict(id=7, file_name='images/val/000001_a/000000.jpg', **image)
        ],
        annotations=[
            dict(
                id=70,
                image_id=7,
                track_id=3,
                keypoints=keypoints.ravel().tolist(),
                bbox=[1, 2, 3, 4],
                bbox_head=[10, 20, 30, 40])
        ],
        categories=[dict(id=1, name='person', keypoints=list(NAMES))])


def annolist(**frame):
    """One person in one frame, PoseTrack17's format."""
    point = [
        dict(id=[j], x=[j + 1.], y=[j + 101.], is_visible=[1])
        for j in range(14)
    ]
    point[3].update(x=[0], y=[0])
    del point[2]['is_visible']
    person = dict(
        x1=[10],
        y1=[20],
        x2=[40],
        y2=[60],
        track_id=[3],
        annopoints=[dict(point=point)])
    name = 'images/bonn/000001_a/00000001.jpg'
    record = dict(image=[dict(name=name)], annorect=[person])
    return dict(annolist=[dict(record, **frame)])


def write(tmp_path, value, name='000001_a.json'):
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return path


def read(tmp_path, value):
    return read_annotations(write(tmp_path, value))


def test_joints_by_name_in_posevals_order(tmp_path):
    video = read(tmp_path, coco())
    assert video.name == '000001_a'
    assert video.labelled.tolist() == video.annotated.tolist() == [True]
    assert video.frame_ids.tolist() == [7]
    assert video.track_ids.tolist() == [3]
    neck = NAMES.index('head_bottom')
    assert video.keypoints[0, JOINT('neck')].tolist() == [neck + 1, neck + 101]
    # absent only if x = y = v = 0; negative coordinates occur
    assert not video.present[0, JOINT('left_knee')]
    assert video.present[0].sum() == 14
    assert video.keypoints[0, JOINT('left_wrist'), 1] == -24.9
    assert video.visibility[0, JOINT('left_wrist')] == 0
    assert video.head_boxes.tolist() == [[10, 20, 40, 60]]
    assert video.boxes.tolist() == [[1, 2, 4, 6]]


def test_annolist(tmp_path):
    video = read(tmp_path, annolist())
    assert video.name == '000001_a'
    assert video.frame_names == ['images/bonn/000001_a/00000001.jpg']
    assert video.track_ids.tolist() == [3]
    assert video.head_boxes.tolist() == [[10, 20, 40, 60]]
    assert np.isnan(video.boxes).all()
    # a point at (0, 0) is there if it is listed
    assert video.present[0].tolist() == [True] * 14 + [False]
    assert video.keypoints[0, 3].tolist() == [0, 0]
    assert video.keypoints[0, 5].tolist() == [6, 106]
    assert np.isnan(video.visibility[0, [2, 14]]).all()
    assert video.visibility[0, 0] == 1


@pytest.mark.parametrize('points', [[], [{}], dict(), None])
def test_annolist_persons_without_points_only_mark_their_frame(
        tmp_path, points):
    content = annolist()
    content['annolist'][0]['annorect'][0]['annopoints'] = points
    video = read(tmp_path, content)
    assert video.num_persons == 0
    assert video.annotated.tolist() == [True]
    content['annolist'][0]['annorect'] = []
    assert read(tmp_path, content).annotated.tolist() == [False]


def test_annolist_first_of_points_with_one_id_counts(tmp_path):
    content = annolist()
    points = content['annolist'][0]['annorect'][0]['annopoints'][0]['point']
    points.append(dict(points[6], x=[999]))
    with pytest.warns(UserWarning, match='1 points repeat'):
        video = read(tmp_path, content)
    assert video.keypoints[0, 6].tolist() == [7, 107]


def test_another_order_of_names_gives_the_same_joints(tmp_path):
    value = coco()
    order = np.random.default_rng(0).permutation(17)
    value['categories'][0]['keypoints'] = [NAMES[i] for i in order]
    keypoints = np.array(value['annotations'][0]['keypoints']).reshape(-1, 3)
    value['annotations'][0]['keypoints'] = keypoints[order].ravel().tolist()
    shuffled, plain = read(tmp_path, value), read(tmp_path, coco())
    np.testing.assert_array_equal(shuffled.keypoints, plain.keypoints)
    np.testing.assert_array_equal(shuffled.present, plain.present)


def test_unlabelled_frames(tmp_path):
    assert not read(tmp_path, coco(is_labeled=False)).labelled.any()
    assert not read(tmp_path, annolist(is_labeled=[0])).labelled.any()
    # box-only persons of an unlabelled frame need neither joints nor a head
    boxes = coco(is_labeled=False)
    del boxes['annotations'][0]['bbox_head']
    del boxes['annotations'][0]['keypoints']
    video = read(tmp_path, boxes)
    assert video.annotated.all() and not video.present.any()
    assert np.isnan(video.head_boxes).all()


def test_scores_of_predictions(tmp_path):
    value = coco()
    value['annotations'][0]['scores'] = np.linspace(0, 1, 17).tolist()
    value['annotations'].append(
        dict(value['annotations'][0], track_id=4, scores=[]))
    value['info'] = dict(box_source='somewhere')
    predicted = read_predictions(write(tmp_path, value))
    assert predicted.scores[0, JOINT('right_ankle')] == 1
    assert (predicted.scores[1] == MISSING_SCORE).all()
    assert predicted.box_source == 'somewhere'

    value = annolist()
    points = value['annolist'][0]['annorect'][0]['annopoints'][0]['point']
    points[4]['score'] = [0.25]
    predicted = read_predictions(write(tmp_path, value))
    assert predicted.scores[0, 4] == 0.25
    assert (np.delete(predicted.scores[0], 4) == MISSING_SCORE).all()
    assert predicted.box_source is None


def test_persons_without_tracks(tmp_path):
    value = coco()
    del value['annotations'][0]['track_id']
    assert read(tmp_path, value).track_ids.tolist() == [NO_TRACK]
    value['annotations'][0]['track_id'] = 2.5
    with pytest.raises(
            ValueError, match="track_id is 2.5, expected a number that's a m"):
        read(tmp_path, value)
    value = annolist()
    value['annolist'][0]['annorect'][0]['track_id'] = []
    assert read(tmp_path, value).track_ids.tolist() == [NO_TRACK]


def test_ignore_regions(tmp_path):
    value = coco(
        ignore_regions_x=[[0, 10, 10], [0, 5]],
        ignore_regions_y=[[0, 0, 10], [0, 5]])
    with pytest.warns(UserWarning, match='2 point.*no polygon'):
        video = read(tmp_path, value)
    expected = [[0, 0], [10, 0], [10, 10]]
    assert [r.tolist() for r in video.ignore_regions[0]] == [expected]
    flat = coco(ignore_regions_x=[0, 10, 10], ignore_regions_y=[0, 0, 10])
    assert [r.tolist()
            for r in read(tmp_path, flat).ignore_regions[0]] == [expected]
    region = dict(point=[dict(x=[x], y=[y]) for x, y in expected])
    old = read(tmp_path, annolist(ignore_regions=[region]))
    assert [r.tolist() for r in old.ignore_regions[0]] == [expected]
    with pytest.raises(ValueError, match='1 ignore_regions_x but 0'):
        read(tmp_path, coco(ignore_regions_x=[[0, 1, 2]]))
    with pytest.raises(ValueError, match='two lists of equal length'):
        read(tmp_path, coco(ignore_regions_x=[[0, 1]], ignore_regions_y=[[0]]))


def test_a_closed_line_is_no_polygon(tmp_path):
    value = coco(ignore_regions_x=[[0, 5, 0]], ignore_regions_y=[[0, 5, 0]])
    with pytest.warns(UserWarning, match='no polygon'):
        assert read(tmp_path, value).ignore_regions == [[]]


@pytest.mark.parametrize('key', ['keypoints', 'bbox_head', 'image_id'])
def test_missing_field_names_the_annotation(tmp_path, key):
    value = coco()
    del value['annotations'][0][key]
    with pytest.raises(
            ValueError, match=rf'annotations\[0\].{key} is missing'):
        read(tmp_path, value)


@pytest.mark.parametrize('path, bad, message', [
    (('images', 0, 'id'), '7', r"images\[0\].id is '7', expected an integer"),
    (('images', 0, 'id'), 2**70, r'images\[0\].id is 1180591620717411303424,'),
    (('images', 0, 'file_name'), 3, r'images\[0\].file_name is 3, expected'),
    (('images', 0, 'is_labeled'), 'yes', r"images\[0\].is_labeled is 'yes'"),
    (('images', ), {}, 'images is an empty object, expected a list'),
    (('annotations', 0), [],
     r'annotations\[0\] is an empty list, expected an'),
    (('annotations', 0, 'image_id'), 8, r'annotations\[0\].image_id is 8'),
    (('annotations', 0, 'image_id'), [8], r'image_id is a list of 1'),
    (('annotations', 0, 'keypoints'), [1., 2., 1.],
     r'annotations\[0\].keypoints is a list of 3, expected a list of 51 num'),
    (('annotations', 0, 'keypoints'), 'abc', "is 'abc', expected a list"),
    (('annotations', 0, 'keypoints', 4), None,
     r'keypoints\[4\] is None, expected a number'),
    (('annotations', 0, 'keypoints', 4), float('nan'), r'oints\[4\] is nan'),
    (('annotations', 0, 'keypoints', 4), HUGE,
     r'keypoints\[4\] is a number of 1329 bits'),
    (('annotations', 0, 'bbox_head'), [1, 2, 3], 'bbox_head is a list of 3'),
    (('annotations', 0, 'bbox', 1), True,
     r'bbox\[1\] is True, expected a num'),
    (('annotations', 0, 'track_id'), 'a', "track_id is 'a', expected"),
    (('categories', ), [], 'exactly one category'),
    (('categories', 0, 'keypoints'), NAMES[1:], "lacks .'nose'."),
])
def test_malformed_fields_are_named(tmp_path, path, bad, message):
    value = coco()
    target = value
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = bad
    with pytest.raises(ValueError, match=f'000001_a.json: .*{message}'):
        read(tmp_path, value)


@pytest.mark.parametrize('path, bad, message', [
    (('image', ), [], 'image is an empty list, expected a list of length 1'),
    (('image', 0, 'name'), 3, r'image\[0\].name is 3, expected a text'),
    (('annorect', ), {}, 'annorect is an empty object, expected a list'),
    (('is_labeled', ), ['x'], r"is_labeled\[0\] is 'x', expected true or"),
    (('annorect', 0, 'x1'), [], r'annorect\[0\].x1 is an empty list'),
    (('annorect', 0, 'track_id'), [1, 2], 'track_id is a list of 2'),
    (('annorect', 0, 'annopoints'), [3], r'annopoints\[0\] is 3, expected'),
    (('annorect', 0, 'annopoints', 0, 'x'), [], r'annopoints\[0\].x is not e'),
    (('annorect', 0, 'annopoints', 0, 'point', 0, 'id'), [15],
     r'annorect\[0\].annopoints\[0\].point\[0\].id\[0\] is 15'),
    (('annorect', 0, 'annopoints', 0, 'point', 0, 'id'), 0,
     r'point\[0\].id is 0, expected a list'),
    (('annorect', 0, 'annopoints', 0, 'point', 0, 'x'), 5,
     r'point\[0\].x is 5, expected a list'),
    (('annorect', 0, 'annopoints', 0, 'point', 0, 'y'), ['a'],
     r"point\[0\].y\[0\] is 'a', expected a number"),
])
def test_malformed_annolist_fields_are_named(tmp_path, path, bad, message):
    value = annolist()
    target = value['annolist'][0]
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = bad
    with pytest.raises(ValueError, match=rf'annolist\[0\]\..*{message}'):
        read(tmp_path, value)


def test_a_missing_head_box_is_named(tmp_path):
    value = annolist()
    del value['annolist'][0]['annorect'][0]['x2']
    with pytest.raises(ValueError, match=r'annorect\[0\].x2 is missing'):
        read(tmp_path, value)


def test_file_of_one_video(tmp_path):
    value = coco()
    value['images'].append(dict(id=8, file_name='images/val/000002_b/0.jpg'))
    with pytest.raises(ValueError, match='one video, found those of 2'):
        read(tmp_path, value)
    value['images'][1]['file_name'] = 'images/val/000001_a/0.png'
    with pytest.raises(ValueError, match='listed more than once.*0.png'):
        read(tmp_path, value)
    value['images'][1]['id'] = 7
    with pytest.raises(ValueError, match='ids of images must be unique'):
        read(tmp_path, value)


def merged(names, **extra):
    value = coco()
    value['images'] = [
        dict(id=i, file_name=f'images/val/{name}.jpg', vid_id=name[:6])
        for i, name in enumerate(names, 7)
    ]
    return dict(value, **extra)


def test_merged_file_by_folder(tmp_path):
    names = ['000002_b/000001', '000001_a/000004', '000002_b/000000']
    videos = load_annotations(write(tmp_path, merged(names)))
    assert list(videos) == ['000001_a', '000002_b']
    assert videos['000001_a'].frame_ids.tolist() == [8]
    # frames as in the file
    assert videos['000002_b'].frame_ids.tolist() == [7, 9]
    assert videos['000002_b'].frame_index.tolist() == [0]
    assert videos['000001_a'].num_persons == 0


def test_merged_file_with_a_table_of_videos(tmp_path):
    names = ['000002_b/000001', '000001_a/000004', '000002_b/000000']
    table = [
        dict(id='000002', name='second_test'),
        dict(id='000001', name='zzz')
    ]
    videos = load_annotations(write(tmp_path, merged(names, videos=table)))
    assert list(videos) == ['second_test', 'zzz']
    assert videos['second_test'].frame_ids.tolist() == [7, 9]
    with pytest.raises(ValueError, match=r"videos \['000001'\], which"):
        load_annotations(write(tmp_path, merged(names, videos=table[:1])))
    with pytest.raises(ValueError, match='"name" of videos must be unique'):
        load_annotations(
            write(tmp_path,
                  merged(names, videos=[dict(v, name='same') for v in table])))


def test_merged_file_with_two_videos_of_one_name(tmp_path):
    value = merged(['000001_a/0', '000001_a/1'])
    value['images'][1]['file_name'] = 'images/train/000001_a/1.jpg'
    with pytest.raises(ValueError, match="two videos are named '000001_a'"):
        load_annotations(write(tmp_path, value))


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.json'):
        read_annotations(tmp_path / 'nothing.json')
    with pytest.raises(ValueError, match='annotations is missing'):
        read(tmp_path, dict(images=[]))
    with pytest.raises(ValueError, match='lacks .*right_ankle'):
        joint_columns(['nose', 'left_eye'], 'here')


def test_both_formats_hold_the_same(tmp_path):
    videos = []
    for fmt in ('posetrack18', 'posetrack17'):
        chosen = RandomSetSettings(gt_format=fmt, pred_format=fmt, regions=3.)
        gt_dir, pred_dir = write_random_set(tmp_path / fmt, chosen, 3)
        path = sorted(gt_dir.iterdir())[0]
        videos.append(
            (read_annotations(path), read_predictions(pred_dir / path.name)))
    for new, old in zip(*videos):
        assert new.frame_names == old.frame_names
        # PoseTrack17 has no persons without points
        new = new.select_persons(new.present.any(axis=1))
        np.testing.assert_array_equal(new.frame_index, old.frame_index)
        np.testing.assert_array_equal(new.present, old.present)
        np.testing.assert_array_equal(new.keypoints[new.present],
                                      old.keypoints[old.present])
        np.testing.assert_array_equal(new.track_ids, old.track_ids)
    regions = [[[r.tolist() for r in frame] for frame in v.ignore_regions]
               for v, _ in videos]
    assert regions[0] == regions[1] and any(regions[0])
    np.testing.assert_array_equal(videos[0][1].scores[videos[0][1].present],
                                  videos[1][1].scores[videos[1][1].present])


#: How many mutated files each reader gets.
EXAMPLES = int(os.environ.get('MMPOSE_TDMI_FUZZ_EXAMPLES', 100))
#: What a broken writer may leave in a field.
ODDITIES = [
    None, True, -1, 0, 10**30, 1.5,
    float('nan'),
    float('inf'), '', 'text', [], [[]], [None], ['a'], {},
    dict(a=1), [1, 2], [1.5] * 51
]


def mutate(value, random):
    """Replace, delete or repeat something somewhere in ``value``."""
    target, places = value, []
    while isinstance(target, (list, dict)) and target:
        keys = range(len(target)) if isinstance(target, list) else list(target)
        places.append((target, keys[random.integers(len(keys))]))
        target = target[places[-1][1]]
    if not places:
        return  # nothing is left
    holder, key = places[random.integers(len(places))]
    action = random.integers(4)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = copy.deepcopy(ODDITIES[random.integers(len(ODDITIES))])


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'reader', [read_annotations, read_predictions, load_annotations])
@pytest.mark.parametrize('make', [coco, annolist])
@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_mutated_files_load_or_name_what_is_wrong(tmp_path, reader, make,
                                                  seed):
    random = np.random.default_rng(seed)
    regions = dict(
        ignore_regions_x=[[0, 9, 9, 1]], ignore_regions_y=[[0, 0, 9, 5]])
    value = make(**(regions if make is coco else {}))
    for _ in range(random.integers(1, 4)):
        mutate(value, random)
    path = write(tmp_path, value, 'mutated.json')
    try:
        found = reader(path)
    except ValueError as error:
        assert 'mutated' in str(error)
        return
    for video in found.values() if isinstance(found, dict) else [found]:
        assert np.isfinite(video.keypoints).all()
        assert video.frame_index.max(initial=-1) < video.num_frames
    if make is coco:
        # nothing is dropped in silence
        videos = found.values() if isinstance(found, dict) else [found]
        assert sum(v.num_persons for v in videos) == len(value['annotations'])
        assert sum(v.num_frames for v in videos) == len(value['images'])


def test_real_annotations(shared_clips):
    folder = shared_clips / 'posetrack18/annotations'
    videos = load_annotations(folder / 'test_posetrack18_val.json')
    assert list(videos) == [
        '003418_mpii_test', '009473_mpii_test', '012834_mpii_test'
    ]
    assert sum(v.num_persons for v in videos.values()) == 14
    for name, video in videos.items():
        assert video.labelled.all() and video.ignore_regions[0]
        alone = read_annotations(folder / 'val' / f'{name}.json')
        np.testing.assert_array_equal(alone.keypoints, video.keypoints)
        np.testing.assert_array_equal(alone.head_boxes, video.head_boxes)
