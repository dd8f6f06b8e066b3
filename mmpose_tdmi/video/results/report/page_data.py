"""A video's records as the page's data: smaller, and safe inside html.

Shape shorthand: K keypoints.
"""
import json
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Dict, Iterable, Iterator, List

from mmpose_tdmi.visualization.pose_drawer import ID_COLOURS
from ..pieces import frame_time

#: More persons, counted in each frame, make a page too slow to open: of a
#: longer video every n-th frame's poses are in it.
MAX_PERSONS = 60_000

# What could end the script element that holds the data, or a line of it
_UNSAFE = {ord(char): f'\\u{ord(char):04x}' for char in '<>&\u2028\u2029'}


@dataclass
class Overview:
    """What is known of a video after a first look at its records.

    Args:
        index (list[int]): The frames' indices.
        times (list[float]): When they are shown, in seconds.
        tracks (dict[int, list[int]]): By id: position of the first and last
            frame, number of frames.
        sizes (dict[int, list[int]]): Width and height of the frames of
            another size than the video's, by position.
        num_persons (int): Persons, counted in each frame.
    """
    index: List[int] = field(default_factory=list)
    times: List[float] = field(default_factory=list)
    tracks: Dict[int, List[int]] = field(default_factory=dict)
    sizes: Dict[int, List[int]] = field(default_factory=dict)
    num_persons: int = 0


def look_over(records: Iterable[Dict[str, Any]], fps: Fraction) -> Overview:
    """Collect what the page says about the video as a whole.

    Args:
        records (Iterable[dict]): The records of frames.
        fps (Fraction): Frames per second, the average.

    Returns:
        Overview: Some numbers per frame and track.
    """
    seen = Overview()
    for position, record in enumerate(records):
        time = float(frame_time(record['frame'], record['timestamp'], fps))
        seen.index.append(record['frame'])
        seen.times.append(round(time, 5))
        seen.num_persons += len(record['persons'])
        if 'size' in record:
            seen.sizes[position] = record['size']
        for person in record['persons']:
            track = seen.tracks.setdefault(person['track_id'],
                                           [position, position, 0])
            track[1] = position
            track[2] += 1
    return seen


def page_data(meta: Dict[str, Any],
              seen: Overview,
              records: Iterable[Dict[str, Any]],
              kpt_thr: float,
              max_persons: int = MAX_PERSONS) -> Iterator[str]:
    """The page's data as json, safe to stand in a script element.

    Args:
        meta (dict): ``VideoMeta.as_json()``.
        seen (Overview): What :func:`look_over` found.
        records (Iterable[dict]): The same records once more.
        kpt_thr (float): From which score keypoints are shown at first.
        max_persons (int): Most persons in the page, counted in each frame.

    Yields:
        str: Pieces of the json.
    """
    step = max(1, -(-seen.num_persons // max_persons))
    head = dict(
        meta=meta,
        index=seen.index,
        times=seen.times,
        sizes=seen.sizes,
        tracks=[[track, *span] for track, span in seen.tracks.items()],
        id_colours=ID_COLOURS,
        kpt_thr=kpt_thr,
        step=step)
    yield f'{_safe(head)[:-1]},"frames":['
    for position, record in enumerate(records):
        separator = ',' if position else ''
        if position % step:
            yield f'{separator}null'
        else:
            persons = [_person(person) for person in record['persons']]
            yield f'{separator}{_safe(persons)}'
    yield ']}'


def _person(person: Dict[str, Any]) -> List[Any]:
    row = [
        person['track_id'], *(round(value, 1) for value in person['bbox']),
        round(person['bbox_score'], 3), person['source']
    ]
    for (x, y), score in zip(person['keypoints'], person['keypoint_scores']):
        row += [round(x, 1), round(y, 1), round(score, 3)]
    return row


def _safe(content: Any) -> str:
    text = json.dumps(
        content, separators=(',', ':'), ensure_ascii=False, allow_nan=False)
    # these characters can only be inside strings, where escapes mean the same
    return text.translate(_UNSAFE)
