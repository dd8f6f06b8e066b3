"""Convert HiEve's official folder to one json per split.

Reads videos/<split>, labels/train/track2&3/*.json or labels/train/all-track;
extracts the videos' frames to images/<split> and writes
annotations/hieve_<split>.json. What is there and up to date is left alone.

Example::

    python tools/dataset_converters/hieve.py data/hieve --workers 8
"""
from mmpose_tdmi.datasets.converters.hieve import (HIEVE, LABEL_FOLDERS,
                                                   convert_hieve)
from mmpose_tdmi.tooling import convert_dataset


def main() -> None:
    convert_dataset(
        __doc__,
        HIEVE,
        convert_hieve,
        labels=dict(
            choices=list(LABEL_FOLDERS),
            help='form of the labels to read (default: json if there, else '
            'xml)'))


if __name__ == '__main__':
    main()
