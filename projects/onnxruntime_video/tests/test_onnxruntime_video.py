"""projects/onnxruntime_video/onnxruntime_video.py against this package's streaming engine."""
import json
import subprocess
import sys

import cv2
import numpy as np
import onnx
import pytest
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from mmpose_tdmi.video import CropPolicy, StreamingPoseEstimator

SIZES = dict(input_size=(64, 96), heatmap_size=(16, 24))


@pytest.fixture(scope='module')
def folder(exported):
    return exported('tdmi', 'frame', 'window', 'clip')['window'].parent


def expected_poses(model, video):
    # the example's rule
    policy = CropPolicy(0.05, 1.1, lookahead=0, renewal='recompute')
    estimator = StreamingPoseEstimator(model, 'offline', crop_policy=policy)
    return [{
        p.box.track_id: p
        for p in poses.persons
    } for poses, _ in estimator.iterate_poses(video)], estimator.stats


@pytest.mark.parametrize('padding', ['clamp', 'key_frame', 'released'])
@pytest.mark.parametrize('flip_test', [True, False])
def test_poses_are_the_engines(models, folder, example, video, padding,
                               flip_test, monkeypatch):
    model = models('tdmi')
    dataset = model.cfg.test_dataloader.dataset
    monkeypatch.setitem(dataset, 'padding', padding)
    monkeypatch.setitem(model.test_cfg, 'flip_test', flip_test)
    expected, stats = expected_poses(model, video)

    graphs = example.Graphs(folder, batch_size=3, threads=1)
    graphs.meta.update(padding=padding, flip_test=flip_test)
    streaming = example.StreamingPoses(graphs)
    found = []
    for frame in video:
        boxes = {box.track_id: box.bbox for box in frame.persons}
        found += streaming.add(frame.image, boxes)
        # as late as the window needs it, and no later
        assert len(found) == max(0, frame.index - 1)
    found += streaming.end()

    assert [index for index, _, _ in found] == list(range(len(video)))
    assert streaming.passes == stats.backbone_passes < 5 * stats.person_frames
    distances = []
    for (index, image, poses), persons in zip(found, expected):
        assert image is video[index].image
        assert set(poses) == set(persons)
        for track, (keypoints, scores) in poses.items():
            distances += list(
                np.linalg.norm(keypoints - persons[track].keypoints, axis=1))
            np.testing.assert_allclose(
                scores, persons[track].scores, atol=1e-3)
    assert len(distances) == 17 * stats.person_frames
    # pixels of a frame of 128 x 96
    assert np.max(distances) < 0.01


@pytest.mark.parametrize('codec, meta', [
    (UDPHeatmap(sigma=2., **SIZES), dict(type='UDPHeatmap')),
    (MSRAHeatmap(sigma=2., unbiased=True, **
                 SIZES), dict(type='MSRAHeatmap', unbiased=True)),
    (MSRAHeatmap(sigma=2., **SIZES), dict(type='MSRAHeatmap', unbiased=False)),
])
def test_decoding_is_the_hosts(example, codec, meta):
    generator = np.random.default_rng(0)
    # peaks inside, at the border, in the corner, and one that is none
    keypoints = generator.uniform([0, 0], [63, 95], (1, 40, 2))
    keypoints[0, :3] = [(0, 0), (63, 40), (20, 95)]
    heatmaps = codec.encode(keypoints, np.ones((1, 40)))['heatmaps']
    heatmaps = heatmaps + generator.uniform(0, 0.05, heatmaps.shape)
    heatmaps = heatmaps.astype(np.float32)
    if meta['type'] == 'MSRAHeatmap':
        heatmaps[3] = -1
    expected, scores = codec.decode(heatmaps)

    crop = np.array([100., 50.]), np.array([64., 96.])
    meta = dict(codec=dict(blur_kernel_size=11, **meta), max_score=None)
    found, found_scores = example.decode(heatmaps, crop, meta)
    np.testing.assert_allclose(
        found - crop[0] + crop[1] / 2, expected[0], atol=2e-3)
    np.testing.assert_allclose(found_scores, scores[0], atol=1e-6)


@pytest.mark.parametrize('use_udp', [True, False])
@pytest.mark.parametrize('box', [(20, 10, 60, 90), (30, 40, 120, 60)])
def test_crops_are_the_hosts(example, video, use_udp, box):
    meta = dict(input_size=(64, 96), bbox_padding=1.2, use_udp=use_udp)
    crop = example.wanted_crop(box, meta)
    sample = dict(img=video[0].image, bbox=np.array([box], np.float32))
    sample = GetBBoxCenterScale(padding=1.2).transform(sample)
    sample = TopdownAffine((64, 96), use_udp=use_udp).transform(sample)
    np.testing.assert_allclose(crop[1], sample['bbox_scale'][0], rtol=1e-5)
    difference = np.abs(
        example.cut_out(video[0].image, crop, meta).astype(int) -
        sample['img'])
    assert difference.max() <= 8 and difference.mean() < 0.05


