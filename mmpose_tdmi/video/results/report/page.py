"""The page itself, put together from the parts in ``page/``.

Shape shorthand: none.
"""
import base64
import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

from jinja2 import Environment

from mmpose_tdmi.utils.files import atomic_path
from .page_data import MAX_PERSONS, look_over, page_data

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
