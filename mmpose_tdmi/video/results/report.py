"""One self-contained html page to look at a video's poses with.

``page/`` holds the page's parts; nothing is loaded from a network. The page
has a copy of the video, which plays in browsers whatever the source is, with
exactly the frames that have poses.
"""
import base64
import hashlib
import json
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional
from urllib.parse import quote

import cv2
import numpy as np
from jinja2 import Environment

from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.visualization.drawers import ID_COLOURS
from .exports import load_results
from .resume import Journal, Seconds, VideoPieces, fit_frame, frame_time

#: Gives the records of the frames, anew at each call.
Records = Callable[[], Iterator[Dict[str, Any]]]
#: More persons, counted in each frame, make a page too slow to open: of a
#: longer video every n-th frame's poses are in it.
MAX_PERSONS = 60_000
#: Larger videos, in bytes, are not put into the page but beside it.
EMBED_LIMIT = 24 << 20

# What could end the script element that holds the data, or a line of it
_UNSAFE = {ord(char): f'\\u{ord(char):04x}' for char in '<>&\u2028\u2029'}
_PARTS = Path(__file__).parent / 'page'
_SCRIPTS = ('state', 'stage', 'player', 'timeline', 'chart', 'main')


def look_over(records: Records, fps: Fraction) -> Dict[str, Any]:
    """What the page says about the video as a whole: per frame its index and
    time in seconds, sizes that are not the video's; per track, positions of
    its first and last frame and the number of its frames; all persons."""
    index: List[int] = []
    times: List[float] = []
    tracks: Dict[int, List[int]] = {}
    sizes: Dict[int, List[int]] = {}
    num_persons = 0
    for position, record in enumerate(records()):
        time = float(frame_time(record['frame'], record['timestamp'], fps))
        index.append(record['frame'])
        times.append(round(time, 5))
        num_persons += len(record['persons'])
        if 'size' in record:
            sizes[position] = record['size']
        for person in record['persons']:
            track = tracks.setdefault(person['track_id'],
                                      [position, position, 0])
            track[1] = position
            track[2] += 1
    return dict(
        index=index,
        times=times,
        sizes=sizes,
        tracks=[[track, *span] for track, span in tracks.items()],
        num_persons=num_persons)


def page_data(meta: Dict[str, Any],
              seen: Dict[str, Any],
              records: Records,
              kpt_thr: float,
              max_persons: int = MAX_PERSONS) -> Iterator[str]:
    """What :func:`look_over` has ``seen``, and persons, as pieces of json."""
    seen = dict(seen)
    step = max(1, -(-seen.pop('num_persons') // max_persons))
    head = dict(
        meta=meta, **seen, id_colours=ID_COLOURS, kpt_thr=kpt_thr, step=step)
    yield f'{_safe(head)[:-1]},"frames":['
    for position, record in enumerate(records()):
        persons = None
        if position % step == 0:
            persons = [_person(person) for person in record['persons']]
        yield f'{"," if position else ""}{_safe(persons)}'
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


def write_page(path: Path, meta: Dict[str, Any], records: Records,
               fps: Fraction, video: Optional[str], kpt_thr: float) -> None:
    """Write the page, whole or not at all; ``video`` is the video's URL. All
    text is escaped, and a content security policy lets the browser run no
    other script and load nothing but the video."""
    seen = look_over(records, fps)
    style = _part('page.css')
    script = "(() => {\n'use strict';\n" + ''.join(
        _part(f'{name}.js') for name in _SCRIPTS) + '})();\n'
    num_tracks = len(seen['tracks'])
    facts = (f'{meta["width"]} × {meta["height"]} · {len(seen["index"])} '
             f'frames at {meta["fps"]:.5g}/s · {num_tracks} '
             f'{"track" if num_tracks == 1 else "tracks"} · '
             f'{Path(meta["config"]).stem}, {meta["mode"]}')
    template = Environment(autoescape=True).from_string(_part('page.html'))
    pieces = template.generate(
        name=meta['name'],
        facts=facts,
        details=json.dumps(meta, indent=1, ensure_ascii=False),
        video=video,
        style=style,
        style_hash=_source_hash(style),
        script=script,
        script_hash=_source_hash(script),
        data=page_data(meta, seen, records, kpt_thr))
    with atomic_path(path) as temporary, temporary.open(
            'w', encoding='utf-8', errors='backslashreplace',
            newline='') as file:
        file.writelines(pieces)


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding='utf-8')


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode('utf-8')).digest()
    return f'sha256-{base64.b64encode(digest).decode("ascii")}'


def _data_uri(video: Path) -> str:
    content = base64.b64encode(video.read_bytes()).decode('ascii')
    return f'data:video/mp4;base64,{content}'


class ReportWriter:
    """Collects a copy of the video in a folder and writes the page, with the
    copy in it up to ``embed_limit`` bytes."""

    def __init__(self,
                 folder: Path,
                 fps: Fraction,
                 width: int,
                 height: int,
                 embed_limit: int = EMBED_LIMIT) -> None:
        self.fps = fps
        self.embed_limit = embed_limit
        self._size = width, height
        scale = min(1., 720 / height)
        # whole numbers of 2, since a row repeated at the end would move the
        # drawing
        self._shown = (max(2, 2 * round(width * scale / 2)),
                       max(2, 2 * round(height * scale / 2)))
        # seek points close to each other make stepping quick
        self.pieces = VideoPieces(
            folder, fps, crf=24, options=dict(preset='veryfast', g='24'))

    def write(self, index: int, image: np.ndarray, time: Seconds) -> None:
        """Append a frame, shown at a time in seconds."""
        shown = cv2.resize(
            fit_frame(image, *self._size),
            self._shown,
            interpolation=cv2.INTER_AREA)
        self.pieces.write(index, shown, time)

    def publish(self, path: Path, journal: Journal, meta: Dict[str, Any],
                kpt_thr: float) -> List[Path]:
        """Write the page; gives the files beside it, that of a large video."""
        joined = self.pieces.folder.with_name('report.mp4')
        self.pieces.publish(joined)
        beside = path.with_suffix('.report.mp4')
        if joined.stat().st_size <= self.embed_limit:
            url, others = _data_uri(joined), []
        else:
            url, others = quote(beside.name), [beside]
            # perhaps to another file system
            with atomic_path(beside) as temporary:
                shutil.copyfile(joined, temporary)
        write_page(path, meta, journal.records, self.fps, url, kpt_thr)
        return others


def write_report(results: Path,
                 video: Optional[Path],
                 path: Path,
                 kpt_thr: float = .3,
                 embed_limit: int = EMBED_LIMIT) -> None:
    """Write a page, html, from the json of finished results.

    ``video`` is one that browsers can play, or None; if of more than
    ``embed_limit`` bytes, it is linked, else put into the page. From
    ``kpt_thr`` on keypoints are shown at first.
    """
    content = load_results(results)
    url = None
    if video is not None:
        url = quote(os.path.relpath(video, Path(path).parent))
        if Path(video).stat().st_size <= embed_limit:
            url = _data_uri(Path(video))
    meta = content['meta']
    write_page(
        Path(path), meta, lambda: iter(content['frames']),
        Fraction(meta['fps']).limit_denominator(1001), url, kpt_thr)
