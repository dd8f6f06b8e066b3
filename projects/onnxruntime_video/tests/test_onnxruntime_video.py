"""The example against the package: crops, decoding, poses, and alone."""
import json
import subprocess
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from mmpose_tdmi.apis import VideoPoseInferencer
from mmpose_tdmi.video import CropPolicy, StreamingPoseEstimator, streaming

SIZES = dict(input_size=(64, 96), heatmap_size=(16, 24))


def assert_same_poses(found, expected):
    """``found`` as the example has it, ``expected`` frames."""
    # pixels, of a frame of 128 x 96, and scores; OpenCV 5 warps otherwise
    # where the last digits of a matrix differ
    limit, atol = (.01, 1e-3) if cv2.__version__ < '5' else (.5, 5e-3)
    distances = []
    assert len(found) == len(expected)
    for (index, _, poses), frame in zip(found, expected):
        assert index == frame.index
        persons = {p.box.track_id: p for p in frame.persons}
        assert set(poses) == set(persons)
        for track, (keypoints, scores) in poses.items():
            distances += list(
                np.linalg.norm(keypoints - persons[track].keypoints, axis=1))
            np.testing.assert_allclose(
                scores, persons[track].scores, atol=atol)
    assert len(distances) == 17 * 18 and np.max(distances) < limit


@pytest.mark.parametrize('padding', ['clamp', 'key_frame', 'released'])
@pytest.mark.parametrize('flip_test', [True, False])
def test_poses_are_the_engines(models, folder, example, video, padding,
                               flip_test, monkeypatch):
    model = models('small')
    dataset = model.cfg.test_dataloader.dataset
    monkeypatch.setitem(dataset, 'padding', padding)
    monkeypatch.setitem(model.test_cfg, 'flip_test', flip_test)
    for module in (streaming, example):
        monkeypatch.setattr(module, 'RENEWAL', 7)
    estimator = StreamingPoseEstimator(model)
    expected = list(estimator.iterate_poses(video))

    graphs = example.Graphs(folder, batch_size=3, threads=1)
    graphs.meta.update(padding=padding, flip_test=flip_test)
    run = example.StreamingPoses(graphs)
    found = []
    for frame in video:
        boxes = {box.track_id: box.bbox for box in frame.persons}
        found += run.add(frame.image, boxes)
        # as late as the window needs it, and no later
        assert len(found) == max(0, frame.index - 1)
    found += run.end()
    assert [f[1] is frame.image
            for f, frame in zip(found, video)] == [True] * 12
    # crops are renewed at frames that windows share
    assert estimator.stats.crops > 10
    assert run.passes == estimator.stats.backbone_passes
    assert_same_poses(found, expected)


def test_the_crop_rule_is_the_packages(example):
    policy = CropPolicy()
    assert (example.MAX_SHIFT, example.MAX_SCALE,
            example.RENEWAL) == (policy.max_shift, policy.max_scale,
                                 streaming.RENEWAL)


def test_poses_are_the_inferencers(models, folder, example, video, clip, boxes,
                                   tmp_path):
    """The same video and the same boxes, as files."""
    model = models('small')
    model.cfg.dump(tmp_path / 'small.py')
    torch.save(
        dict(state_dict=model.state_dict(), meta={}), tmp_path / 'small.pth')
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    images = list(example.read_frames(clip)[0])
    inferencer = VideoPoseInferencer(
        tmp_path / 'small.py', tmp_path / 'small.pth', device='cpu')
    expected = [
        result.poses
        for result in inferencer(images, boxes=tmp_path / 'boxes.json')
    ]

    streaming = example.StreamingPoses(example.Graphs(folder, threads=1))
    by_frame = example.read_boxes(tmp_path / 'boxes.json')
    found = []
    for index, image in enumerate(images):
        found += streaming.add(image, by_frame[index])
    found += streaming.end()
    assert_same_poses(found, expected)


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


def test_runs_without_openmmlab(script, folder, video, clip, boxes, tmp_path):
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    code = ('import runpy, sys; sys.argv = sys.argv[1:]; '
            'runpy.run_path(sys.argv[0], run_name="__main__"); '
            'print(sorted({"torch", "mmcv", "mmengine", "mmpose", '
            '"mmpose_tdmi"} & {m.split(".")[0] for m in sys.modules}))')
    done = subprocess.run([
        sys.executable, '-c', code,
        str(script),
        str(clip), '--graphs', folder, '--boxes', tmp_path / 'boxes.json',
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


def test_boxes_of_other_frames(example, folder, clip, tmp_path):
    boxes = tmp_path / 'boxes.json'
    # ids of a data set in place of frame indices
    boxes.write_text(
        json.dumps([dict(image_id=95000000003, bbox=[1, 2, 30, 40])]))
    out = tmp_path / 'out.mp4'
    arguments = [clip, '--graphs', folder, '--boxes', boxes]
    arguments += ['--out-video', out]
    with pytest.raises(ValueError, match='below 12 .*95000000003'):
        example.run(example.parse_args([str(a) for a in arguments]))
    assert not out.exists() and not list(tmp_path.glob('.partial*'))


def test_bad_input(example, folder, tmp_path):
    with pytest.raises(FileNotFoundError, match='frame.onnx'):
        example.Graphs(tmp_path)
    frame, window = (
        onnx.load(folder / f'{name}.onnx') for name in ('frame', 'window'))
    weights = next(p for p in window.metadata_props if p.key == 'weights')
    own, weights.value = weights.value, '"0"'
    onnx.save(frame, tmp_path / 'frame.onnx')
    onnx.save(window, tmp_path / 'window.onnx')
    with pytest.raises(ValueError, match='different weights'):
        example.Graphs(tmp_path)
    # graphs of one model for inputs of other sizes, say
    weights.value = own
    window.graph.input[0].type.tensor_type.shape.dim[2].dim_param = 'any'
    onnx.save(window, tmp_path / 'window.onnx')
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
