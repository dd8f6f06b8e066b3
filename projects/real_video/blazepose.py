#!/usr/bin/env python
"""BlazePose's poses of the stills, for ``stills teach``.

In an environment of its own, as MediaPipe wants other versions::

    python -m venv mp && mp/bin/pip install mediapipe==0.10.14 'numpy<2'
    mp/bin/python projects/real_video/blazepose.py STILLS blazepose.json

writes, by the id of each still in which it finds a person, x, y in pixels and
how far it believes to see it, of the twelve joints that have sides.
"""
import argparse
import json
from pathlib import Path

import cv2
import mediapipe

JOINTS = [
    f'{side}_{joint}'
    for joint in ('ankle', 'knee', 'hip', 'wrist', 'elbow', 'shoulder')
    for side in ('right', 'left')
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('stills', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    solution = mediapipe.solutions.pose
    places = [solution.PoseLandmark[name.upper()].value for name in JOINTS]
    pose = solution.Pose(
        static_image_mode=True,
        model_complexity=1,
        min_detection_confidence=.3)
    content = json.loads((args.stills / 'stills.json').read_text())
    found = {}
    for image in content['images']:
        frame = cv2.imread(str(args.stills / 'images' / image['file_name']))
        height, width = frame.shape[:2]
        landmarks = pose.process(frame[..., ::-1].copy()).pose_landmarks
        if landmarks is not None:
            points = [landmarks.landmark[place] for place in places]
            found[image['id']] = {
                name: [
                    round(p.x * width, 1),
                    round(p.y * height, 1),
                    round(p.visibility, 3)
                ]
                for name, p in zip(JOINTS, points)
            }
    args.out.write_text(json.dumps(found))
    print(f'{len(found)} of {len(content["images"])} people found')


if __name__ == '__main__':
    main()
