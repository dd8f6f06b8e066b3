"""Going on where an interrupted run was."""
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpose_tdmi.apis import VideoPoseInferencer
from mmpose_tdmi.apis import inferencer as api
from mmpose_tdmi.apis import open_video
from mmpose_tdmi.apis.boxes import FrameFailure
from mmpose_tdmi.apis.inferencer import Resumption
from mmpose_tdmi.apis.settings import ModelSettings
from mmpose_tdmi.video import CropPolicy, TrackedBox, streaming


def record(frame, *boxes, source='detected'):
    persons = [
        dict(bbox=[x, 5., 30., 40.], bbox_score=.5, source=source)
        for x in boxes
    ]
    return dict(frame=frame, persons=persons)


def writer(*records):
    return SimpleNamespace(
        next_index=records[-1]['frame'] + 1 if records else 0,
        stored_frames=lambda: iter(records))


def detect(index, frame):
    return f'detected in {index}'


def test_nothing_to_resume():
    for stored in (None, writer()):
        resumption = Resumption(stored, 2)
        assert (resumption.start, resumption.first) == (0, 0)
        assert resumption.replay(detect)(0, None) == 'detected in 0'


def test_stored_boxes_in_place_of_the_detector():
    # frame 1 did not decode, frame 3 was not detected on
    stored = writer(
        record(0, 1., 50.), record(2), record(3, 7., source='carried'),
        record(4, 9.), record(5), record(6))
    resumption = Resumption(stored, 2)
    assert (resumption.start, resumption.first) == (5, 7)
    replay = resumption.replay(detect)
    np.testing.assert_array_equal(
        replay(0, None), [[1, 5, 31, 45, .5], [50, 5, 80, 45, .5]])
    assert replay(2, None).shape == (0, 5)
    np.testing.assert_array_equal(replay(4, None), [[9, 5, 39, 45, .5]])
    assert replay(5, None) == 'detected in 5'


def test_a_failure_is_repeated():
    replay = Resumption(writer(record(0, 7., source='carried'), record(3)),
                        1).replay(detect)
    with pytest.raises(FrameFailure, match='failed in the run that was'):
        replay(0, None)


def test_all_is_computed_again_where_all_counts():
    resumption = Resumption(writer(record(0), record(5)), -1)
    assert (resumption.start, resumption.first) == (0, 6)
    assert resumption.replay(detect)(0, None) == 'detected in 0'


def test_another_video():
    replay = Resumption(writer(record(0), record(5)), 0).replay(detect)
    with pytest.raises(ValueError, match='frame 3 is not among the stored'):
        replay(3, None)


CALL = dict(mode='naive', bbox_thr=0.)


def interrupt(inferencer, clip, folder, **call):
    """A run that ends after three frames."""
    results = inferencer(clip.folder, pred_out_dir=folder, **CALL, **call)
    for _ in range(3):
        next(results)
    results.close()


def goes_on_with(inferencer, clip, folder, **call):
    """The first frame of a run that may go on with it."""
    results = inferencer(
        clip.folder, pred_out_dir=folder, resume=True, **CALL, **call)
    index = next(results).index
    results.close()
    return index


@pytest.fixture(scope='module')
def inferencer(saved_pose_model):
    return VideoPoseInferencer(*saved_pose_model, device='cpu')


def with_detector(pose, detector):
    return VideoPoseInferencer(
        *pose, device='cpu', det_model=detector[0], det_weights=detector[1])


@pytest.fixture(scope='module')
def interrupted(saved_pose_model, saved_detector, clip, tmp_path_factory):
    """What a run with a detector has left."""
    folder = tmp_path_factory.mktemp('interrupted')
    interrupt(with_detector(saved_pose_model, saved_detector), clip, folder)
    return folder


@pytest.fixture
def go_on(interrupted, saved_pose_model, saved_detector, clip, tmp_path):
    """``go_on(change)``: with copies of the models, which are changed."""

    def run(change):
        shutil.copytree(interrupted, tmp_path / 'out')
        copies = []
        for kind, saved in (('pose', saved_pose_model), ('det',
                                                         saved_detector)):
            copies.append([
                shutil.copy(path, tmp_path / f'{kind}{Path(path).suffix}')
                for path in saved
            ])
        change({path.name: path for path in tmp_path.glob('*.p*')})
        return goes_on_with(with_detector(*copies), clip, tmp_path / 'out')

    return run