def test_runs_without_openmmlab(repository, folder, video, tmp_path):
    source = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(
        str(source), cv2.VideoWriter_fourcc(*'MJPG'), 12, (128, 96))
    boxes = []
    for frame in video:
        writer.write(frame.image)
        for box in frame.persons:
            x1, y1, x2, y2 = box.bbox
            boxes.append({
                'image_id': frame.index,
                'bbox': [x1, y1, x2 - x1, y2 - y1],
                'track_id': box.track_id
            })
    writer.release()
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    code = ('import runpy, sys; sys.argv = sys.argv[1:]; '
            'runpy.run_path(sys.argv[0], run_name="__main__"); '
            'print(sorted({"torch", "mmcv", "mmengine", "mmpose", '
            '"mmpose_tdmi"} & {m.split(".")[0] for m in sys.modules}))')
    done = subprocess.run([
        sys.executable, '-c', code,
        str(repository / 'examples' / 'onnxruntime_video.py'),
        str(source), '--graphs', folder, '--boxes', tmp_path / 'boxes.json',
        '--out-video', tmp_path / 'out.mp4', '--out-json',
        tmp_path / 'out.json', '--kpt-thr', '0', '--threads', '1'
    ],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '[]'
    assert '18 poses in 12 frames' in done.stdout
    content = json.loads((tmp_path / 'out.json').read_text())
    assert len(content['keypoint_names']) == 17
    tracks = [[p['track_id'] for p in f['persons']] for f in content['frames']]
    assert tracks == [[b.track_id for b in f.persons] for f in video]

    drawn = cv2.VideoCapture(str(tmp_path / 'out.mp4'))
    counts = 0
    while True:
        is_good, image = drawn.read()
        if not is_good:
            break
        difference = np.abs(image.astype(int) - video[counts].image)
        assert difference.max() > 60
        counts += 1
    assert counts == 12
    assert not list(tmp_path.glob('.partial*'))


def test_boxes_of_other_frames(example, folder, tmp_path):
    source = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(
        str(source), cv2.VideoWriter_fourcc(*'MJPG'), 12, (128, 96))
    for _ in range(3):
        writer.write(np.zeros((96, 128, 3), np.uint8))
    writer.release()
    boxes = tmp_path / 'boxes.json'
    # ids of a data set in place of frame indices
    boxes.write_text(
        json.dumps([{
            'image_id': 95000000003,
            'bbox': [1, 2, 30, 40]
        }]))
    out = tmp_path / 'out.mp4'
    arguments = [source, '--graphs', folder, '--boxes', boxes]
    arguments += ['--out-video', out]
    with pytest.raises(ValueError, match='below 3 .*95000000003'):
        example.run(example.parse_args([str(a) for a in arguments]))
    assert not out.exists() and not list(tmp_path.glob('.partial*'))


def test_bad_input(example, folder, exported, tmp_path):
    with pytest.raises(FileNotFoundError, match='frame.onnx'):
        example.Graphs(tmp_path)
    (tmp_path / 'frame.onnx').write_bytes((folder / 'frame.onnx').read_bytes())
    other = exported('dcpose', 'window', deform_conv='operator')['window']
    (tmp_path / 'window.onnx').write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match='different weights'):
        example.Graphs(tmp_path)
    # graphs of one model for inputs of other sizes, say
    proto = onnx.load(tmp_path / 'window.onnx')
    own = onnx.load(tmp_path / 'frame.onnx')
    del proto.metadata_props[:]
    proto.metadata_props.extend(own.metadata_props)
    onnx.save(proto, tmp_path / 'window.onnx')
    with pytest.raises(ValueError, match='gives maps of the shapes .*takes'):
        example.Graphs(tmp_path)
    boxes = tmp_path / 'boxes.json'
    entry = {'image_id': 2, 'bbox': [1, 2, 3, 4]}
    boxes.write_text(json.dumps([entry, entry]))
    with pytest.raises(ValueError, match='frame 2 has several boxes'):
        example.read_boxes(boxes)
    boxes.write_text(json.dumps([{**entry, 'bbox': [1, 2, 0, 4]}]))
    with pytest.raises(ValueError, match='with an area'):
        example.read_boxes(boxes)
    with pytest.raises(ValueError, match='is no video'):
        example.read_frames(boxes.with_name('none.mp4'))
