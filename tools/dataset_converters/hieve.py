"""Convert HiEve's official folder to one json per split.

Reads videos/<split>, labels/train/track2&3/*.json or labels/train/all-track;
extracts the videos' frames to images/<split> and writes
annotations/hieve_<split>.json. What is there and up to date is left alone.

Example::

    python tools/dataset_converters/hieve.py data/hieve --workers 8
"""
from mmpose_tdmi.datasets.converters.common import make_parser, run
from mmpose_tdmi.datasets.converters.hieve import (HIEVE, LABEL_FOLDERS,
                                                   convert_hieve)


def main() -> None:
    parser = make_parser(__doc__.splitlines()[0], HIEVE)
    parser.add_argument(
        '--labels',
        choices=list(LABEL_FOLDERS),
        help='form of the labels to read (default: json if there, else xml)')
    run(HIEVE, convert_hieve, parser)


if __name__ == '__main__':
    main()
