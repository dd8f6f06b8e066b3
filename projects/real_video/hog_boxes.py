#!/usr/bin/env python
"""Boxes of the people in a video by OpenCV's own detector, without network.

::

    python -m projects.real_video.hog_boxes my.mp4 boxes.json

Histograms of oriented gradients find people who stand or walk and are seen
whole. Where a video has none of them, or OpenCV no such detector (5 has none),
each frame is taken for one person's box. The file is one for
``tools/infer_video.py --boxes``.
"""
import argparse
from pathlib import Path
from typing import List

import cv2
import numpy as np

from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.video.decoding import open_video

#: The longer side, in pixels, that frames are reduced to.
SIDE = 640
#: What of the detector's window, which has a margin, is the person's box:
#: shares of its width and height.
SHARE = np.array([0.6, 0.8])
HAS_DETECTOR = hasattr(cv2, 'HOGDescriptor')


def find_people(frame: np.ndarray) -> np.ndarray:
    """Boxes x, y, width, height, and scores, (n, 5), of a frame in BGR."""
    if not HAS_DETECTOR:
        return np.zeros((0, 5))
    detector = cv2.HOGDescriptor()
    detector.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    scale = min(1., SIDE / max(frame.shape[:2]))
    small = cv2.resize(
        frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    windows, scores = detector.detectMultiScale(
        small, winStride=(8, 8), padding=(16, 16), scale=1.05)
    windows = np.reshape(windows, (-1, 4)) / scale
    sides = windows[:, 2:] * SHARE
    corners = windows[:, :2] + (windows[:, 2:] - sides) / 2
    return np.hstack([corners, sides, np.reshape(scores, (-1, 1))])


def find_boxes(video: Path) -> List[dict]:
    """The entries of a box file for a video."""
    found = []
    with open_video(video) as source:
        for frame in source:
            found.append((frame.index, find_people(frame.image)))
        width, height = source.size
    if not any(map(len, (people for _, people in found))):
        whole = np.array([[0, 0, width, height, 1.]])
        found = [(index, whole) for index, _ in found]
    return [
        dict(image_id=index, category_id=1, bbox=box, score=score)
        for index, people in found for *box, score in people.tolist()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    if not HAS_DETECTOR:
        print(f'OpenCV {cv2.__version__} has no people detector: each frame '
              'is taken for one person\'s box')
    boxes = find_boxes(args.video)
    write_json(args.out, boxes)
    print(f'{len(boxes)} boxes')


if __name__ == '__main__':
    main()
