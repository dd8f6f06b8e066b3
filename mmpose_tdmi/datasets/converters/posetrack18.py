"""PoseTrack18's annotation format: its facts, a writer and the merger.

The official release has one json per video, without image sizes;
:func:`convert_posetrack18` joins those of a split into a converted file (see
:mod:`.conversion`), :func:`merge_annotations` any of them into one plain
COCO-style json. Ids are decimal fields: an image is
``T * 10**10 + sequence * 10**4 + frame`` (T is a digit naming the collection
that the sequence comes from, 1 for MPII), an annotation
``image_id * 100 + number``.

Shape shorthand: V = 17 keypoints; a person's ``keypoints`` are 3 V numbers
(x, y, v) in pixels of the whole image, and a joint is unlabelled exactly if
x = y = v = 0.
"""
import copy
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from mmpose_tdmi.utils.files import write_json
from .conversion import (Conversion, ConvertedVideo, DatasetFormat,
                         VideoSource, convert_split,
                         make_annotation_ids_unique)
from .frames import image_size
from .layouts import (KEYPOINT_NAMES, NUM_KEYPOINTS, SKELETON,
                      box_from_keypoints, person_category)
from .posetrack_json import (check_categories, find_json_videos,
                             read_posetrack_json)
from .reading import PathLike, Record, read_json

__all__ = [
    'KEYPOINT_NAMES', 'NUM_KEYPOINTS', 'POSETRACK18', 'SKELETON',
    'box_from_keypoints', 'convert_posetrack18', 'format_video_id',
    'make_annotation_id', 'make_image_id', 'merge_annotations',
    'person_category', 'read_posetrack18_video', 'split_image_id',
    'write_video_annotation'
]

_MAX_FRAMES, _MAX_SEQUENCES = 10**4, 10**6


def make_image_id(collection: int, sequence: int, frame: int) -> int:
    """The id of a frame.

    Args:
        collection (int): T, 1 to 9.
        sequence (int): Number of the sequence, 0 to 999999.
        frame (int): Number of the frame, 0 to 9999.

    Returns:
        int: ``T * 10**10 + sequence * 10**4 + frame``.

    Raises:
        ValueError: If a part is out of its range.
    """
    for name, value, low, high in (('collection', collection, 1, 10),
                                   ('sequence', sequence, 0, _MAX_SEQUENCES),
                                   ('frame', frame, 0, _MAX_FRAMES)):
        if not low <= value < high:
            raise ValueError(f'{name} must be in [{low}, {high}), got {value}')
    return (collection * _MAX_SEQUENCES + sequence) * _MAX_FRAMES + frame


def split_image_id(image_id: int) -> Tuple[int, int, int]:
    """The inverse of :func:`make_image_id`: collection, sequence, frame."""
    rest, frame = divmod(image_id, _MAX_FRAMES)
    return (*divmod(rest, _MAX_SEQUENCES), frame)


def make_annotation_id(image_id: int, number: int) -> int:
    """The id of the ``number``-th (0 to 99) person of an image."""
    if not 0 <= number < 100:
        raise ValueError(f'number must be in [0, 100), got {number}')
    return image_id * 100 + number


def format_video_id(sequence: int) -> str:
    """str: ``vid_id``, the sequence number with six digits."""
    return f'{sequence:06d}'


def write_video_annotation(path: PathLike, images: Sequence[Dict[str, Any]],
                           annotations: Sequence[Dict[str, Any]]) -> None:
    """Write one video's official json, whole or not at all.

    Args:
        path (str | Path): The json file.
        images (Sequence[dict]): One per frame, unlabelled ones included.
        annotations (Sequence[dict]): One per labelled person and frame.
    """
    write_json(
        path,
        dict(
            categories=[person_category()],
            images=list(images),
            annotations=list(annotations)))


def read_posetrack18_video(source: VideoSource) -> ConvertedVideo:
    """Read one video; see :func:`.posetrack_json.read_posetrack_json`."""
    return read_posetrack_json(source, person_ids=False)


def _find_videos(root: Path, split: str) -> List[VideoSource]:
    return find_json_videos(root, f'annotations/{split}', split)


POSETRACK18 = DatasetFormat(
    name='posetrack18',
    splits=('train', 'val', 'test'),
    category=person_category(),
    annotation_folder='annotations/{split}',
    find_videos=_find_videos,
    read_video=read_posetrack18_video)


