"""Reading the per-video json that PoseTrack18 and PoseTrack21 share.

Shape shorthand: V = 17 keypoints.
"""
import copy
from pathlib import Path
from typing import Any, Dict, List, Tuple

from .conversion import ConvertedVideo, VideoSource
from .frames import frame_number, image_size, list_frames
from .layouts import (KEYPOINT_NAMES, NUM_KEYPOINTS, box_from_keypoints,
                      count_joints)
from .reading import Record, read_json


def find_json_videos(root: Path, folder: str, split: str) -> List[VideoSource]:
    """The videos of a split that has one json per video.

    Args:
        root (Path): The data root.
        folder (str): The folder of the json files, relative to it.
        split (str): The split.

    Returns:
        list[VideoSource]: At least one, ordered by name.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    files = sorted((root / folder).glob('*.json'), key=lambda path: path.stem)
    if not files:
        raise FileNotFoundError(
            f'there are no json files of videos in {root / folder}')
    return [VideoSource(root, split, path.stem, path) for path in files]


def read_posetrack_json(source: VideoSource,
                        person_ids: bool) -> ConvertedVideo:
    """Read one video's official json.

    Fields that the converted file does not define are kept.

    Args:
        source (VideoSource): The video.
        person_ids (bool): Whether images say ``has_labeled_person`` and
            annotations ``person_id``, as in PoseTrack21. Persons may then be
            annotated without keypoints.

    Returns:
        ConvertedVideo: The video.

    Raises:
        FileNotFoundError: If the annotation or an image is missing.
        ValueError: On any mistake; the message names it.
    """
    content = read_json(source.annotation)
    check_categories(content['categories'])
    images, folder = _images(source, content, person_ids)
    frames = {
        number: f'{folder}/{name}'
        for number, name in list_frames(
            source.root, folder,
            [Path(image['file_name']).name for image in images]).items()
    }
    known = {image['id'] for image in images}
    annotations = []
    # the files of the test split have none
    if 'annotations' in content.object() or source.split != 'test':
        for record in content['annotations']:
            annotation = _annotation(record, person_ids)
            if annotation['image_id'] not in known:
                raise ValueError(
                    f'{record.where}.image_id {annotation["image_id"]} is '
                    'not among the images of that file')
            annotations.append(annotation)
    return ConvertedVideo(source.name, images[0]['vid_id'], frames, images,
                          annotations)


def check_categories(categories: Record) -> None:
    """Refuse keypoints in another layout than PoseTrack18's.

    Raises:
        ValueError: If a category names other keypoints.
    """
    for category in categories:
        names = category['keypoints']
        if names.value != list(KEYPOINT_NAMES):
            raise ValueError(f'{names.where} is {names.value!r:.200}, expected'
                             f' the PoseTrack18 names {list(KEYPOINT_NAMES)}')


def ignore_regions(image: Record) -> Tuple[List[list], List[list]]:
    """The ignore polygons of an image's record.

    Returns:
        tuple[list[list], list[list]]: x and y per polygon, image pixels;
        empty if the record has none.

    Raises:
        ValueError: If x and y do not belong together.
    """
    fields = [image.get(f'ignore_regions_{axis}') for axis in 'xy']
    if fields == [None, None]:
        return [], []
    xs, ys = ([region.numbers() for region in image[f'ignore_regions_{axis}']]
              for axis in 'xy')
    if [len(x) for x in xs] != [len(y) for y in ys]:
        raise ValueError(f'{image.where}.ignore_regions_x has polygons of '
                         f'{[len(x) for x in xs]} points, ignore_regions_y of '
                         f'{[len(y) for y in ys]}, expected the same')
    return xs, ys


def _images(source: VideoSource, content: Record,
            person_ids: bool) -> Tuple[List[Dict[str, Any]], str]:
    """The checked images, and the one folder that they are in."""
    images: List[Dict[str, Any]] = []
    ids: Dict[int, str] = {}
    folder = vid_id = None
    for record in content['images']:
        image = _image(source, record, person_ids)
        own = str(Path(image['file_name']).parent)
        if (own, image['vid_id']) != (folder or own, vid_id
                                      or image['vid_id']):
            raise ValueError(
                f'{record.where} is of video {image["vid_id"]!r} in {own}, '
                f'expected {vid_id!r} in {folder} as those before')
        folder, vid_id = own, image['vid_id']
        if image['id'] in ids:
            raise ValueError(f'{record.where}.id {image["id"]} is already '
                             f'used in {ids[image["id"]]}')
        ids[image['id']] = record.place
        images.append(image)
    if not images:
        raise content['images'].error('at least one image')
    return images, folder


def _image(source: VideoSource, record: Record,
           person_ids: bool) -> Dict[str, Any]:
    file_name = record['file_name'].path()
    try:
        number = frame_number(Path(file_name).name)
    except ValueError as error:
        raise ValueError(f'{record.where}.file_name: {error}') from None
    vid_id = record['vid_id']
    image = dict(
        id=record['id'].integer(0),
        file_name=file_name,
        vid_id=(f'{vid_id.integer(0):06d}'
                if isinstance(vid_id.value, int) else vid_id.string()),
        frame_id=number,
        nframes=record['nframes'].integer(1),
        width=None,
        height=None,
        is_labeled=record['is_labeled'].boolean())
    if person_ids:
        image['has_labeled_person'] = record['has_labeled_person'].boolean()
    xs, ys = ignore_regions(record)
    image.update(ignore_regions_x=xs, ignore_regions_y=ys)
    size = image_size(source.root / file_name, f'{record.where}.file_name')
    for field, value in zip(('width', 'height'), size):
        given = record.get(field)
        if given is not None and given.integer() != value:
            raise given.error(f'{value} as {file_name} has')
        image[field] = value
    return _with_rest(image, record)


def _annotation(record: Record, person_ids: bool) -> Dict[str, Any]:
    keypoints = _keypoints(record, may_lack=person_ids)
    annotation: Dict[str, Any] = dict(
        id=None if record.get('id') is None else record['id'].integer(0),
        image_id=record['image_id'].integer(0),
        category_id=1,
        track_id=record['track_id'].integer())
    if person_ids:
        annotation['person_id'] = record['person_id'].integer()
    box = box_or_none(record, 'bbox')
    if box is None and any(keypoints):
        box = box_from_keypoints(keypoints)
    if box is not None:
        annotation.update(bbox=box, area=box[2] * box[3])
    head = box_or_none(record, 'bbox_head')
    if head is not None:
        annotation['bbox_head'] = head
    annotation.update(
        keypoints=keypoints, num_keypoints=count_joints(keypoints), iscrowd=0)
    category = record.get('category_id')
    if category is not None and category.integer() != 1:
        raise category.error('1, the person')
    return _with_rest(annotation, record)


def _keypoints(record: Record, may_lack: bool) -> List[float]:
    given = record.get('keypoints')
    if may_lack and (given is None or given.value in ([], None)):
        return [0] * (3 * NUM_KEYPOINTS)
    return record['keypoints'].numbers(3 * NUM_KEYPOINTS)


def box_or_none(record: Record, field: str) -> Any:
    """list[float] | None: A box x, y, width, height, if there is one."""
    given = record.get(field)
    if given is None or given.value in ([], None):
        return None
    return given.numbers(4)


def _with_rest(own: Dict[str, Any], record: Record) -> Dict[str, Any]:
    """Add the official fields that are not ours."""
    for field, value in record.object().items():
        if field not in own and field not in ('bbox', 'bbox_head', 'area'):
            own[field] = copy.deepcopy(value)
    return own
