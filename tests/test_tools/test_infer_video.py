"""tools/infer_video.py, with untrained models."""
import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mmpose_tdmi.apis import models, open_frames, open_video
from mmpose_tdmi.apis.models import IndexedModel
from mmpose_tdmi.utils.video import VideoWriter


@pytest.fixture
def infer(run_tool, saved_pose_model, tmp_path):
    """``infer(input, ...)`` runs the tool and returns the json's content."""

    def run(source, *arguments, name='result', files=saved_pose_model):
        run_tool('infer_video', source, *files, '--out-dir', tmp_path / 'out',
                 '--name', name, '--device', 'cpu', *arguments)
        return json.loads((tmp_path / 'out' / f'{name}.json').read_text())

    return run


def test_video_with_boxes(infer, clip, box_file, tmp_path):
    result = infer(clip.video, '--boxes', box_file, '--kpt-thr', 0,
                   '--batch-size', 3)
    assert [f['frame'] for f in result['frames']] == list(range(7))
    persons = [f['persons'] for f in result['frames']]
    assert [len(p) for p in persons] == [1, 0, 2, 0, 2, 2, 1]
    assert [p['track_id'] for p in persons[2]] == [0, 1]
    assert persons[0][0]['bbox'] == [5., 15., 40., 70.]
    assert np.shape(persons[0][0]['keypoints']) == (17, 2)
    assert np.shape(persons[0][0]['keypoint_scores']) == (17, )
    source = result['meta']['boxes']
    assert len(source.pop('sha256')) == 64
    assert source == dict(file=str(box_file), ann_file=None, score_thr=0.3)

    drawn = open_frames(tmp_path / 'out' / 'result.mp4')
    assert (len(drawn), drawn.fps, drawn.size) == (7, 12.5, (128, 96))
    for index, frame in drawn:
        difference = np.abs(frame.astype(int) - clip.frames[index])
        # a box's outline is there where people are, else at most a trail
        if persons[index]:
            assert difference.max() > 120


@pytest.mark.parametrize('rate', [Fraction(1, 3600), Fraction(2000)])
def test_any_rate_and_shape_of_pixels(infer, clip, box_file, tmp_path, rate):
    """The drawn video is shown as its input is."""
    aspect, path = Fraction(16, 15), tmp_path / 'a.mp4'
    with VideoWriter(path, rate, pixel_aspect=aspect) as writer:
        for frame in clip.frames:
            writer.write(frame)
    result = infer(path, '--boxes', box_file)
    assert result['meta']['pixel_aspect'] == pytest.approx(16 / 15)
    assert result['meta']['fps'] == pytest.approx(float(rate))
    drawn = open_video(tmp_path / 'out' / 'result.mp4')
    assert (drawn.fps, drawn.pixel_aspect) == (rate, aspect)
    assert (drawn.size, len(list(drawn))) == ((128, 96), 7)


def test_names_of_other_bytes(infer, clip, box_file, tmp_path):
    """Latin-1 in the names of a folder and of its frames, in every form."""
    folder = tmp_path / os.fsdecode(b'sc\xe9ne')
    folder.mkdir()
    for path in clip.folder.iterdir():
        shutil.copy(path, folder / os.fsdecode(b'\xe9_' + path.name.encode()))
    result = infer(folder, '--boxes', box_file, '--report', '--formats',
                   'json', 'csv', 'posetrack', 'coco')
    assert result['meta']['input'] == str(folder)
    assert [frame['file_name'] for frame in result['frames']
            ] == sorted(path.name for path in folder.iterdir())
    assert len(list((tmp_path / 'out').rglob('result*'))) == 6


def test_folder_and_video_agree(infer, clip, box_file):

    def keypoints(source, name):
        result = infer(source, '--boxes', box_file, '--no-video', name=name)
        return np.array(
            [p['keypoints'] for f in result['frames'] for p in f['persons']])

    # the video's chroma is halved, random weights amplify it somewhat
    a, b = keypoints(clip.folder, 'a'), keypoints(clip.video, 'b')
    assert a.shape == b.shape == (8, 17, 2)
    assert np.median(np.abs(a - b)) < 3


def test_box_threshold_and_track_ids(infer, clip, boxes, tmp_path):
    path = tmp_path / 'tracked.json'
    path.write_text(
        json.dumps([dict(b, track_id=30 + i) for i, b in enumerate(boxes)]))
    result = infer(clip.folder, '--boxes', path, '--bbox-thr', 0.85,
                   '--no-video')
    persons = [f['persons'] for f in result['frames']]
    assert [[p['track_id'] for p in ps] for ps in persons] == [[30], [], [31],
                                                               [], [33], [35],
                                                               [37]]


