"""From any kind of video to poses, frame by frame."""
import json

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS

from mmpose_tdmi.apis import VideoPoseInferencer, open_frames
from mmpose_tdmi.video import TrackedBox


@pytest.fixture(scope='module')
def inferencer(saved_pose_model):
    return VideoPoseInferencer(*saved_pose_model, device='cpu')


@pytest.fixture(scope='module')
def detecting(saved_pose_model, saved_detector):
    return VideoPoseInferencer(
        *saved_pose_model,
        device='cpu',
        det_model=saved_detector.config,
        det_weights=saved_detector.checkpoint)


def walker(num_frames=7):
    """One tracked person who walks along with the clip's block."""
    return [[TrackedBox(4, (5. + 8 * i, 15., 45. + 8 * i, 85.), .9)]
            for i in range(num_frames)]


def keypoints(results):
    """All keypoints in order, (persons, K, 2)."""
    return np.array([p.keypoints for r in results for p in r.poses.persons])


def test_frames_in_order_with_their_persons(inferencer, clip, box_file):
    results = list(inferencer(clip.folder, boxes=box_file))
    assert [result.index for result in results] == list(range(7))
    assert [len(r.poses.persons) for r in results] == [1, 0, 2, 0, 2, 2, 1]
    for i, result in enumerate(results):
        assert result.video == '000007_toy'
        assert result.file_name == f'{i:06d}.png'
        assert result.visualization is None
        np.testing.assert_array_equal(result.image, clip.frames[i])
        for person in result.poses.persons:
            assert person.keypoints.shape == (17, 2)
            assert person.box.source == 'given'
            # random weights: but a pose is near its box, not elsewhere
            x1, y1, x2, y2 = person.box.bbox
            assert (person.keypoints > [x1 - 60, y1 - 60]).all()
            assert (person.keypoints < [x2 + 60, y2 + 60]).all()
    summary = inferencer.summary
    assert (summary.num_frames, summary.num_persons) == (7, 8)
    assert (summary.num_skipped, summary.outputs) == (0, [])


def test_batch_normalisations_are_folded(inferencer, saved_pose_model, clip):
    """Heatmaps as with them, up to rounding."""
    plain = VideoPoseInferencer(
        *saved_pose_model, device='cpu', fold_batch_norm=False)

    def norms(model):
        return sum(
            isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())

    assert norms(plain.model) > 10 > norms(inferencer.model)
    found, expected = (
        np.stack([
            person.heatmaps
            for r in model(clip.folder, boxes=walker(), draw_heatmap=True)
            for person in r.poses.persons
        ]) for model in (inferencer, plain))
    np.testing.assert_allclose(
        found, expected, atol=1e-4 * np.abs(expected).max())


def test_predictions_are_in_the_hosts_form(inferencer, clip):
    result = next(inferencer(clip.folder, boxes=walker()))
    (person, ) = result.predictions
    json.dumps(person)
    assert np.shape(person['keypoints']) == (17, 2)
    assert np.shape(person['keypoint_scores']) == (17, )
    assert person['bbox'] == ([5., 15., 45., 85.], )
    assert (person['bbox_score'], person['track_id']) == (.9, 4)
    assert person['bbox_source'] == 'given'


def test_naive_is_what_a_test_on_the_dataset_gives(inferencer, clip, boxes,
                                                   box_file, tmp_path):
    """Window, padding and pipeline are those of a test on the same boxes."""
    model = inferencer.model
    ann = dict(
        images=[
            dict(
                id=50 + i,
                file_name=f'{clip.folder.name}/{i:06d}.png',
                width=128,
                height=96) for i in range(7)
        ],
        annotations=[],
        categories=[dict(id=1, name='person')])
    ann_file, det_file = tmp_path / 'ann.json', tmp_path / 'det.json'
    ann_file.write_text(json.dumps(ann))
    det_file.write_text(
        json.dumps([dict(b, image_id=b['image_id'] + 50) for b in boxes]))
    config = model.cfg.test_dataloader.dataset.copy()
    config.update(
        data_root=f'{clip.folder.parent}/',
        ann_file=str(ann_file),
        bbox_file=str(det_file))
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        dataset = DATASETS.build(config)
        batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
        expected = np.concatenate(
            [s.pred_instances.keypoints for s in model.test_step(batch)])
    got = keypoints(inferencer(clip.folder, boxes=box_file, mode='naive'))
    assert expected.shape == got.shape == (8, 17, 2)
    np.testing.assert_allclose(got, expected, atol=1e-2)


