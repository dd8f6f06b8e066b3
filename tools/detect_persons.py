#!/usr/bin/env python
"""Detect people with any MMDetection model and write a box file.

INPUT is an annotation file of a data set (COCO-style json; boxes get its
image ids), a folder of images, a glob or a video file (boxes get the 0-based
index of the frame as ``image_id``, as in tools/infer_video.py)::

    python tools/detect_persons.py data/posetrack18/annotations/posetrack18_\
val.json DET_CONFIG DET_CHECKPOINT --img-root data/posetrack18 --out boxes.json
    python tools/detect_persons.py video.mp4 --det rtmdet-m --out boxes.json
    python tools/detect_persons.py video.mp4 DET_CONFIG DET_CHECKPOINT \
--out boxes.json

The result is what ``bbox_file`` of the datasets and ``--boxes`` of
tools/infer_video.py read. An interrupted run goes on where it was.
"""
import argparse
import json
import sys
from itertools import groupby, islice
from pathlib import Path
from typing import (Callable, Dict, Iterable, Iterator, List, Optional,
                    Sequence, Tuple)

import numpy as np
import torch
from tqdm import tqdm

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import (ImageSequence, PersonDetector, find_images,
                              open_video, relative_names, require_file)
from mmpose_tdmi.apis.models import DEFAULT, find_config, find_weights
from mmpose_tdmi.apis.settings import (ReadingSettings, add_options,
                                       read_options)
from mmpose_tdmi.datasets.box_files import read_annotation_records
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.checkpoints import file_digest
from mmpose_tdmi.utils.files import (check_inner_path, check_outputs,
                                     remove_output, remove_outputs, write_json)
from mmpose_tdmi.video.decoding import ImageStack, VideoSource, video_files

