"""Labelled real videos as training and test sets, split in time.

Input is a folder with ``videos/<name>.<suffix>`` and
``annotations/<name>.json``, the latter in PoseTrack18's per-video format
with file names ``images/<name>/%06d.jpg`` counted from 0. Output is the data
set: the extracted frames and three annotation files a video, in which all
frames are listed but only those of the split are labelled: ``train`` (the
first share of the labelled frames), ``test`` (the rest) and ``all``. The
annotated boxes are also written as a detection file.
"""
import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import List, Set

import cv2
from tqdm import tqdm

from mmpose_tdmi.datasets.converters.posetrack import merge_annotations
from mmpose_tdmi.utils.files import atomic_path, write_json
from mmpose_tdmi.video.decoding import open_frames

SPLITS = ('train', 'test', 'all')


@dataclass(frozen=True)
class LabelledVideo:
    """A video file and its annotation file.

    Args:
        name (str): The name that the two share.
        video (Path): The video file.
        annotation (Path): The per-video json.
    """
    name: str
    video: Path
    annotation: Path


def find_videos(folder: Path) -> List[LabelledVideo]:
    """The labelled videos of a folder, by name.

    Args:
        folder (Path): Holds ``annotations`` and ``videos``.

    Returns:
        list[LabelledVideo]: At least one.

    Raises:
        FileNotFoundError: If there is no annotation, or one lacks its video.
    """
    found = []
    for annotation in sorted((folder / 'annotations').glob('*.json')):
        videos = sorted((folder / 'videos').glob(f'{annotation.stem}.*'))
        if not videos:
            raise FileNotFoundError(
                f'{annotation} has no video: expected {folder}/videos/'
                f'{annotation.stem}.<suffix>')
        found.append(LabelledVideo(annotation.stem, videos[0], annotation))
    if not found:
        raise FileNotFoundError(
            f'no per-video annotation in {folder}/annotations (*.json)')
    return found


def prepare_video(item: LabelledVideo, out: Path, train_share: float) -> None:
    """Extract a video's frames and write its annotation files.

    Args:
        item (LabelledVideo): The video.
        out (Path): Root of the data set; gets ``images`` and
            ``annotations/<name>_<split>.json``.
        train_share (float): Share of the labelled frames, in order of time,
            that ``train`` gets; above 0 and below 1.

    Raises:
        ValueError: If ``train_share`` is out of range, or the annotation and
            the video do not belong together.
    """
    if not 0 < train_share < 1:
        raise ValueError(f'train_share must be in (0, 1), got {train_share}')
    content = json.loads(item.annotation.read_text(encoding='utf-8'))
    names = [image['file_name'] for image in content['images']]
    reader = open_frames(item.video)
    if len(reader) != len(names):
        raise ValueError(f'{item.annotation} lists {len(names)} frames, '
                         f'{item.video} has {len(reader)}')
    for index, frame in tqdm(
            reader, desc=f'frames of {item.name}', total=len(names)):
        path = out / names[index]
        if not path.exists():
            with atomic_path(path) as temporary:
                cv2.imwrite(
                    str(temporary), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])

    write_json(boxes_file(out, item.name), _boxes(content))
    labelled = [im['id'] for im in content['images'] if im['is_labeled']]
    cut = round(train_share * len(labelled))
    if not 0 < cut < len(labelled):
        raise ValueError(f'{item.annotation} has {len(labelled)} labelled '
                         f'frames, too few to split at {train_share:.0%}')
    parts = dict(zip(SPLITS, (labelled[:cut], labelled[cut:], labelled)))
    for split, kept in parts.items():
        official = out / 'annotations' / 'per_video' / split / \
            f'{item.name}.json'
        write_json(official, _restrict(content, set(kept)))
        merge_annotations([official], out,
                          annotation_file(out, item.name, split))


def boxes_file(out: Path, name: str) -> Path:
    """Where the detection file with a video's annotated boxes is."""
    return out / 'annotations' / f'{name}_boxes.json'


def annotation_file(out: Path, name: str, split: str) -> Path:
    """Where the merged annotation of a video's split is."""
    return out / 'annotations' / f'{name}_{split}.json'


def _boxes(content: dict) -> List[dict]:
    """The annotated boxes as detections with a score of 1."""
    return [
        dict(
            image_id=ann['image_id'],
            category_id=1,
            bbox=ann['bbox'],
            score=1.0) for ann in content['annotations']
    ]


def _restrict(content: dict, kept: Set[int]) -> dict:
    """The annotation with labels on the ``kept`` image ids only."""
    content = copy.deepcopy(content)
    for image in content['images']:
        image['is_labeled'] = image['id'] in kept
    content['annotations'] = [
        ann for ann in content['annotations'] if ann['image_id'] in kept
    ]
    return content