def convert_posetrack18(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack18's official folder.

    The folder holds ``annotations/<split>/<video>.json`` and
    ``images/<split>/<video>/%06d.jpg``.

    Args:
        data_root (str | Path): The folder.
        split (str): 'train', 'val' or 'test'. Defaults to 'val'.
        out (str | Path, optional): Folder of the result,
            ``posetrack18_<split>.json``. Defaults to None, ``annotations`` in
            the data root.
        workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
        progress (bool): Show a progress bar. Defaults to False.

    Returns:
        Conversion: Path and counts.

    Raises:
        FileNotFoundError: If a file or folder that is needed is missing.
        ValueError: On a mistake in an official file; the message names file,
            place, value and what was expected.
    """
    return convert_split(POSETRACK18, data_root, split, out, workers, progress)


def merge_annotations(video_jsons: Sequence[PathLike],
                      image_root: PathLike,
                      out: Optional[PathLike] = None,
                      progress: bool = False) -> Dict[str, Any]:
    """Join official per-video files into one COCO-style annotation.

    Images keep all their fields (``nframes``, ``is_labeled``, ignore regions
    ...) and gain ``width`` and ``height``, read from the image's header
    without decoding it. Unlabelled images stay listed. Annotations keep
    theirs (``track_id``, ``bbox_head`` ...) and gain their box's ``area``;
    one without a ``bbox`` gets it by PoseTrack18's rule, and one whose
    ``id`` is missing or taken gets a fresh one above all others.

    Args:
        video_jsons (Sequence[str | Path]): The per-video files, merged in
            the given order.
        image_root (str | Path): Folder that ``file_name`` is relative to.
        out (str | Path, optional): Where to write the result. Default: not
            written.
        progress (bool): Show a progress bar. Default: False.

    Returns:
        dict: The merged annotation.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If there are no files, a field is missing or wrong, the
            keypoints have another layout, an image id is taken, an
            annotation refers to an unknown image, or an image's header
            cannot be read. The message names file and field.
    """
    if not video_jsons:
        raise ValueError('no per-video json files to merge')
    paths = [Path(path) for path in video_jsons]
    if progress:
        from tqdm import tqdm
        paths = tqdm(paths, desc='merging', unit='video')
    image_root = Path(image_root)
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    sources: Dict[int, Path] = {}
    for path in paths:
        content = read_json(path)
        check_categories(content['categories'])
        for record in content['images']:
            image = copy.deepcopy(_checked_image(record))
            if image['id'] in sources:
                raise ValueError(f'{record.where}.id {image["id"]} is already '
                                 f'used in {sources[image["id"]]}')
            sources[image['id']] = path
            image['width'], image['height'] = image_size(
                image_root / image['file_name'], f'{record.where}.file_name')
            images.append(image)
        for record in content['annotations']:
            annotation = _checked_annotation(record)
            if sources.get(annotation['image_id']) != path:
                raise ValueError(
                    f'{record.where}.image_id {annotation["image_id"]} is not '
                    'among the images of that file')
            annotations.append(annotation)
    make_annotation_ids_unique(annotations)
    merged = dict(
        categories=[person_category()], images=images, annotations=annotations)
    if out is not None:
        write_json(out, merged)
    return merged


def _checked_image(record: Record) -> Dict[str, Any]:
    record['id'].integer(0)
    record['file_name'].path()
    record['vid_id'].string()
    record['nframes'].integer(1)
    record['is_labeled'].boolean()
    return record.object()


def _checked_annotation(record: Record) -> Dict[str, Any]:
    record['image_id'].integer(0)
    record['track_id'].integer()
    keypoints = record['keypoints'].numbers(3 * NUM_KEYPOINTS)
    annotation = copy.deepcopy(record.object())
    for field in ('bbox', 'bbox_head'):
        if field in annotation:
            record[field].numbers(4)
    if 'bbox' not in annotation and any(keypoints):
        annotation['bbox'] = box_from_keypoints(keypoints)
    if 'bbox' in annotation:
        # MMDetection's COCO-style datasets need it
        _, _, width, height = annotation['bbox']
        annotation.setdefault('area', width * height)
    return annotation
