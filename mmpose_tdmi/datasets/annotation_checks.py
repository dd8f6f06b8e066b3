"""Checks of annotations and dataset options, each a named error.

Shape shorthand: none.
"""
from collections import Counter
from typing import Mapping, Tuple

from mmpose_tdmi.structures import FrameWindow


def check_unique_ids(content: Mapping, ann_file: str) -> None:
    """Refuse annotations whose images or persons share an id.

    The host indexes by id and would silently keep the last one.

    Args:
        content (Mapping): The annotation file's content.
        ann_file (str): Its path, for the message.

    Raises:
        ValueError: If an id occurs more than once.
    """
    for field in ('images', 'annotations'):
        counts = Counter(record['id'] for record in content.get(field, ()))
        repeated = [id_ for id_, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(
                f'{ann_file}: ids of {field} must be unique, but '
                f'{len(repeated)} occur more than once: {repeated[:3]}')


def check_keypoint_names(content: Mapping, metainfo: Mapping,
                         ann_file: str) -> None:
    """Refuse annotations whose keypoints are not the dataset's.

    Args:
        content (Mapping): The annotation file's content.
        metainfo (Mapping): The dataset's parsed metainfo.
        ann_file (str): The file's path, for the message.

    Raises:
        ValueError: If a category names other keypoints.
    """
    names = list(metainfo['keypoint_id2name'].values())
    for category in content.get('categories', ()):
        if category.get('keypoints', names) != names:
            raise ValueError(
                f'{ann_file}: category {category.get("name")!r} has the '
                f'keypoints {category["keypoints"]}; expected those of '
                f'{metainfo["dataset_name"]}, in order: {names}')


def check_random_range(random_range: Tuple[int, int], window: FrameWindow,
                       test_mode: bool) -> None:
    """Refuse a range from which a window cannot be drawn.

    Args:
        random_range (tuple[int, int]): Lowest and highest offset.
        window (FrameWindow): What is drawn.
        test_mode (bool): Whether the dataset is for testing.

    Raises:
        ValueError: If the range is too narrow, or the dataset for testing.
    """
    if test_mode:
        raise ValueError('random_range is for training, but test_mode is set: '
                         'results would change from run to run')
    low, high = random_range
    num_past, num_future = window.key, window.num_frames - window.key - 1
    if -low < num_past or high < num_future:
        raise ValueError(
            f'random_range {tuple(random_range)} is too narrow to draw '
            f'{num_past} frames before and {num_future} after the key frame '
            'without repetition')
