"""What the box readers need of an annotation file, checked.

Shape shorthand: none.
"""
from typing import Any, Iterable, List, NamedTuple, Optional, Tuple

from mmengine import fileio

from .box_files import is_id, is_number, load_json


class AnnotationRecords(NamedTuple):
    """The records of an annotation file.

    Args:
        images (dict[int | str, dict]): Image records by id.
        annotations (list[dict]): Annotated persons.
        videos (list[dict]): Records of videos; none in files without them.
    """
    images: dict
    annotations: List[dict]
    videos: List[dict]


def read_annotation_records(ann_file: str) -> AnnotationRecords:
    """Read the records of a COCO-style annotation file.

    Args:
        ann_file (str): The file.

    Returns:
        AnnotationRecords: Its records.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is not such a file, or two images share an id.
    """
    if not fileio.exists(ann_file) or fileio.isdir(ann_file):
        raise FileNotFoundError(
            f'the annotation file {ann_file} does not exist')
    content = load_json(ann_file)
    if not isinstance(content, dict) or not isinstance(
            content.get('images'), list):
        raise ValueError(f'{ann_file}: expected an annotation file with '
                         '"images", a list')
    check_images(content['images'], ann_file)
    images: dict = {}
    for number, image in enumerate(content['images']):
        for key in ('id', 'file_name'):
            if key not in image:
                raise ValueError(f'{ann_file}: images[{number}] lacks {key!r}')
        if image['id'] in images:
            raise ValueError(f'{ann_file}: two images have the id '
                             f'{image["id"]!r}')
        images[image['id']] = image
    annotations = content.get('annotations', [])
    if not isinstance(annotations, list):
        raise ValueError(f'{ann_file}: "annotations" must be a list')
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not is_id(
                annotation.get('image_id')):
            raise ValueError(
                f'{ann_file}: annotations[{number}] must be a dict with an '
                'image_id')
        if annotation['image_id'] not in images:
            raise ValueError(
                f'{ann_file}: annotations[{number}] is of the image '
                f'{annotation["image_id"]!r}, which "images" do not list')
    videos = content.get('videos', [])
    if not isinstance(videos, list):
        raise ValueError(f'{ann_file}: "videos" must be a list')
    check_videos(videos, ann_file)
    return AnnotationRecords(images, annotations, videos)


def known_size(image: dict) -> Optional[Tuple[int, int]]:
    """An image record's size.

    Args:
        image (dict): The record.

    Returns:
        tuple[int, int] | None: Width and height in pixels, if it tells.
    """
    if 'width' in image and 'height' in image:
        return image['width'], image['height']
    return None


def check_images(images: Iterable[Any], ann_file: str) -> None:
    """Check the fields of image records that are used here, if present.

    Args:
        images (Iterable): The records.
        ann_file (str): Their file, for messages.

    Raises:
        ValueError: If one is malformed.
    """
    for image in images:
        if not isinstance(image, dict):
            raise ValueError(f'{ann_file}: expected an image record, got '
                             f'{image!r}')
        where = f'{ann_file}: image {image.get("id")!r}'
        if 'id' in image and not is_id(image['id']):
            raise ValueError(f'{where}: an id must be an integer or a string')
        if not isinstance(image.get('file_name', ''), str):
            raise ValueError(f'{where}: file_name must be a path, got '
                             f'{image["file_name"]!r}')
        if 'vid_id' in image and not is_id(image['vid_id']):
            raise ValueError(f'{where}: vid_id must be an id, got '
                             f'{image["vid_id"]!r}')
        for key in ('width', 'height'):
            if key in image and not (is_number(image[key]) and image[key] > 0):
                raise ValueError(f'{where}: {key} must be positive, got '
                                 f'{image[key]!r}')


def check_videos(videos: Iterable[Any], ann_file: str) -> None:
    """Check records of videos.

    Args:
        videos (Iterable): The records.
        ann_file (str): Their file, for messages.

    Raises:
        ValueError: If one lacks ``id``, ``name`` or ``file_names``, or they
            are malformed.
    """
    for number, video in enumerate(videos):
        where = f'{ann_file}: videos[{number}]'
        if not isinstance(video, dict):
            raise ValueError(f'{where}: expected a record, got {video!r}')
        for key in ('id', 'name', 'file_names'):
            if key not in video:
                raise ValueError(f'{where} lacks {key!r}')
        if not is_id(video['id']) or not isinstance(video['name'], str):
            raise ValueError(f'{where}: id and name must be an id and a '
                             f'string, got {video["id"]!r}, '
                             f'{video["name"]!r}')
        names = video['file_names']
        if not isinstance(names, list) or not all(
                isinstance(name, str) for name in names):
            raise ValueError(f'{where}: file_names must be a list of paths')
