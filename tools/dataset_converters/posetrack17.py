"""Convert PoseTrack17's official folder to one json per split.

Reads annotations/<split>/*.json (annolist) and images, or images_renamed;
writes annotations/posetrack17_<split>.json. What is there and up to date is
left alone.

Example::

    python tools/dataset_converters/posetrack17.py data/posetrack17 --workers 8
"""
from mmpose_tdmi.datasets.converters.posetrack import (POSETRACK17,
                                                       convert_posetrack17)
from mmpose_tdmi.tooling import convert_dataset


def main() -> None:
    convert_dataset(__doc__, POSETRACK17, convert_posetrack17)


if __name__ == '__main__':
    main()
