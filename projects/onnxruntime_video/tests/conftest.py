"""The example as a module, its graphs, and a video with boxes."""
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_tdmi.video import TrackedBox, TrackedFrame

_ROOT = Path(__file__).resolve().parents[3]


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_deploy = _load('deploy_fixtures', _ROOT / 'tests/test_deploy/conftest.py')
_one_thread = _deploy._one_thread
models = _deploy.models
exported = _deploy.exported
deform_conv = _deploy.deform_conv


@pytest.fixture(scope='session')
def script():
    return _ROOT / 'projects/onnxruntime_video/onnxruntime_video.py'


@pytest.fixture(scope='session')
def example(script):
    return _load('onnxruntime_video', script)


@pytest.fixture(scope='session')
def folder(exported):
    """The graphs of the model called 'small'."""
    return exported('small', 'frame', 'window')['window'].parent


@pytest.fixture(scope='session')
def video():
    """A moving texture with a person who moves and grows, and one who comes
    late, pauses and leaves early."""
    generator = np.random.default_rng(0)
    texture = generator.integers(0, 255, (12, 32, 3))
    texture = texture.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    frames = []
    for i in range(12):
        image = np.ascontiguousarray(np.roll(texture, 5 * i, axis=1)[:, :128])
        boxes = {3: (10. + 3 * i, 20., 45. + 4 * i, 80. + i)}
        if 2 <= i <= 9 and i not in (5, 6):
            boxes[8] = (70. - i, 10., 100., 70.)
        frames.append(
            TrackedFrame(
                i, i / 25, image,
                [TrackedBox(track, box, 0.9) for track, box in boxes.items()]))
    return frames


@pytest.fixture(scope='session')
def boxes(video):
    """The boxes as BOXES has them."""
    return [
        dict(
            image_id=frame.index,
            category_id=1,
            bbox=[x1, y1, x2 - x1, y2 - y1],
            score=box.score,
            track_id=box.track_id) for frame in video for box in frame.persons
        for x1, y1, x2, y2 in [box.bbox]
    ]


@pytest.fixture(scope='session')
def clip(video, tmp_path_factory):
    """The frames as a video file."""
    path = tmp_path_factory.mktemp('clip') / 'clip.avi'
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 12, (128, 96))
    for frame in video:
        writer.write(frame.image)
    writer.release()
    return path
