#!/usr/bin/env python
"""Labelled frames of videos, to train the single-frame model on.

::

    python -m projects.real_video.frames --parkour PARKOUR --videos VIDEOS

writes ``work_dirs/real_people/frames`` and, COCO-style, of LSP's 14 joints,
``annotations/frames_<scene>.json``: parkour without the athletes of the test,
and each scene of the labelled videos.
"""
import argparse
from pathlib import Path
from typing import Dict, List

import cv2
import numpy as np
from tqdm import tqdm

from mmpose_tdmi.utils.files import write_json
from .clips import TEST_ATHLETES, Video, read_parkour, read_videos
from .people import JOINTS
from .stills import DATA

FRAMES = DATA / 'frames'


def write_frames(scene: str, videos: List[Video]) -> None:
    """The labelled frames of a scene."""
    images: List[dict] = []
    persons: List[dict] = []
    for video in tqdm(videos, scene):
        (FRAMES / video.name).mkdir(parents=True, exist_ok=True)
        for place, t in enumerate(video.index):
            number = len(images) + 1
            name = f'{video.name}/{t:06d}.jpg'
            height, width = video.frames[t].shape[:2]
            if not cv2.imwrite(
                    str(FRAMES / name), video.frames[t],
                [cv2.IMWRITE_JPEG_QUALITY, 95]):
                raise OSError(f'{FRAMES / name} cannot be written')
            images.append(
                dict(id=number, file_name=name, width=width, height=height))
            seen = video.people.labelled[place]
            x1, y1, x2, y2 = video.people.boxes[place].tolist()
            persons.append(
                dict(
                    id=number,
                    image_id=number,
                    category_id=1,
                    iscrowd=0,
                    num_keypoints=int(seen.sum()),
                    area=(x2 - x1) * (y2 - y1),
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    keypoints=np.column_stack(
                        [video.people.joints[place],
                         2 * seen]).ravel().tolist()))
    category = dict(
        id=1, name='person', supercategory='person', keypoints=JOINTS)
    path = DATA / f'annotations/frames_{scene}.json'
    write_json(path,
               dict(images=images, annotations=persons, categories=[category]))
    print(f'{path}: {len(images)} frames')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--parkour', type=Path, required=True)
    parser.add_argument('--videos', type=Path, required=True)
    args = parser.parse_args()
    write_frames('parkour', [
        video for video in read_parkour(args.parkour)
        if not video.name.endswith(TEST_ATHLETES)
    ])
    # views of one scene, mocap8_out2, mocap8_out5, ... go together
    scenes: Dict[str, List[Video]] = {}
    for video in read_videos(args.videos):
        scenes.setdefault(video.name.split('_')[0], []).append(video)
    for scene, videos in scenes.items():
        write_frames(scene, videos)


if __name__ == '__main__':
    main()
