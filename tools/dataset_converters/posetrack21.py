"""Convert PoseTrack21's official folder to one json per split.

Reads posetrack_data/<split>/*.json and images/<split>; writes
annotations/posetrack21_<split>.json. What is there and up to date is left
alone.

Example::

    python tools/dataset_converters/posetrack21.py data/posetrack21 --workers 8
"""
from mmpose_tdmi.datasets.converters.posetrack import (POSETRACK21,
                                                       convert_posetrack21)
from mmpose_tdmi.tooling import convert_dataset


def main() -> None:
    convert_dataset(__doc__, POSETRACK21, convert_posetrack21)


if __name__ == '__main__':
    main()