def test_all_kinds_of_input_agree(inferencer, clip):

    def run(inputs):
        return keypoints(inferencer(inputs, boxes={3: walker()[3]}))

    expected = run(clip.folder)
    assert expected.shape == (1, 17, 2)
    for inputs in (str(clip.folder / '*.png'), sorted(clip.folder.iterdir()),
                   list(clip.frames), clip.frames, iter(clip.frames)):
        np.testing.assert_allclose(run(inputs), expected, atol=1e-3)
    # the video's chroma is halved, random weights amplify it somewhat
    assert np.median(np.abs(run(clip.video) - expected)) < 3


def test_detector_and_tracker(detecting, clip):
    asked = []
    detector = detecting.detector
    detecting.detector = lambda *args: asked.append(args[1:]) or detector(*args
                                                                          )
    try:
        results = list(
            detecting(clip.folder, bbox_thr=0., nms_thr=.3, det_interval=3))
    finally:
        detecting.detector = detector
    assert asked == [(0., .3)]  # frames 0, 3 and 6 at once
    sources = [{p.box.source for p in r.poses.persons} for r in results]
    assert sources[0] == sources[3] == sources[6] == {'detected'}
    assert all(found <= {'carried'} for found in sources[1:3])
    # ids go on from the frame before
    ids = [{p.box.track_id for p in r.poses.persons} for r in results]
    assert ids[1] <= ids[0] and ids[1] & ids[3]


def test_batched_detection_changes_nothing(detecting, clip):
    sizes = []
    detector = detecting.detector
    detecting.detector = lambda images, *args: sizes.append(len(
        images)) or detector(images, *args)

    def place(person):
        return np.round(person.box.bbox).tolist()

    def run(**kwargs):
        sizes.clear()
        return [
            p
            for r in detecting(clip.folder, bbox_thr=0., nms_thr=.3, **kwargs)
            for p in sorted(r.poses.persons, key=place)
        ], list(sizes)

    try:
        expected, one_by_one = run(det_batch_size=1)
        found, batches = run()
    finally:
        detecting.detector = detector
    assert one_by_one == [1] * 7
    assert batches == [4, 3] and len(found) == len(expected) > 7
    # a batch is rounded otherwise than single frames, so that boxes of one
    # score may change places, and with them the ids that they get
    ids = {}
    for one, other in zip(expected, found):
        assert ids.setdefault(one.box.track_id,
                              other.box.track_id) == other.box.track_id
        np.testing.assert_allclose(one.box.bbox, other.box.bbox, atol=1e-3)
        # of random weights' flat heatmaps one may have another highest cell
        apart = np.abs(one.keypoints - other.keypoints).max(axis=1)
        assert np.sort(apart)[-2] < .05
    with pytest.raises(ValueError, match='det_batch_size must be at least 1'):
        next(detecting(clip.folder, det_batch_size=0))


def test_the_whole_image_as_a_box(saved_pose_model, clip):
    inferencer = VideoPoseInferencer(
        *saved_pose_model, device='cpu', det_model='whole_image')
    for interval in (1, 3):
        for result in inferencer(clip.folder, det_interval=interval):
            box, = [person.box for person in result.poses.persons]
            assert box.bbox == (0, 0, 128, 96)


def test_lazy_and_bounded(inferencer, clip):
    """Frames are taken as they are needed, and none is kept."""
    taken = []

    def camera():
        for i in range(10**9):
            taken.append(i)
            yield clip.frames[i % 7]

    results = inferencer(
        camera(),
        boxes=lambda index, frame: [] if index % 6 else walker()[0],
        mode='naive',
        batch_size=1)
    assert taken == []
    for i in range(30):
        assert next(results).index == i
        # the window's two frames to come, the queue, one on either side
        assert len(taken) <= i + 3 + 8 + 2
    results.close()


def test_smoothing_keeps_frames_and_changes_keypoints(inferencer, clip):
    raw = keypoints(inferencer(clip.folder, boxes=walker()))
    results = list(inferencer(clip.folder, boxes=walker(), smoothing='savgol'))
    assert [r.index for r in results] == list(range(7))
    smooth = keypoints(results)
    assert np.abs(np.diff(smooth, n=2,
                          axis=0)).mean() < np.abs(np.diff(raw, n=2,
                                                           axis=0)).mean()
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result.image, clip.frames[i])
        assert result.file_name == f'{i:06d}.png'


