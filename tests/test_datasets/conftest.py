"""Small generated videos and annotations in PoseTrack18's form."""
import json
from functools import lru_cache
from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

import mmpose_tdmi.datasets  # noqa: F401  (registers what is built by name)

NAMES = [
    'nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle'
]


@pytest.fixture
def mmpose_scope():
    """Build by name as a config does."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@lru_cache(maxsize=None)
def posetrack18_info():
    """The keypoint definition, read once: reading takes half a second."""
    path = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets'
    return Config.fromfile(path / 'posetrack18.py').dataset_info.to_dict()


class SmallPoseTrack:
    """A folder with videos of grey frames and their annotation.

    A frame's brightness tells its number. Each labelled frame has one person.

    Args:
        root (Path): The folder.
        size (tuple[int, int]): Width and height of the frames.
    """

    def __init__(self, root, size=(64, 48)):
        self.root = root
        self.size = size
        self.content = dict(
            categories=[
                dict(id=1, name='person', keypoints=list(NAMES), skeleton=[])
            ],
            images=[],
            annotations=[])

    def add_video(self, sequence, numbers, labeled=None):
        """Write frames with these numbers; label these of them."""
        labeled = numbers if labeled is None else labeled
        folder = self.root / f'images/val/{sequence:06d}_mpii_test'
        folder.mkdir(parents=True)
        for number in numbers:
            path = folder / f'{number:06d}.jpg'
            frame = np.full((*self.size[::-1], 3), 10 * number % 256, np.uint8)
            cv2.imwrite(str(path), frame)
            image_id = 10**10 + sequence * 10**4 + number
            self.content['images'].append(
                dict(
                    id=image_id,
                    frame_id=image_id,
                    file_name=str(path.relative_to(self.root)),
                    vid_id=f'{sequence:06d}',
                    nframes=len(numbers),
                    is_labeled=number in labeled,
                    width=self.size[0],
                    height=self.size[1]))
            if number in labeled:
                self.add_person(image_id)
        return folder

    def add_person(self, image_id, **fields):
        """Label a person; ``fields`` replace the usual ones."""
        place = len([
            a for a in self.content['annotations'] if a['image_id'] == image_id
        ])
        keypoints = np.stack(
            [np.linspace(12, 40, 17),
             np.linspace(10, 35, 17),
             np.ones(17)], 1)
        self.content['annotations'].append({
            **dict(
                id=image_id * 100 + place,
                image_id=image_id,
                category_id=1,
                track_id=place,
                bbox=[10, 8, 32, 30],
                bbox_head=[12, 8, 8, 8],
                num_keypoints=17,
                keypoints=keypoints.ravel().tolist()),
            **fields
        })

    def add_table(self, frame_ids=None):
        """List the images as the frames that exist; give the table.

        The numbers are those in the names, or ``frame_ids`` in each video.
        """
        names = {}
        for image in self.content['images']:
            names.setdefault(image['vid_id'], []).append(image['file_name'])
        self.content['videos'] = [
            dict(
                id=video,
                name=f'{video}_mpii_test',
                file_names=list(files),
                frame_ids=frame_ids or [int(Path(f).stem) for f in files])
            for video, files in names.items()
        ]
        return self.content['videos']

    def write_boxes(self, boxes):
        """Write a box file; give its path."""
        path = self.root / 'boxes.json'
        path.write_text(json.dumps(boxes))
        return str(path)

    def config(self, **kwargs):
        """Write the annotation; give a dataset's config."""
        (self.root / 'val.json').write_text(json.dumps(self.content))
        return {
            **dict(
                type='PoseTrack18SequenceDataset',
                delta=2,
                data_root=str(self.root),
                ann_file='val.json',
                metainfo=posetrack18_info(),
                # the host collects garbage when it serialises, which is slow
                serialize_data=False,
                data_prefix=dict(img='')),
            **kwargs
        }


@pytest.fixture
def posetrack(tmp_path):
    """An empty :class:`SmallPoseTrack`."""
    return SmallPoseTrack(tmp_path)


@pytest.fixture
def five_frames(posetrack):
    """One video of five frames, all labelled."""
    posetrack.add_video(1, range(5))
    return posetrack