#: The category id of persons in COCO and PoseTrack, whatever the model's.
PERSON_CATEGORY_ID = 1


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'input', help='annotation json, folder of images, glob or video')
    parser.add_argument(
        'det_config',
        nargs='?',
        help="detector: a config's path, or one of MMDetection's names and "
        f"aliases, such as rtmdet-m (default: MMPose's own, {DEFAULT})")
    parser.add_argument(
        'det_checkpoint',
        nargs='?',
        help='its weights, file or address (default: those published for its '
        'name)')
    parser.add_argument(
        '--det', metavar='DET_CONFIG', help='the same as DET_CONFIG')
    parser.add_argument(
        '--out', type=Path, required=True, help='the json to write')
    parser.add_argument(
        '--img-root',
        type=Path,
        help='folder that the file names of an annotation file are relative '
        'to (default: the parent of the folder that the file is in)')
    parser.add_argument(
        '--batch-size', type=int, default=8, help='images per batch')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=.05,
        help='lowest score written (default 0.05)')
    parser.add_argument(
        '--nms-thr',
        type=float,
        help='suppress boxes that overlap a better one by more than this IoU, '
        "in addition to the model's own suppression")
    parser.add_argument(
        '--category',
        default='person',
        help="name among the model's classes (default person)")
    add_options(parser, ReadingSettings)
    parser.add_argument(
        '--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='throw away results of other settings')
    # with options between the arguments, of which some may be left out
    args = parser.parse_intermixed_args()
    if args.det_config and args.det:
        parser.error('DET_CONFIG and --det are two detectors: give one')
    args.det_config = args.det_config or args.det or DEFAULT
    return args


#: What boxes of an image get, and how to read it: None if it is left out.
Image = Tuple[dict, Callable[[], Optional[np.ndarray]]]


def open_input(
        args: argparse.Namespace) -> Tuple[Optional[int], Iterable[Image]]:
    """The number of images, as far as it is known, and the images: those of a
    video are those of tools/infer_video.py, with the same indices."""
    if args.input.lower().endswith('.json'):
        records, read = open_dataset(Path(args.input), args.img_root)
        return len(records), list_images(records, read, args.on_corrupt)
    if args.img_root is not None:
        raise ValueError('--img-root is for annotation files, but '
                         f'{args.input} is none')
    paths = find_images(args.input)
    if len(paths) < 2:
        video = open_video(args.input, **read_options(args, ReadingSettings))
    if len(paths) > 1 or paths and not isinstance(video, ImageStack):
        frames = ImageSequence(paths, keep=1)
        records = [
            dict(image_id=i, file_name=name)
            for i, name in enumerate(relative_names(frames.paths))
        ]
        return len(records), list_images(records, frames.__getitem__,
                                         args.on_corrupt)
    _ = video.size  # an error if there is no frame
    return video.num_frames, video_frames(video)


def list_images(records: Sequence[dict], read: Callable[[int], np.ndarray],
                on_corrupt: str) -> Iterator[Image]:
    """Images that are files. One that is missing is always an error."""

    def read_or_skip(index: int) -> Optional[np.ndarray]:
        try:
            return read(index)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            if on_corrupt == 'raise':
                raise
            print(f'{error}: left out', file=sys.stderr)
            return None

    for i, record in enumerate(records):
        yield record, lambda i=i: read_or_skip(i)


def video_frames(video: VideoSource) -> Iterator[Image]:
    """The frames of a video file; those that are lost have no record."""
    for frame in video:
        record = dict(image_id=frame.index, video=Path(video.input).name)
        yield record, lambda image=frame.image: image


def open_dataset(
        ann_file: Path,
        img_root: Path) -> Tuple[List[dict], Callable[[int], np.ndarray]]:
    """The images of an annotation file."""
    require_file(ann_file, 'the annotation file')
    images = read_annotation_records(str(ann_file)).images
    if not images:
        raise ValueError(f'{ann_file}: expected an annotation file with '
                         '"images", found none')
    root = ann_file.parent.parent if img_root is None else img_root
    paths = [
        root /
        check_inner_path(image['file_name'], f'{ann_file}: the file name')
        for image in images.values()
    ]
    records = [dict(image_id=id_) for id_ in images]
    return records, ImageSequence(paths, keep=1).__getitem__


class DetectionJob:
    """Detects on images, in chunks that survive an interruption.

    A finished chunk is written, whole or not at all, into a folder beside the
    result, ``<out>.partial``; a later run with the same settings skips it.
    With all chunks there, the result is written and the folder removed.
    ``<out stem>.settings.json`` stays beside the result and says how it came
    about.

    Args:
        out (Path): The json to write: a list of ``dict(image_id,
            category_id, bbox=[x, y, w, h], score)`` and what the images'
            records add.
        num_images (int, optional): As far as it is known beforehand.
        settings (dict): What the boxes depend on, plain values.
        chunk_size (int): Images per chunk. Defaults to 64.

    Raises:
        ValueError: If a result or chunks of other settings are there.
    """

    def __init__(self,
                 out: Path,
                 num_images: Optional[int],
                 settings: dict,
                 chunk_size: int = 64) -> None:
        self.out = out
        self.num_images = num_images
        self.chunk_size = chunk_size
        self.settings = json.loads(
            json.dumps(dict(settings, num_images=num_images)))
        self.partial, self.settings_file = files_beside(out)
        if self.out.exists() or any(self.partial.glob('*.json')):
            self._check_settings()

    @property
    def done(self) -> bool:
        """bool: Whether the result is there."""
        return self.out.exists()

    def run(self,
            images: Iterable[Image],
            detect: Callable[[Sequence[np.ndarray]], List[np.ndarray]],
            batch_size: int = 8) -> int:
        """Detect on all images that are not done, then write the result.

        Args:
            images (Iterable): Per image its record and how to read it.
            detect (Callable): Gives per image of a batch its boxes (n, 5),
                x1, y1, x2, y2, score.
            batch_size (int): Images per batch. Defaults to 8.

        Returns:
            int: The number of boxes in the result.
        """
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        write_json(self.settings_file, self.settings, indent=1)
        self.partial.mkdir(parents=True, exist_ok=True)
        paths: List[Path] = []
        num_images = 0
        with tqdm(
                total=self.num_images, desc='detecting',
                unit='image') as progress:
            for chunk, part in groupby(
                    enumerate(images), lambda i: i[0] // self.chunk_size):
                path = self.partial / f'{chunk * self.chunk_size:08d}.json'
                paths.append(path)
                entries = None if path.exists() else []
                while True:
                    batch = [image for _, image in islice(part, batch_size)]
                    if not batch:
                        break
                    if entries is not None:
                        entries += detect_batch(batch, detect)
                    num_images += len(batch)
                    progress.update(len(batch))
                if entries is not None:
                    write_json(path, entries)
        entries = [
            entry for path in paths
            for entry in json.loads(path.read_text(encoding='utf-8'))
        ]
        write_json(self.out, entries)
        remove_outputs(self.partial)
        self.num_images = num_images
        return len(entries)

    def _check_settings(self) -> None:
        if not self.settings_file.is_file():
            raise ValueError(
                f'{self.out} or its partial results exist, but not '
                f'{self.settings_file}, which says how they came about; '
                'choose another output or use --overwrite')
        found = json.loads(self.settings_file.read_text(encoding='utf-8'))
        differing = [
            f'{key}: {found.get(key)!r} then, {self.settings.get(key)!r} now'
            for key in sorted({*found, *self.settings})
            if found.get(key) != self.settings.get(key)
        ]
        if differing:
            raise ValueError(
                f'{self.out} (or its partial results) came about with other '
                f'settings: {"; ".join(differing)}. Choose another output or '
                'use --overwrite')


def files_beside(out: Path) -> Tuple[Path, Path]:
    """The folder of a result's chunks, and the file of its settings."""
    return (out.with_name(out.name + '.partial'),
            out.with_name(out.stem + '.settings.json'))


def remove_results(out: Path) -> None:
    """Remove a result, its chunks and its settings."""
    partial, settings = files_beside(out)
    remove_output(out)
    remove_output(settings)
    remove_outputs(partial)


def detect_batch(
        batch: Sequence[Image],
        detect: Callable[[Sequence[np.ndarray]],
                         List[np.ndarray]]) -> List[dict]:
    """The entries of a batch's images, without those that are left out."""
    images = [(record, read()) for record, read in batch]
    images = [(record, image) for record, image in images if image is not None]
    if not images:
        return []
    found = detect([image for _, image in images])
    return [
        entry for (record, _), rows in zip(images, found)
        for entry in box_entries(record, rows)
    ]


def box_entries(record: Dict[str, object], rows: np.ndarray) -> List[dict]:
    return [
        dict(
            record,
            category_id=PERSON_CATEGORY_ID,
            bbox=[x1, y1, x2 - x1, y2 - y1],
            score=score)
        for x1, y1, x2, y2, score in np.asarray(rows, dtype=float).tolist()
    ]


def detect(args: argparse.Namespace) -> None:
    partial, settings = files_beside(args.out)
    check_outputs([args.out, settings, *partial.glob('*.json')], [
        args.input, args.det_config, args.det_checkpoint or '',
        *video_files(args.input)
    ])
    if args.overwrite:
        remove_results(args.out)
    num_images, images = open_input(args)
    config = find_config(args.det_config, "the detector's config", 'mmdet')
    weights = find_weights(args.det_config, args.det_checkpoint,
                           "the detector's weights", 'mmdet')
    chosen = dict(
        score_thr=args.score_thr, nms_thr=args.nms_thr, category=args.category)
    is_file = Path(weights).is_file()
    job = DetectionJob(
        args.out, num_images,
        dict(
            input=str(Path(args.input).resolve()),
            img_root=str(args.img_root.resolve()) if args.img_root else None,
            det_config=str(args.det_config),
            det_config_sha256=file_digest(config.filename),
            det_checkpoint=str(weights),
            det_checkpoint_sha256=file_digest(weights) if is_file else None,
            on_corrupt=args.on_corrupt,
            **chosen))
    if job.done:
        print(f'{args.out}: done before, nothing to do')
        return
    detector = PersonDetector(config, weights, **chosen, device=args.device)
    num_boxes = job.run(images, detector, args.batch_size)
    print(f'{args.out}: {num_boxes} boxes in {job.num_images} images')


@short_errors()
def main() -> None:
    detect(parse_args())


if __name__ == '__main__':
    main()
