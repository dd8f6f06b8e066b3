"""Made-up poses, and what the writers need to know of them."""
from fractions import Fraction
from typing import Optional

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmpose_tdmi.video import Crop, FramePoses, PersonPose, TrackedBox
from mmpose_tdmi.video.results import VideoMeta

FPS = Fraction(30000, 1001)
WIDTH, HEIGHT = 96, 64
NUM_KEYPOINTS = 17


def _image_of(index: int) -> np.ndarray:
    """A frame that tells its index by its brightness."""
    return np.full((HEIGHT, WIDTH, 3), 30 + 4 * (index % 50), np.uint8)


def _poses_of(index: int,
              num_persons: int = 2,
              file_name: Optional[str] = None) -> FramePoses:
    """Persons that walk to the right; nobody in every seventh frame."""
    rng = np.random.default_rng(index)
    persons = []
    for track in range(num_persons if index % 7 != 6 else 0):
        x, y = 5. + 30 * track + index % 20, 8.
        persons.append(
            PersonPose(
                box=TrackedBox(track + 3, (x, y, x + 20, y + 40), .75,
                               'carried' if index % 2 else 'detected'),
                keypoints=rng.uniform([x, y], [x + 20, y + 40],
                                      (NUM_KEYPOINTS, 2)),
                scores=rng.uniform(.1, 1, NUM_KEYPOINTS).astype(np.float32),
                crop=Crop((x + 10, y + 20), (30., 40.)),
                heatmaps=rng.uniform(0, 1, (NUM_KEYPOINTS, 16, 12)),
                motion=rng.uniform(-1, 1, (8, 16, 12))))
    return FramePoses(
        index,
        float(index / FPS),
        _image_of(index),
        persons,
        file_name=file_name)


@pytest.fixture(scope='session')
def fps():
    return FPS


@pytest.fixture(scope='session')
def image_of():
    return _image_of


@pytest.fixture(scope='session')
def poses_of():
    return _poses_of


@pytest.fixture(scope='session')
def dataset_meta(repository):
    return parse_pose_metainfo(
        dict(
            from_file=str(repository /
                          'configs/_base_/datasets/posetrack18.py')))


@pytest.fixture
def make_meta(tmp_path, dataset_meta):
    """``make_meta(name='walk', **changes)``: a video that exists."""

    def make(name: str = 'walk', **changes) -> VideoMeta:
        source = tmp_path / 'source.mp4'
        if not source.exists():
            source.write_bytes(b'any content')
        return VideoMeta(
            **{
                **dict(
                    input=str(source),
                    name=name,
                    width=WIDTH,
                    height=HEIGHT,
                    fps=FPS,
                    num_frames=None,
                    dataset_meta=dataset_meta,
                    config='configs/any.py',
                    checkpoint='any.pth',
                    frame_offsets=[-2, -1, 0, 1, 2],
                    padding='edge',
                    mode='offline',
                    boxes=dict(file='boxes.json'),
                    run=dict(weights='a')),
                **changes
            })

    return make
