"""Files of PoseTrack poses: one video's, and a merged one of many.

Official files are per video, in PoseTrack17's annolist format or PoseTrack18's
COCO-like one (which PoseTrack21 shares); which it is, is seen from the
content. The merged file of a split is PoseTrack18-format, with or without a
table of its ``videos``.

Shape shorthand: none; see ``pose_sequences``.
"""
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import numpy as np

from .json_fields import field_column, get_records, read_json
from .pose_sequences import AnnotatedSequence, PoseSequence, PredictedSequence
from .posetrack17_format import (parse_posetrack17_annotations,
                                 parse_posetrack17_predictions)
from .posetrack18_format import (parse_posetrack18_annotations,
                                 parse_posetrack18_predictions)


def read_annotations(path: Union[str, Path]) -> AnnotatedSequence:
    """Ground truth of one video from its official file.

    Args:
        path (str | Path): A json in PoseTrack17's or PoseTrack18's format.

    Returns:
        AnnotatedSequence: The video, named by the file's stem.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing or malformed, a frame is listed
            twice, or the frames are not of one video.
    """
    content = read_json(path)
    if is_annolist(content):
        sequence = parse_posetrack17_annotations(content, str(path))
    else:
        sequence = parse_posetrack18_annotations(content, str(path))
    return _one_video(sequence, Path(path))


def read_predictions(path: Union[str, Path]) -> PredictedSequence:
    """Predictions for one video, in the form of the official files.

    Args:
        path (str | Path): A json in PoseTrack17's or PoseTrack18's format,
            with scores. Files of this package also have ``info`` with the
            ``box_source``.

    Returns:
        PredictedSequence: The video, named by the file's stem.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As :func:`read_annotations`.
    """
    content = read_json(path)
    if is_annolist(content):
        sequence = parse_posetrack17_predictions(content, str(path))
    else:
        sequence = parse_posetrack18_predictions(content, str(path))
    info = content.get('info')
    source = info.get('box_source') if isinstance(info, dict) else None
    if isinstance(source, str):
        sequence = sequence.replace(box_source=source)
    return _one_video(sequence, Path(path))


def load_annotations(path: Union[str, Path]) -> Dict[str, AnnotatedSequence]:
    """Ground truth of many videos from the merged file of a split.

    Args:
        path (str | Path): PoseTrack18-format json with ``images``,
            ``annotations`` and ``categories``. A video's name is that of the
            ``videos`` table if the file has one (each with ``id`` and
            ``name``, images with ``vid_id``), otherwise that of the folder
            of its images.

    Returns:
        dict[str, AnnotatedSequence]: The videos by name, in alphabetical
        order; a video's frames in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing or malformed, a frame is listed
            twice, or two videos share a name.
    """
    content = read_json(path)
    names = _video_names(content, str(path))
    order = np.argsort(np.array(names, dtype=str), kind='stable')
    images = content['images']
    merged = parse_posetrack18_annotations(
        dict(content, images=[images[i] for i in order]), str(path))
    sorted_names, starts = np.unique(
        np.array(names, dtype=str)[order], return_index=True)
    stops = [*starts[1:], merged.num_frames]
    videos = {}
    for name, start, stop in zip(sorted_names.tolist(), starts, stops):
        videos[name] = merged.slice_frames(int(start), int(stop), name)
        frame_keys(videos[name], f'{path}: video {name}')
    return videos


def is_annolist(content: Any) -> bool:
    """bool: Whether the content of a file is in PoseTrack17's format."""
    return isinstance(content, dict) and 'annolist' in content


def frame_keys(sequence: PoseSequence,
               where: Optional[str] = None) -> List[Union[int, str]]:
    """What identifies the frames within their video.

    Args:
        sequence (PoseSequence): A video.
        where (str, optional): What an error calls it. Defaults to None, its
            name.

    Returns:
        list[int | str]: The number in the image's name or, if that is not
        just a number (raw PoseTrack17 images), the name without its suffix.

    Raises:
        ValueError: If two frames share it.
    """
    # string methods: pathlib takes longer than all arithmetic of the metric
    stems = [
        name.rpartition('/')[2].rsplit('.', 1)[0]
        for name in sequence.frame_names
    ]
    keys = [int(s) if s.isascii() and s.isdigit() else s for s in stems]
    if len(set(keys)) != len(keys):
        place: Dict[Union[int, str], int] = {}
        repeated = [
            sequence.frame_names[i] for i, key in enumerate(keys)
            if place.setdefault(key, i) != i
        ]
        raise ValueError(f'{where or sequence.name}: {len(repeated)} frames '
                         f'are listed more than once: {repeated[:3]}')
    return keys


def _one_video(sequence: Any, path: Path) -> Any:
    folders = {name.rpartition('/')[0] for name in sequence.frame_names}
    if len(folders) > 1:
        raise ValueError(
            f'{path}: expected the frames of one video, found those of '
            f'{len(folders)}: {sorted(folders)[:3]}')
    sequence = sequence.replace(name=path.stem)
    frame_keys(sequence, str(path))
    return sequence


def _video_names(content: Any, where: str) -> List[str]:
    """The name of each image's video."""
    images = get_records(content, 'images', where)

    def describe(index: int) -> str:
        return f'{where}: images[{index}]'

    if 'videos' in content:
        table = _video_table(content, where)
        ids = field_column(images, 'vid_id', (str, int), describe)
        unknown = sorted({str(i) for i in ids} - set(table))
        if unknown:
            raise ValueError(f'{where}: images of the videos {unknown[:3]}, '
                             'which "videos" does not list')
        return [table[str(i)] for i in ids]
    files = field_column(images, 'file_name', (str, ), describe)
    folders = [name.rpartition('/')[0] for name in files]
    named: Dict[str, str] = {}
    for folder in sorted(set(folders)):
        name = folder.rpartition('/')[2]
        other = named.setdefault(name, folder)
        if other != folder:
            raise ValueError(f'{where}: two videos are named {name!r}, '
                             f'{other} and {folder}')
    return [folder.rpartition('/')[2] for folder in folders]


def _video_table(content: dict, where: str) -> Dict[str, str]:
    videos = get_records(content, 'videos', where)

    def describe(index: int) -> str:
        return f'{where}: videos[{index}]'

    ids = field_column(videos, 'id', (str, int), describe)
    names = field_column(videos, 'name', (str, ), describe)
    for key, values in (('id', [str(i) for i in ids]), ('name', names)):
        repeated = sorted({v for v in values if values.count(v) > 1})
        if repeated:
            raise ValueError(f'{where}: "{key}" of videos must be unique, but '
                             f'{repeated[:3]} occur more than once')
    return {str(i): name for i, name in zip(ids, names)}