@pytest.mark.parametrize('tracker', ['oks', 'motion', 'none'])
def test_trackers(inferencer, clip, boxes, tracker):
    results = list(
        inferencer(
            clip.folder,
            boxes=lambda i, _: np.array(
                [[5. + 8 * i, 15., 45. + 8 * i, 85., .9]]),
            tracker=tracker))
    ids = [r.poses.persons[0].box.track_id for r in results]
    assert len(set(ids)) == (7 if tracker == 'none' else 1)


def test_outputs(inferencer, clip, tmp_path):
    (summary, ) = inferencer.run(
        clip.video,
        boxes=walker(),
        out_dir=tmp_path,
        kpt_thr=0.,
        formats=('json', 'csv'))
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob('*.*'))
    assert names == [
        'predictions/000007_toy.csv', 'predictions/000007_toy.json',
        'visualizations/000007_toy.mp4'
    ]
    assert sorted(summary.outputs) == [str(tmp_path / n) for n in names]
    content = json.loads(
        (tmp_path / 'predictions/000007_toy.json').read_text())
    assert [frame['frame'] for frame in content['frames']] == list(range(7))
    meta = content['meta']
    assert (meta['width'], meta['height'], meta['fps']) == (128, 96, 12.5)
    assert meta['boxes'] == dict(given='list')
    assert meta['settings']['tracker'] == 'iou'
    assert meta['frame_offsets'] == [-2, -1, 0, 1, 2]
    drawn = open_frames(tmp_path / 'visualizations/000007_toy.mp4')
    assert (len(drawn), drawn.fps, drawn.size) == (7, 12.5, (128, 96))


@pytest.mark.parametrize('is_written', [False, True])
def test_drawn_frames(inferencer, clip, tmp_path, is_written):
    results = list(
        inferencer(
            clip.folder,
            boxes=walker(),
            return_vis=True,
            kpt_thr=0.,
            vis_out_dir=tmp_path if is_written else None))
    for result in results:
        assert result.visualization.shape == (96, 128, 3)
        difference = np.abs(result.visualization.astype(int) - result.image)
        assert difference.max() > 120


def test_several_videos(inferencer, clip, tmp_path):
    boxes = [[5., 15., 45., 85.]]
    results = list(
        inferencer([clip.folder, list(clip.frames[:2])],
                   boxes=lambda i, _: boxes,
                   pred_out_dir=tmp_path))
    assert [r.video for r in results] == ['000007_toy'] * 7 + ['frames'] * 2
    assert [r.index for r in results] == [*range(7), 0, 1]
    assert sorted(p.name for p in tmp_path.glob('*.json')) == [
        '000007_toy.json', 'frames.json'
    ]
    summaries = inferencer.run([list(clip.frames[:2]), clip.folder],
                               boxes=lambda i, _: boxes)
    assert [s.num_frames for s in summaries] == [2, 7]
    with pytest.raises(ValueError, match="several .* called '000007_toy'"):
        inferencer.run([clip.folder, clip.video], boxes=lambda i, _: boxes)
    with pytest.raises(ValueError, match='boxes of one video .* 2 videos'):
        inferencer([clip.folder, clip.video], boxes=walker())
    with pytest.raises(ValueError, match="name='a' was given for 2 videos"):
        inferencer(['a', 'b'], boxes=lambda i, _: boxes, name='a')


def test_nobody_is_a_valid_result(inferencer, clip, tmp_path):
    results = list(
        inferencer(clip.video, boxes={}, out_dir=tmp_path, report=True))
    assert [r.predictions for r in results] == [[]] * 7
    assert len(inferencer.summary.outputs) == 3


def test_online(inferencer, clip):
    with pytest.raises(ValueError, match='cannot see frames to come'):
        next(inferencer(clip.folder, boxes=walker(), mode='online'))


def test_progress_bar(saved_pose_model, clip, capsys):
    inferencer = VideoPoseInferencer(
        *saved_pose_model, device='cpu', show_progress=True)
    inferencer.run(clip.folder, boxes={})
    assert '7/7' in capsys.readouterr().err


def as_arrays(rows):
    return np.array(rows, float)


def as_tracked(rows):
    return [
        TrackedBox(10 + i, tuple(row[:4]), row[4])
        for i, row in enumerate(rows)
    ]


#: Areas 600, 2400, 1500; the last one's centre is at (100, 45).
THREE = [[10, 10, 30, 40, .9], [20, 20, 60, 80, .5], [75, 30, 125, 60, .7]]


