"""Convert PoseTrack17's official folder to one json per split.

Reads annotations/<split>/*.json (annolist) and images, or images_renamed;
writes annotations/posetrack17_<split>.json. What is there and up to date is
left alone.

Example::

    python tools/dataset_converters/posetrack17.py data/posetrack17 --workers 8
"""
from mmpose_tdmi.datasets.converters.common import make_parser, run
from mmpose_tdmi.datasets.converters.posetrack import (POSETRACK17,
                                                       convert_posetrack17)


def main() -> None:
    parser = make_parser(__doc__.splitlines()[0], POSETRACK17)
    run(POSETRACK17, convert_posetrack17, parser)


if __name__ == '__main__':
    main()