@pytest.mark.parametrize('name', ['pose.py', 'pose.pth', 'det.py', 'det.pth'])
def test_another_model_by_the_same_name(go_on, name):
    """What an interrupted run has found is not mixed with its results."""

    def change(files):
        path = files[name]
        if path.suffix == '.py':
            path.write_text(path.read_text() + '\nsomething_else = 1\n')
            return
        content = torch.load(path)
        for value in content['state_dict'].values():
            if value.is_floating_point():
                value += .001
        torch.save(content, path)

    assert go_on(change) == 0


def test_the_same_models_go_on(go_on):
    """In content, whatever else their files are."""

    def touch(files):
        for path in files.values():
            os.utime(path, (1, 1))

    assert go_on(touch) == 3


def test_configs_by_name_count_by_their_content(saved_pose_model, monkeypatch):
    """Their files may change with the package."""
    name = 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64'
    contents = []
    for changes in ({}, dict(something_else=1)):
        config = Config.fromfile(saved_pose_model.config)
        config.merge_from_dict(changes)
        monkeypatch.setattr('mmpose_tdmi.apis.settings.find_config',
                            lambda *_: config)
        contents.append(
            ModelSettings(name, saved_pose_model.checkpoint).contents())
    assert contents[0]['weights'] == contents[1]['weights']
    assert contents[0]['config'] != contents[1]['config']


@pytest.mark.parametrize('kind', ['list', 'mapping', 'array', 'tracked'])
def test_boxes_from_memory_count_by_their_content(inferencer, clip, tmp_path,
                                                  kind):

    def make(width):
        rows = np.array([[[5., 15., 5. + width, 85.]]] * 7)
        if kind == 'mapping':
            return {str(i): boxes for i, boxes in enumerate(rows.tolist())}
        if kind == 'tracked':
            return [[TrackedBox(3, tuple(boxes[0]), 1.)] for boxes in rows]
        return rows if kind == 'array' else rows.tolist()

    interrupt(inferencer, clip, tmp_path, boxes=make(40.))
    assert goes_on_with(inferencer, clip, tmp_path, boxes=make(40.)) == 3
    assert goes_on_with(inferencer, clip, tmp_path, boxes=make(41.)) == 0


def test_a_function_cannot_be_gone_on_with(inferencer, clip, tmp_path):
    with pytest.raises(
            ValueError,
            match='boxes that come from a function.*'
            'Give boxes as a file, a list or a mapping'):
        inferencer(
            clip.folder,
            boxes=lambda index, frame: [],
            out_dir=tmp_path,
            resume=True)


def test_the_callers_source_keeps_its_name(inferencer, clip, tmp_path):
    source = open_video(clip.folder)
    summary, = inferencer.run(
        source, boxes={}, name='other', pred_out_dir=tmp_path)
    assert (source.name, summary.name) == ('000007_toy', 'other')
    assert (tmp_path / 'other.json').is_file()


def test_poses_go_on_where_crops_are_kept(saved_pose_model, tmp_path,
                                          monkeypatch):
    """A crop that is kept hangs on frames before the window's, and no further
    back than to where all are renewed."""
    for module in (streaming, api):
        monkeypatch.setattr(module, 'RENEWAL', 4)
    frames = list(
        np.random.default_rng(0).integers(0, 255, (16, 96, 128, 3), np.uint8))
    (tmp_path / 'video').mkdir()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f'video/{i:06d}.png'), frame)
    boxes = {
        i: np.array([[20. + i, 10., 70. + i, 90., .9]])
        for i in range(len(frames))
    }
    inferencer = VideoPoseInferencer(*saved_pose_model, device='cpu')
    call = dict(boxes=boxes, crop_policy=CropPolicy(.5, 3.))
    whole = inferencer.run(
        tmp_path / 'video', pred_out_dir=tmp_path / 'whole', **call)
    results = inferencer(
        tmp_path / 'video', pred_out_dir=tmp_path / 'parts', **call)
    for _ in range(11):
        next(results)
    results.close()
    parts = inferencer.run(
        tmp_path / 'video',
        pred_out_dir=tmp_path / 'parts',
        resume=True,
        **call)
    assert parts[0].num_frames < 16
    first, second = (
        Path(summary[0].outputs[0]).read_bytes() for summary in (whole, parts))
    assert first == second
