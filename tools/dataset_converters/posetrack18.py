"""Convert PoseTrack18's official folder to one json per split.

Reads annotations/<split>/*.json and images/<split>; writes
annotations/posetrack18_<split>.json. What is there and up to date is left
alone.

Example::

    python tools/dataset_converters/posetrack18.py data/posetrack18 --workers 8
"""
from mmpose_tdmi.datasets.converters.posetrack import (POSETRACK18,
                                                       convert_posetrack18)
from mmpose_tdmi.tooling import convert_dataset


def main() -> None:
    convert_dataset(__doc__, POSETRACK18, convert_posetrack18)


if __name__ == '__main__':
    main()
