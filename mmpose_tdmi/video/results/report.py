"""One self-contained html page to look at a video's poses with.

``page/`` holds the page's parts; nothing is loaded from a network.

A video's records as the page's data: smaller, and safe inside html.

Shape shorthand: K keypoints.

The page itself, put together from the parts in ``page/``.

The page's own copy of the video, and the page with it.

A copy plays in browsers whatever the source is: a folder of images, another
codec, a rotated or damaged file; and it has exactly the frames that have
poses.

Shape shorthand: H x W pixels of a frame.
"""
import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import (Any, Callable, Dict, Iterable, Iterator, List, Optional,
                    Union)
from urllib.parse import quote

import cv2
import numpy as np
from jinja2 import Environment

from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.visualization.drawers import ID_COLOURS
from .exports import load_results
from .pieces import Journal, VideoPieces, fit_frame, frame_time

__all__ = ['ReportWriter', 'write_page', 'write_report']

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


_PARTS = Path(__file__).parent / 'page'
_SCRIPTS = ('state', 'stage', 'player', 'timeline', 'chart', 'main')


def write_page(path: Path,
               meta: Dict[str, Any],
               records: Callable[[], Iterator[Dict[str, Any]]],
               fps: Fraction,
               video: Optional[str],
               kpt_thr: float = .3,
               max_persons: int = MAX_PERSONS) -> None:
    """Write the page, whole or not at all.

    All text is escaped, and the page forbids the browser by a content
    security policy to run any other script or to load anything but the video.

    Args:
        path (Path): The html file.
        meta (dict): ``VideoMeta.as_json()``.
        records (Callable): Gives the records of the frames, anew at each
            call.
        fps (Fraction): Frames per second, the average.
        video (str, optional): URL of the video; None for a page without.
        kpt_thr (float): From which score keypoints are shown at first.
            Defaults to 0.3.
        max_persons (int): Most persons in the page, counted in each frame;
            beyond it every n-th frame's poses are left.
    """
    seen = look_over(records(), fps)
    style = _part('page.css')
    script = "(() => {\n'use strict';\n" + ''.join(
        _part(f'{name}.js') for name in _SCRIPTS) + '})();\n'
    template = Environment(autoescape=True).from_string(_part('page.html'))
    pieces = template.generate(
        name=meta['name'],
        facts=_facts(meta, len(seen.index), len(seen.tracks)),
        details=json.dumps(meta, indent=1, ensure_ascii=False),
        video=video,
        style=style,
        style_hash=_source_hash(style),
        script=script,
        script_hash=_source_hash(script),
        data=page_data(meta, seen, records(), kpt_thr, max_persons))
    with atomic_path(path) as temporary, temporary.open(
            'w', encoding='utf-8', newline='') as file:
        file.writelines(pieces)


def data_uri(video: Path) -> str:
    """str: The URL that holds a whole mp4 file."""
    content = base64.b64encode(video.read_bytes()).decode('ascii')
    return f'data:video/mp4;base64,{content}'


def _facts(meta: Dict[str, Any], num_frames: int, num_tracks: int) -> str:
    return (f'{meta["width"]} × {meta["height"]} · {num_frames} frames at '
            f'{meta["fps"]:.5g}/s · {num_tracks} '
            f'{"track" if num_tracks == 1 else "tracks"} · '
            f'{Path(meta["config"]).stem}, {meta["mode"]}')


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding='utf-8')


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode('utf-8')).digest()
    return f'sha256-{base64.b64encode(digest).decode("ascii")}'


#: Larger videos, in bytes, are not put into the page but beside it.
EMBED_LIMIT = 24 << 20

_MAX_HEIGHT = 720


class ReportWriter:
    """Collects a copy of the video and writes the page.

    Args:
        folder (Path): Where the copy is while the run is under way.
        fps (Fraction): Frames per second, the average.
        width (int): Of the video, in pixels.
        height (int): Likewise.
        embed_limit (int): Bytes up to which the video is put into the page.
            Defaults to 24 MiB.
    """

    def __init__(self,
                 folder: Path,
                 fps: Fraction,
                 width: int,
                 height: int,
                 embed_limit: int = EMBED_LIMIT) -> None:
        self.fps = fps
        self.embed_limit = embed_limit
        self._size = width, height
        scale = min(1., _MAX_HEIGHT / height)
        # whole numbers of 2, since a row repeated at the end would move the
        # drawing
        self._shown = (max(2, 2 * round(width * scale / 2)),
                       max(2, 2 * round(height * scale / 2)))
        # seek points close to each other make stepping quick
        self.pieces = VideoPieces(
            folder, fps, crf=24, options=dict(preset='veryfast', g='24'))

    def write(self, index: int, image: np.ndarray, time: Union[Fraction,
                                                               float]) -> None:
        """Append a frame.

        Args:
            index (int): Its index, ascending.
            image (np.ndarray): (H, W, 3), uint8, BGR.
            time (Fraction | float): When it is shown, in seconds.
        """
        fitted = fit_frame(image, *self._size)
        if self._shown != self._size:
            fitted = cv2.resize(
                fitted, self._shown, interpolation=cv2.INTER_AREA)
        self.pieces.write(index, fitted, time)

    def publish(self, path: Path, journal: Journal, meta: Dict[str, Any],
                kpt_thr: float) -> List[Path]:
        """Write the page, and the video beside it if it is a large one.

        Args:
            path (Path): The html file.
            journal (Journal): The records of the frames.
            meta (dict): ``VideoMeta.as_json()``.
            kpt_thr (float): From which score keypoints are shown at first.

        Returns:
            list[Path]: The files besides the page.
        """
        joined = self.pieces.folder.with_name('report.mp4')
        self.pieces.publish(joined)
        beside = path.with_suffix('.report.mp4')
        if joined.stat().st_size <= self.embed_limit:
            url, others = data_uri(joined), []
        else:
            url, others = quote(beside.name), [beside]
            _copy(joined, beside)
        write_page(path, meta, journal.records, self.fps, url, kpt_thr)
        return others


def write_report(results: Path,
                 video: Optional[Path],
                 path: Path,
                 kpt_thr: float = .3,
                 embed_limit: int = EMBED_LIMIT) -> None:
    """Write a page from finished results.

    Args:
        results (Path): Their json.
        video (Path, optional): The video that they are of, one that browsers
            can play. None for a page without.
        path (Path): The html file. A video of more than ``embed_limit`` bytes
            is linked from it where it is.
        kpt_thr (float): From which score keypoints are shown at first.
            Defaults to 0.3.
        embed_limit (int): Bytes up to which the video is put into the page.
            Defaults to 24 MiB.

    Raises:
        FileNotFoundError: If results or video do not exist.
        ValueError: If the results are none.
    """
    content = load_results(results)
    url = None
    if video is not None:
        if Path(video).stat().st_size <= embed_limit:
            url = data_uri(Path(video))
        else:
            url = quote(os.path.relpath(video, Path(path).parent))
    meta = content['meta']
    write_page(
        Path(path), meta, lambda: iter(content['frames']),
        Fraction(meta['fps']).limit_denominator(1001), url, kpt_thr)


def _copy(source: Path, target: Path) -> None:
    """Copy a file that may be on another file system, whole or not at all."""
    with atomic_path(target) as temporary, source.open('rb') as content, \
            temporary.open('wb') as file:
        for block in iter(lambda: content.read(1 << 20), b''):
            file.write(block)
