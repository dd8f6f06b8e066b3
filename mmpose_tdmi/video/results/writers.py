"""What is written of a video, and where.

The hidden folder of a run that is under way or was interrupted.

Results of a video written while its frames come in.

Every frame's record goes to a journal at once; the result files are made from
it when the video is complete. Videos are written in pieces. Both are in a
hidden folder beside the results, ``.<name>.partial``, that goes when all files
are in place. Hence the rule for a run that ends early, by whatever means:
result files are whole or absent, and the next run with ``resume`` goes on
where journal and pieces end, if input, model and settings are the same.

Shape shorthand: H x W pixels of a frame.
"""
import fcntl
import json
import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Optional, Sequence

import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.visualization import VideoDrawer
from ..structures import FramePoses
from .exports import EXPORTS, FILE_NAMES, frame_record
from .meta import VideoMeta
from .pieces import Journal, VideoPieces, fit_frame, frame_time
from .report import ReportWriter


@dataclass(frozen=True)
class OutputSettings:
    """What is written of a video.

    Args:
        pred_out_dir (Path, optional): Folder of the files in ``formats``.
            Defaults to None, none is written.
        vis_out_dir (Path, optional): Folder of the overlay video. Defaults
            to None, none is written.
        formats (Sequence[str]): Some of ``'json'``, ``'csv'``,
            ``'posetrack'`` and ``'coco'``. Defaults to ``('json', )``.
        overlay (bool): Whether there is an overlay video in ``vis_out_dir``.
            Defaults to ``True``.
        report (bool): Whether there is a page to look at the results with,
            in ``vis_out_dir`` or, without one, in ``pred_out_dir``. Defaults
            to ``False``.
        kpt_thr (float): Keypoints with a lower score are not drawn. Defaults
            to 0.3.
        trail (int): For how many frames trails are drawn. Defaults to 30.
        draw_heatmap (bool): Whether heatmaps are drawn, which the poses must
            have. Defaults to ``False``.
        draw_motion (bool): Whether motion features are drawn, likewise.
            Defaults to ``False``.
        resume (bool): Whether to go on where an interrupted run with the
            same fingerprint was. Defaults to ``False``.

    Raises:
        ValueError: If a format is unknown, or nothing would be written.
    """
    pred_out_dir: Optional[Path] = None
    vis_out_dir: Optional[Path] = None
    formats: Sequence[str] = ('json', )
    overlay: bool = True
    report: bool = False
    kpt_thr: float = 0.3
    trail: int = 30
    draw_heatmap: bool = False
    draw_motion: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in EXPORTS]
        if unknown:
            raise ValueError(f'formats {unknown} are not known, expected some '
                             f'of {list(EXPORTS)}')
        if self.pred_out_dir is None and self.vis_out_dir is None:
            raise ValueError('neither pred_out_dir nor vis_out_dir is given: '
                             'there is nowhere to write to')

    def files(self, name: str) -> Dict[str, Path]:
        """Where the files of a video go.

        Args:
            name (str): The video's name.

        Returns:
            dict[str, Path]: By format, ``'overlay'`` and ``'report'``.
        """
        found = {}
        if self.pred_out_dir is not None:
            for key in self.formats:
                found[key] = (
                    Path(self.pred_out_dir) / FILE_NAMES[key].format(name))
        if self.vis_out_dir is not None and self.overlay:
            found['overlay'] = Path(self.vis_out_dir) / f'{name}.mp4'
        if self.report:
            folder = self.vis_out_dir or self.pred_out_dir
            found['report'] = Path(folder) / f'{name}.html'
        return found