def test_annotation_file(infer, clip, box_file, tmp_path):
    ann_file = tmp_path / 'ann.json'
    images = [
        dict(id=i, file_name=f'images/000007_toy/{6 - i:06d}.png')
        for i in range(7)
    ]
    ann_file.write_text(json.dumps(dict(images=images)))
    result = infer(clip.folder, '--boxes', box_file, '--ann-file', ann_file,
                   '--no-video')
    assert [len(f['persons'])
            for f in result['frames']] == [1, 2, 2, 0, 2, 0, 1]
    assert result['frames'][0]['file_name'] == '000000.png'


def test_detector(infer, clip, saved_detector):
    result = infer(clip.folder, '--det-config', saved_detector.config,
                   '--det-checkpoint', saved_detector.checkpoint, '--bbox-thr',
                   0., '--det-nms-thr', 0.3, '--no-video')
    assert all(f['persons'] for f in result['frames'])
    assert result['meta']['boxes']['det_weights'] == (
        saved_detector.checkpoint)


def test_nobody_is_a_valid_result(infer, clip, tmp_path):
    path = tmp_path / 'none.json'
    path.write_text('[]')
    result = infer(clip.video, '--boxes', path)
    assert [f['persons'] for f in result['frames']] == [[]] * 7
    assert len(open_frames(tmp_path / 'out' / 'result.mp4')) == 7


@pytest.mark.parametrize('arguments', [
    ('--det-checkpoint', 'a.pth'), ('--ann-file', 'a.json'),
    ('--pose', 'vitpose-b'),
    ('--boxes', 'b.json', '--det-config', 'a.py', '--det-checkpoint', 'a.pth')
])
def test_arguments_that_do_not_fit(infer, clip, arguments, capsys):
    with pytest.raises(SystemExit):
        infer(clip.video, *arguments)
    assert 'error: ' in capsys.readouterr().err


def test_detectors_that_are_none(infer, clip, saved_detector):
    with pytest.raises(SystemExit, match='det_weights of .* are needed'):
        infer(clip.video, '--det-config', saved_detector.config)
    with pytest.raises(SystemExit, match='names like it: rtmdet-m'):
        infer(clip.video, '--det', 'rtmdet-mm')


@pytest.fixture
def published(weights_server, saved_pose_model, saved_detector, monkeypatch,
              tmp_path):
    """Small models as MMPose's and MMDetection's own; the working folder is
    empty."""
    pose, detector = (IndexedModel(
        saved.config,
        weights_server.add('v1', stem,
                           Path(saved.checkpoint).read_bytes()))
                      for stem, saved in (('pose', saved_pose_model),
                                          ('detector', saved_detector)))
    index = dict(
        mmpose={
            'human': pose,
            'vitpose-b': pose
        },
        mmdet={
            'human': detector,
            'body': detector,
            'rtmdet-m': detector
        })
    monkeypatch.setattr(models, 'read_index', index.get)
    monkeypatch.chdir(tmp_path)
    return weights_server


def test_the_input_alone(published, run_tool, clip, tmp_path):
    run_tool('infer_video', clip.video, '--device', 'cpu')
    result = tmp_path / 'outputs' / f'{clip.video.stem}.json'
    meta = json.loads(result.read_text())['meta']
    assert meta['config'] == 'human'
    assert meta['boxes']['det_model'] == 'body'
    assert Path(meta['checkpoint']).parent == (
        tmp_path / 'torch' / 'hub' / 'checkpoints')
    assert result.with_suffix('.mp4').is_file()
    # what somebody has changed is not written over
    result.write_text('mine')
    with pytest.raises(SystemExit, match='is not overwritten'):
        run_tool('infer_video', clip.video, '--device', 'cpu')
    assert result.read_text() == 'mine'


def test_names_as_options_and_arguments(published, run_tool, clip, tmp_path,
                                        saved_pose_model, saved_detector):
    runs = dict(
        options=('--pose', 'vitpose-b', '--det', 'rtmdet-m'),
        # options between the arguments
        arguments=('vitpose-b', '--det-config', saved_detector.config,
                   saved_pose_model.checkpoint, '--det-checkpoint',
                   saved_detector.checkpoint))
    frames = []
    for name, arguments in runs.items():
        run_tool('infer_video', clip.video, '--no-video', '--device', 'cpu',
                 '--bbox-thr', 0., '--name', name, *arguments)
        path = tmp_path / 'outputs' / f'{name}.json'
        frames.append(json.loads(path.read_text())['frames'])
    assert frames[0] == frames[1] and any(f['persons'] for f in frames[0])


