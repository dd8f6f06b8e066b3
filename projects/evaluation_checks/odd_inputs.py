"""What becomes of videos and pictures with which other software has trouble.

A row for each file and folder of frames: how many frames are read, one after
the other and by index, at what rate and size, and whether both ways give the
same frames; or the error that names what is wrong::

    python -m projects.evaluation_checks.odd_inputs FOLDER
"""
import argparse
from pathlib import Path
from typing import List

import numpy as np
from tabulate import tabulate

from mmpose_tdmi.video.decoding import open_frames, open_video

#: Files that are no videos.
TEXTS = ('.md', '.json')


def read(path: Path, fps: float) -> List[object]:
    """A row of the table."""
    is_bare = path.suffix in ('.h264', '.h265', '.hevc', '.m4v')
    try:
        source = open_video(path, fps=fps if is_bare else None)
        frames = list(source)
        row = [
            len(frames), f'{float(source.fps):.6g}',
            'x'.join(map(str, source.size)), source.num_skipped
        ]
    except (OSError, ValueError) as error:
        return [f'{type(error).__name__}: {error}'.replace(str(path), '...')]
    try:
        by_index = open_frames(path)
        equal = [
            np.array_equal(by_index[frame.index], frame.image)
            for frame in frames
        ]
        return [*row, 'equal' if all(equal) else f'differ: {equal.count(0)}']
    except (OSError, ValueError) as error:
        return [*row, f'{error}'.replace(str(path), '...')]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument(
        '--fps', type=float, default=25., help='of bare streams (default 25)')
    args = parser.parse_args()
    rows = [[path.name, *read(path, args.fps)]
            for path in sorted(args.folder.iterdir())
            if path.suffix not in TEXTS]
    print(
        tabulate(
            rows,
            ['input', 'frames', 'a second', 'size', 'lost', 'frames by index'],
            'github'))


if __name__ == '__main__':
    main()