@pytest.mark.parametrize('form', [as_arrays, as_tracked])
@pytest.mark.parametrize('chosen, expected',
                         [(dict(), [0, 1, 2]), (dict(max_people=2), [1, 2]),
                          (dict(max_people=9), [0, 1, 2]),
                          (dict(roi=(0, 0, 90, 96)), [0, 1]),
                          (dict(roi=(100, 45, 128, 96)), [2]),
                          (dict(roi=(60, 70, 70, 80)), []),
                          (dict(roi=(0, 0, 90, 96), max_people=1), [1])])
def test_who_is_wanted(inferencer, clip, form, chosen, expected):
    """Whatever the boxes come as, also between detections."""
    boxes = {i: form(THREE) for i in range(7)}
    wanted = [tuple(THREE[i][:4]) for i in expected]
    for result in inferencer(clip.folder, boxes=boxes, **chosen):
        found = [person.box.bbox for person in result.poses.persons]
        assert sorted(found) == sorted(wanted)


def test_who_is_wanted_of_those_detected(saved_pose_model, saved_detector,
                                         clip, tmp_path):
    inferencer = VideoPoseInferencer(
        *saved_pose_model,
        device='cpu',
        det_model=saved_detector.config,
        det_weights=saved_detector.checkpoint)
    kwargs = dict(bbox_thr=0., det_interval=3)
    everybody = [
        len(r.poses.persons) for r in inferencer(clip.folder, **kwargs)
    ]
    kwargs.update(max_people=2, roi=[0, 0, 64, 96])
    few = [
        r.poses.persons
        for r in inferencer(clip.folder, pred_out_dir=tmp_path, **kwargs)
    ]
    assert min(everybody) > 2 and {len(persons) for persons in few} == {2}
    assert all(person.box.bbox[0] + person.box.bbox[2] <= 128
               for persons in few for person in persons)
    meta = json.loads(next(tmp_path.glob('*.json')).read_text())['meta']
    assert meta['settings']['max_people'] == 2
    assert meta['settings']['roi'] == [0, 0, 64, 96]


def test_nobody_can_be_wanted(inferencer, clip):
    for bad in (dict(max_people=0), dict(roi=(5, 0, 5, 9)), dict(roi=(1, 2))):
        with pytest.raises(ValueError, match=f'{next(iter(bad))} must be'):
            inferencer(clip.folder, boxes={}, **bad)


def test_bad_arguments(inferencer, saved_pose_model, saved_detector, clip):
    with pytest.raises(TypeError, match="'threshold'"):
        inferencer(clip.folder, boxes=[], threshold=.3)
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        next(inferencer(clip.folder, boxes=[], batch_size=0))
    with pytest.raises(ValueError, match='det_weights of .* are needed'):
        VideoPoseInferencer(*saved_pose_model, det_model=saved_detector.config)
    with pytest.raises(FileNotFoundError, match='config no.py does not'):
        VideoPoseInferencer('no.py', saved_pose_model.checkpoint)
    with pytest.raises(FileNotFoundError, match='checkpoint no.pth does not'):
        VideoPoseInferencer(saved_pose_model.config, 'no.pth')


def refill(frames):
    """Each frame in one array, as ``cv2.VideoCapture.read(image)`` does."""
    buffer = np.empty_like(frames[0])
    for frame in frames:
        buffer[:] = frame
        yield buffer


def test_a_function_that_paints_changes_no_pose(inferencer, clip):
    box = [[5., 15., 45., 85.]]

    def paint(_, image):
        image[:] = 255
        return box

    expected = keypoints(inferencer(list(clip.frames), boxes=lambda *_: box))
    found = keypoints(inferencer(list(clip.frames), boxes=paint))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    'source', [
        lambda clip: refill(clip.frames),
        lambda clip: list(clip.frames.copy()), lambda clip: clip.frames.copy(),
        lambda clip: clip.folder
    ],
    ids=['refilled', 'list', 'array', 'folder'])
def test_neither_refilling_nor_painting_changes_a_pose(inferencer, clip,
                                                       source):
    expected = keypoints(inferencer(list(clip.frames), boxes=walker()))
    given = source(clip)
    found = []
    for result in inferencer(given, boxes=walker()):
        np.testing.assert_array_equal(result.image, clip.frames[result.index])
        result.image[:] = 255
        found.append(result)
    np.testing.assert_array_equal(keypoints(found), expected)
    if isinstance(given, (list, np.ndarray)):  # nor the caller's own frames
        np.testing.assert_array_equal(given, clip.frames)