def test_many_videos_from_addresses(published, run_tool, clip, tmp_path,
                                    saved_pose_model, saved_detector):
    """Downloaded once, not by each process."""
    paths = sorted(published.files, reverse=True)
    pose, detector = (published.address + path for path in paths)
    with pytest.raises(SystemExit) as caught:
        run_tool('infer_videos', clip.video, '--pose', saved_pose_model.config,
                 '--checkpoint', pose, '--det', saved_detector.config,
                 '--det-checkpoint', detector, '--no-video', '--out-dir',
                 'many', '--devices', 'cpu', '--workers', 2)
    assert not caught.value.code
    assert sorted(path for path, _ in published.asked) == sorted(paths)
    found = tmp_path / 'many' / 'predictions' / f'{clip.video.stem}.json'
    assert json.loads(found.read_text())['meta']['checkpoint'].endswith(
        pose.rsplit('/', 1)[1])


def test_boxes_by_name(published, run_tool, clip, tmp_path):
    run_tool('detect_persons', clip.video, '--out', 'boxes.json', '--device',
             'cpu')
    assert json.loads((tmp_path / 'boxes.json').read_text())
    with pytest.raises(SystemExit):
        run_tool('detect_persons', clip.video, 'a.py', '--det', 'rtmdet-m',
                 '--out', 'boxes.json')


def test_outputs_are_told(infer, clip, box_file, tmp_path, capsys):
    infer(clip.video, '--boxes', box_file, '--formats', 'json', 'csv',
          '--report')
    told = capsys.readouterr().out
    assert '8 poses in 7 frames' in told
    for suffix in ('json', 'csv', 'mp4', 'html'):
        path = tmp_path / 'out' / f'result.{suffix}'
        assert path.is_file() and f'written: {path}' in told


def test_options_reach_the_result(infer, clip, box_file):
    result = infer(clip.video, '--boxes', box_file, '--no-video', '--mode',
                   'naive', '--tracker', 'none', '--smoothing', 'one_euro',
                   '--precision', 'bfloat16')
    meta = result['meta']
    assert meta['mode'] == 'naive'
    assert meta['settings']['tracker'] == 'none'
    assert meta['settings']['smoothing'] == 'one_euro'
    assert meta['settings']['precision'] == 'bfloat16'
    with pytest.raises(SystemExit, match='error: .*cannot see frames to come'):
        infer(clip.video, '--boxes', box_file, '--mode', 'online')


def test_bad_input_leaves_nothing_behind(infer, clip, box_file, boxes,
                                         saved_pose_model, tmp_path):
    arguments = '--boxes', box_file
    with pytest.raises(SystemExit, match='no.mp4 does not exist'):
        infer(tmp_path / 'no.mp4', *arguments)
    content = clip.video.read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(content[:len(content) // 2])
    with pytest.raises(SystemExit, match='cut.mp4'):
        infer(tmp_path / 'cut.mp4', *arguments)
    with pytest.raises(SystemExit, match='checkpoint no.pth does not exist'):
        infer(clip.video, *arguments, files=(saved_pose_model[0], 'no.pth'))
    with pytest.raises(SystemExit, match='config no.py does not exist'):
        infer(clip.video, *arguments, files=('no.py', saved_pose_model[1]))
    late = tmp_path / 'late.json'
    late.write_text(json.dumps([dict(boxes[0], image_id=7)]))
    with pytest.raises(SystemExit, match=r'image_id \[7\].* 0 to 6'):
        infer(clip.video, '--boxes', late)
    assert not list((tmp_path / 'out').glob('*'))


def test_street(infer, shared_clips, tmp_path):
    path = tmp_path / 'boxes.json'
    boxes = [[458, 160, 50, 128], [508, 158, 60, 172], [588, 168, 80, 172]]
    path.write_text(
        json.dumps([
            dict(image_id=i, category_id=1, bbox=box, score=.9)
            for i in range(5) for box in boxes
        ]))
    result = infer(shared_clips / 'street' / 'demo.mp4', '--boxes', path)
    assert [len(f['persons']) for f in result['frames']] == [3] * 5
    drawn = open_frames(tmp_path / 'out' / 'result.mp4')
    assert (len(drawn), drawn.size) == (5, (960, 540))


def test_posetrack_frame_with_the_data_sets_ids(infer, shared_clips):
    root = shared_clips / 'posetrack18'
    result = infer(root / 'images/val/003418_mpii_test', '--boxes',
                   root / 'annotations/test_posetrack18_human_detections.json',
                   '--ann-file',
                   root / 'annotations/test_posetrack18_val.json',
                   '--bbox-thr', 0.7)
    (frame, ) = result['frames']
    assert frame['file_name'] == '000000.jpg'
    assert 0 < len(frame['persons']) < 30
