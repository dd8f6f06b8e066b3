"""Reading the per-video json that PoseTrack18 and PoseTrack21 share.

Shape shorthand: V = 17 keypoints.

PoseTrack18's annotation format: its facts, a writer and the merger.

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

PoseTrack21's annotation format: PoseTrack18's with more persons.

Images also say ``has_labeled_person``, annotations ``person_id``, a person's
number across videos. Frames that are not ``is_labeled`` may have persons that
are annotated by a box only, and so may labelled ones: such a person stays,
with all keypoints 0.
"""
import copy
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from mmpose_tdmi.utils.files import write_json
from .conversion import (KEYPOINT_NAMES, NUM_KEYPOINTS, Conversion,
                         ConvertedVideo, DatasetFormat, PathLike, Record,
                         VideoSource, box_from_keypoints, convert_split,
                         count_joints, frame_number, image_size, list_frames,
                         make_annotation_ids_unique, person_category,
                         read_json)


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


def read_posetrack21_video(source: VideoSource) -> ConvertedVideo:
    """Read one video; see :func:`.posetrack_json.read_posetrack_json`."""
    return read_posetrack_json(source, person_ids=True)


def _posetrack21_find_videos(root: Path, split: str) -> List[VideoSource]:
    return find_json_videos(root, f'posetrack_data/{split}', split)


POSETRACK21 = DatasetFormat(
    name='posetrack21',
    splits=('train', 'val'),
    category=person_category(),
    annotation_folder='posetrack_data/{split}',
    find_videos=_posetrack21_find_videos,
    read_video=read_posetrack21_video)


def convert_posetrack21(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack21's official folder.

    The folder holds ``posetrack_data/<split>/<video>.json`` and
    ``images/<split>/<video>/%06d.jpg``.

    Args:
        data_root (str | Path): The folder.
        split (str): 'train' or 'val'. Defaults to 'val'.
        out (str | Path, optional): Folder of the result,
            ``posetrack21_<split>.json``. Defaults to None, ``annotations`` in
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
    return convert_split(POSETRACK21, data_root, split, out, workers, progress)
