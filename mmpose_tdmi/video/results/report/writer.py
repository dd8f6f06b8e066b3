"""The page's own copy of the video, and the page with it.

A copy plays in browsers whatever the source is: a folder of images, another
codec, a rotated or damaged file; and it has exactly the frames that have
poses.

Shape shorthand: H x W pixels of a frame.
"""
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, List, Optional, Union
from urllib.parse import quote

import cv2
import numpy as np

from mmpose_tdmi.utils.files import atomic_path
from ..exports import load_results
from ..journal import Journal
from ..pieces import VideoPieces, fit_frame
from .page import data_uri, write_page

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
