"""docs/architecture.md is true: its files are there, and are those that run.

What runs is watched: every file of the package in which a function is called
while a clip is trained and tested on, and while a video goes through the
inferencer.
"""
import gc
import os
import re
import sys
import threading

import av
import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from mmpose_tdmi.apis import VideoPoseInferencer
from projects.synthetic import ClipSettings, generate
from .conftest import REPOSITORY

PACKAGE = REPOSITORY / 'mmpose_tdmi'
POSE = 'configs/tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'
DETECTOR = 'configs/detection/rtmdet_r18_synthetic.py'
#: The longest that a way may be, in files.
LONGEST = {"A clip's way": 30, "A frame's way": 25}


def named_files(title):
    """Files of the package that a section of the page names."""
    page = (REPOSITORY / 'docs' / 'architecture.md').read_text('utf-8')
    text = re.search(rf'^## {title}\n(.*?)(?=^## |\Z)', page, re.M | re.S)[1]
    return set(re.findall(r'`([\w/]+\.py)`', text))


class FilesThatRun:
    """Gathers files of the package whose functions are called.

    Attributes:
        names (set[str]): The files, relative to the package.
    """

    def __init__(self):
        self.names = set()

    def __enter__(self):
        # generators of earlier tests would be closed on the way
        gc.collect()
        sys.setprofile(self._called)
        threading.setprofile(self._called)
        return self

    def __exit__(self, *args):
        sys.setprofile(None)
        threading.setprofile(None)

    def _called(self, frame, event, arg):
        path = frame.f_code.co_filename
        if (event == 'call' and path.startswith(f'{PACKAGE}{os.sep}')
                and frame.f_code.co_name != '<module>'):
            self.names.add(os.path.relpath(path, PACKAGE))


@pytest.mark.parametrize('title', LONGEST)
def test_the_ways_are_short_and_their_files_are_there(title):
    files = named_files(title)
    assert all((PACKAGE / name).is_file() for name in files), files
    assert 15 <= len(files) <= LONGEST[title]


def test_every_file_has_its_place_on_the_floor_plan():
    files = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob('*.py')
        if path.name != '__init__.py' and '.mim' not in path.parts
    }
    planned = named_files('Floor plan')
    assert (planned - files, files - planned) == (set(), set())
    plan = (REPOSITORY / 'docs' / 'architecture.md').read_text('utf-8')
    projects = {p.name for p in (REPOSITORY / 'projects').glob('*/')}
    assert set(re.findall(r'`projects/(\w+)/`', plan)) == {
        name
        for name in projects if not name.startswith('_')
    }


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Two generated videos of five small frames."""
    root = tmp_path_factory.mktemp('clips')
    settings = ClipSettings.preset(
        'easy', width=160, height=120, frames=5, label_margin=1)
    generate(root, settings, dict(train=1, val=1), seed=0)
    return root


@pytest.fixture(scope='module')
def config(clips):
    """The small TDMI's, on these clips."""
    config = Config.fromfile(str(REPOSITORY / POSE))
    config.model.pop('init_cfg', None)
    for phase in ('train', 'val', 'test'):
        loader = config[f'{phase}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=f'{clips}/', indices=4)
    config.val_evaluator.ann_file = str(clips /
                                        'annotations/synthetic_val.json')
    return config


def test_a_clips_way(config):
    init_default_scope('mmpose')
    with FilesThatRun() as ran:
        batches = {
            phase: Runner.build_dataloader(config[f'{phase}_dataloader'])
            for phase in ('train', 'val')
        }
        model = MODELS.build(config.model)
        wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-3))
        log = model.train().train_step(next(iter(batches['train'])), wrapper)
        evaluator = Evaluator(config.val_evaluator)
        evaluator.dataset_meta = batches['val'].dataset.metainfo
        model.eval()
        with torch.no_grad():
            for batch in batches['val']:
                evaluator.process(model.val_step(batch), batch)
        found = evaluator.evaluate(len(batches['val'].dataset))
    assert 'loss_kpt' in log and 'posetrack/mAP' in found
    assert not ran.names - named_files("A clip's way")


def write_video(path, images):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, 'yuv420p'
        for image in images:
            frame = av.VideoFrame.from_ndarray(
                cv2.imread(str(image)), format='bgr24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_frames_way(config, clips, tmp_path):
    init_default_scope('mmdet')
    settings = Config.fromfile(str(REPOSITORY / DETECTOR))
    settings.model.test_cfg.update(score_thr=0., max_per_img=5)
    detector = MODELS.build(dict(settings.model, _scope_='mmdet'))
    # boxes of some 50 pixels instead of points
    for convolution in detector.bbox_head.rtm_reg:
        torch.nn.init.constant_(convolution.bias, 2.)
    torch.save(
        dict(
            state_dict=detector.state_dict(),
            meta=dict(dataset_meta=dict(classes=('person', )))),
        tmp_path / 'det.pth')
    init_default_scope('mmpose')
    model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'pose.pth')
    write_video(tmp_path / 'clip.mp4', sorted(clips.rglob('val/*/*.jpg')))
    with FilesThatRun() as ran:
        inferencer = VideoPoseInferencer(
            pose2d=config,
            pose2d_weights=str(tmp_path / 'pose.pth'),
            det_model=settings,
            det_weights=str(tmp_path / 'det.pth'),
            fold_batch_norm=False,
            device='cpu')
        results = list(
            inferencer(
                str(tmp_path / 'clip.mp4'),
                out_dir=str(tmp_path / 'out'),
                bbox_thr=0.,
                smoothing='savgol',
                report=True))
    assert len(results) == 5 and all(r.poses.persons for r in results)
    # what happens inside of the model is told on the other way
    outside = {name for name in ran.names if not name.startswith('models/')}
    assert outside <= named_files("A frame's way"), sorted(
        outside - named_files("A frame's way"))
