#!/usr/bin/env python
"""Check or pack files for HiEve's server.

A test run with ``HiEveMetric(format_only=True, out_dir=DIR)`` writes the
files; then::

    python tools/hieve_submission.py validate DIR \
--ann-file data/hieve/annotations/hieve_test.json
    python tools/hieve_submission.py pack DIR submission.zip

``validate`` prints what is wrong, one problem a line, and exits with 1; with
the annotation file it also checks that every frame of every video is there.
What the server makes of a valid submission is known to the server alone.
"""
import argparse
from pathlib import Path, PurePosixPath
from typing import Dict, List, Optional, Sequence, Tuple

from mmpose_tdmi.evaluation.functional import (HIEVE_TEST_VIDEOS,
                                               SubmissionError,
                                               load_hieve_annotations,
                                               pack_submission,
                                               validate_submission)
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.files import check_outputs


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    validate = commands.add_parser('validate', help='check the files')
    pack = commands.add_parser('pack', help='check the files and zip them')
    for command in (validate, pack):
        command.add_argument('folder', type=Path, help='folder of the files')
        command.add_argument(
            '--ann-file',
            type=Path,
            help='converted annotation file with the videos and frames that '
            'must be there (default: videos 20 to 32, frames without gap)')
    pack.add_argument('out', type=Path, help='the zip to write')
    return parser.parse_args(args)


def expected_frames(
    ann_file: Optional[Path]
) -> Tuple[Sequence[str], Optional[Dict[str, List[str]]]]:
    """The videos of a submission and, if known, their frames' names."""
    if ann_file is None:
        return HIEVE_TEST_VIDEOS, None
    annotations = load_hieve_annotations(ann_file)
    frames = {
        video:
        [PurePosixPath(annotations.frame_names[i]).name for i in places]
        for video, places in annotations.frames_by_video().items()
    }
    return list(frames), frames


@short_errors()
def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    try:
        if args.command == 'pack':
            inputs = [*args.folder.glob('*.json'), args.ann_file]
            check_outputs([args.out], filter(None, inputs))
        videos, frames = expected_frames(args.ann_file)
        summary = validate_submission(args.folder, videos, frames)
        if args.command == 'pack':
            pack_submission(args.folder, args.out, videos)
    except SubmissionError as error:
        raise SystemExit('\n'.join(error.problems)) from error
    for video in videos:
        print(f'{video}.json: {summary.num_frames[video]} frames, '
              f'{summary.num_persons[video]} persons')
    print(f'{args.folder}: valid' if args.command ==
          'validate' else f'{args.out}: written')


if __name__ == '__main__':
    main()