class RunFolder:
    """A folder that one process at a time works in.

    The operating system gives the lock up when the process ends, however it
    ends.

    Args:
        path (Path): The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: Optional[IO[str]] = None

    def enter(self, header: Dict[str, Any], resume: bool) -> bool:
        """Lock the folder and make it ready for a run.

        Args:
            header (dict): What the run is; plain values.
            resume (bool): Whether to keep what an interrupted run with the
                same header has left. Everything else is removed.

        Returns:
            bool: Whether something was kept.

        Raises:
            ValueError: If another process works in the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / 'lock').open('w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.leave()
            raise ValueError(f'{self.path}: another process is writing these '
                             'results at this moment') from error
        found = self.path / 'run.json'
        if resume and _read(found) == header:
            return True
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != 'lock':
                entry.unlink()
        write_json(found, header)
        return False

    def leave(self) -> None:
        """Give the lock up; the folder stays."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Remove the folder and give the lock up."""
        shutil.rmtree(self.path)
        self.leave()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


class VideoResultWriter:
    """Writes the results of one video.

    As a context manager it calls :meth:`close` at the block's end, or
    :meth:`abort` if that is an error.

    Args:
        meta (VideoMeta): The video and how its poses come about.
        settings (OutputSettings): What to write.

    Raises:
        ValueError: If there is nothing to write, or another process writes
            the results of this video at this moment.
    """

    def __init__(self, meta: VideoMeta, settings: OutputSettings) -> None:
        self.meta = meta
        self.settings = settings
        #: The last frame of the overlay, (H, W, 3), uint8, BGR.
        self.last_drawn: Optional[np.ndarray] = None
        self._files = settings.files(meta.name)
        if not self._files:
            raise ValueError(f'{meta.name}: no result file is asked for')
        folder = Path(settings.pred_out_dir or settings.vis_out_dir)
        self._folder = RunFolder(folder / f'.{meta.name}.partial')
        fingerprint = meta.fingerprint()
        kept = self._folder.enter(
            dict(
                fingerprint=fingerprint,
                overlay=self._overlay_settings(),
                report='report' in self._files),
            resume=settings.resume and fingerprint is not None)
        if kept:
            print_log(f'{meta.name}: going on with an interrupted run',
                      'current', logging.INFO)
        for path in self._files.values():
            _remove_leftovers(path)
        self._open()

    def _overlay_settings(self) -> Optional[Dict[str, Any]]:
        settings = self.settings
        return None if 'overlay' not in self._files else dict(
            kpt_thr=settings.kpt_thr,
            trail=settings.trail,
            heatmap=settings.draw_heatmap,
            motion=settings.draw_motion)

    def _open(self) -> None:
        meta, folder = self.meta, self._folder.path
        self._journal = Journal(folder / 'records.jsonl')
        self._drawer: Optional[VideoDrawer] = None
        self._overlay: Optional[VideoPieces] = None
        self._report: Optional[ReportWriter] = None
        if 'overlay' in self._files:
            self._drawer = VideoDrawer(meta.dataset_meta,
                                       **self._overlay_settings())
            self._overlay = VideoPieces(folder / 'overlay', meta.fps)
        if 'report' in self._files:
            self._report = ReportWriter(folder / 'report', meta.fps,
                                        meta.width, meta.height)
        self._begin = self._cut_to_common_end()
        if self._drawer is not None:
            for record in self.stored_frames():
                self._drawer.remember(
                    record['frame'],
                    [person['track_id'] for person in record['persons']],
                    [_corners(person['bbox']) for person in record['persons']])

    def _pieces(self) -> List[VideoPieces]:
        found = [] if self._overlay is None else [self._overlay]
        return found if self._report is None else [*found, self._report.pieces]

    def _cut_to_common_end(self) -> int:
        """Drop what journal and videos do not all have; where they end."""
        parts: List[Any] = [self._journal, *self._pieces()]
        while True:
            end = min(part.next_index for part in parts)
            if all(part.next_index == end for part in parts):
                return end
            for part in parts:
                part.cut(end)

    @property
    def next_index(self) -> int:
        """int: The first frame whose record is not stored yet."""
        return self._journal.next_index

    @property
    def outputs(self) -> List[Path]:
        """list[Path]: The files that :meth:`close` writes."""
        return list(self._files.values())

    def stored_frames(self) -> Iterator[Dict[str, Any]]:
        """The records that are stored already.

        Yields:
            dict: A frame's record, as in the json; in order.
        """
        return self._journal.records()

    def write(self,
              poses: FramePoses,
              image: np.ndarray,
              file_name: Optional[str] = None,
              image_id: Optional[int] = None) -> None:
        """Store a frame. Frames before :attr:`next_index` are passed over.

        Args:
            poses (FramePoses): Its poses; indices ascend.
            image (np.ndarray): (H, W, 3), uint8, BGR. One of another size
                than the video's is fitted into it with black bars in the
                videos; its poses stay in its own pixels.
            file_name (str, optional): The frame's file.
            image_id (int, optional): What an annotation file calls it; by
                default its index stands for it in files that need one.

        Raises:
            ValueError: If indices do not ascend, or a number is not finite.
            OSError: If the disk is full.
        """
        if poses.index < self._begin:
            return
        meta = self.meta
        height, width = image.shape[:2]
        size = (width, height)
        if size == (meta.width, meta.height):
            size = None
        self._journal.append(frame_record(poses, file_name, image_id, size))
        time = frame_time(poses.index, poses.timestamp, meta.fps)
        if self._overlay is not None:
            self.last_drawn = self._drawer.draw(poses, image)
            self._overlay.write(
                poses.index, fit_frame(self.last_drawn, meta.width,
                                       meta.height), time)
        if self._report is not None:
            self._report.write(poses.index, image, time)

    def close(self) -> List[Path]:
        """Put all result files in place.

        Returns:
            list[Path]: The files.

        Raises:
            ValueError: If no frame was written.
            OSError: If the disk is full. Files that are in place by then stay
                and what the others are made from is kept.
        """
        try:
            written = self._publish()
        except BaseException:
            self.abort()
            raise
        self._journal.close()
        self._folder.remove()
        return written

    def _publish(self) -> List[Path]:
        if self.next_index == 0:
            raise ValueError(f'{self.meta.input}: no frame was written')
        meta, files = self.meta.as_json(), self._files
        written = list(files.values())
        if self._overlay is not None:
            self._overlay.publish(files['overlay'])
        for name, export in EXPORTS.items():
            if name in files:
                export(files[name], self._journal, meta)
        if self._report is not None:
            written += self._report.publish(files['report'], self._journal,
                                            meta, self.settings.kpt_thr)
        return written

    def abort(self) -> None:
        """End without results; what was stored stays for ``resume``."""
        for pieces in self._pieces():
            pieces.abort()
        self._journal.close()
        self._folder.leave()

    def __enter__(self) -> 'VideoResultWriter':
        return self

    def __exit__(self, error_type: Optional[type], *_: Any) -> None:
        if error_type is None:
            self.close()
        else:
            self.abort()


def open_writers(meta: VideoMeta,
                 settings: OutputSettings) -> VideoResultWriter:
    """Start writing the results of a video.

    Args:
        meta (VideoMeta): The video and how its poses come about.
        settings (OutputSettings): What to write.

    Returns:
        VideoResultWriter: Takes the frames.
    """
    return VideoResultWriter(meta, settings)


def _remove_leftovers(path: Path) -> None:
    """Remove what a killed process has left of an unfinished file."""
    # the names that atomic_path makes, in full: another video's name may
    # begin with this one's
    name = re.compile(
        re.escape(f'.{path.stem}-') + r'[a-z0-9_]{8}' + re.escape(path.suffix))
    if path.parent.is_dir():
        for entry in path.parent.iterdir():
            if name.fullmatch(entry.name):
                entry.unlink()


def _corners(box: Sequence[float]) -> List[float]:
    x, y, w, h = box
    return [x, y, x + w, y + h]
