"""Results of a video, written while its frames come in.

Frames go to a journal and to pieces of videos (:mod:`.resume`), in a hidden
folder beside the results, ``.<name>.partial``, of which the result files are
made when the video is complete. When a run ends early, they are whole or
absent, and the same run with ``resume`` goes on where journal and pieces end.

Shapes: K keypoints, H x W pixels of a frame.
"""
import logging
import re
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.utils.files import remove_leftovers
from mmpose_tdmi.visualization import VideoDrawer
from ..structures import FramePoses
from .exports import EXPORTS, FILE_NAMES, frame_record
from .report import ReportWriter
from .resume import (Journal, RunFolder, VideoPieces, fingerprint, fit_frame,
                     frame_time, versions)


@dataclass(frozen=True)
class VideoMeta:
    """A video and how its poses came about."""
    input: str  #: What was opened: a path, a glob, ``'webcam:0'``.
    name: str  #: What the results are called; a file name.
    width: int  #: Of the first frame, upright, in pixels.
    height: int  #: Likewise.
    fps: Fraction  #: Frames per second, the average.
    num_frames: Optional[int]  #: As the header or folder tells.
    #: The keypoints with skeleton and colours, as a model of MMPose has them.
    dataset_meta: Dict[str, Any]
    config: str  #: The model's config.
    checkpoint: str  #: The model's weights.
    frame_offsets: Sequence[int]  #: The model's window of frames.
    padding: str  #: What the window shows beyond the video's ends.
    mode: str  #: ``'offline'``, ``'online'`` or ``'naive'``.
    boxes: Dict[str, Any]  #: Where the persons' boxes come from.
    #: All else that the results depend on, such as tracker and smoothing.
    settings: Dict[str, Any] = field(default_factory=dict)
    pixel_aspect: Fraction = Fraction(1)  #: A pixel's width by its height.
    #: All that poses depend on beside the video, by its content, see
    #: :func:`~mmpose_tdmi.video.results.resume.fingerprint`. None: it is not
    #: known, and the run cannot be gone on with.
    run: Optional[Dict[str, Any]] = None

    def __post_init__(self) -> None:
        if not self.name or re.search(r'[/\\\0]', self.name) \
                or self.name.startswith('.'):
            raise ValueError(
                f'results of {self.input} cannot be called {self.name!r}: '
                'expected a file name without folder that does not start '
                'with a dot')
        if not self.dataset_meta.get('keypoint_id2name'):
            raise ValueError('dataset_meta has no "keypoint_id2name": '
                             'expected the layout of a model of MMPose')

    @property
    def keypoint_names(self) -> List[str]:
        """list[str]: The K names of the keypoints, in order."""
        names = self.dataset_meta['keypoint_id2name']
        return [names[i] for i in range(len(names))]

    def as_json(self) -> Dict[str, Any]:
        """dict: Everything as plain values, with the versions of packages."""
        layout = self.dataset_meta
        content = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ('dataset_meta', 'run', 'pixel_aspect')
        }
        if self.pixel_aspect != 1:
            content.update(pixel_aspect=float(self.pixel_aspect))
        content.update(
            fps=float(self.fps),
            frame_offsets=[int(offset) for offset in self.frame_offsets],
            keypoint_names=self.keypoint_names,
            skeleton=_table(layout.get('skeleton_links')),
            keypoint_colours=_table(layout.get('keypoint_colors')),
            skeleton_colours=_table(layout.get('skeleton_link_colors')),
            coordinates='pixels of the upright frame, x to the right, y down',
            versions=versions())
        return content

    def fingerprint(self) -> Optional[str]:
        """str: What tells runs apart whose poses differ; None if nothing."""
        if self.run is None:
            return None
        return fingerprint(self.input, self.name, self.run)


def _table(rows: Optional[Sequence[Sequence[int]]]) -> List[List[int]]:
    return np.array([] if rows is None else rows, int).tolist()


def option(default: Any,
           help: str,
           /,
           *flag: str,
           group: str = '',
           **kwargs: Any) -> Any:
    """A field of settings. With a flag, or in a group, where the flag is its
    name by default, it is an option of command lines, too; ``kwargs`` are
    argparse's where its type and default do not tell."""
    return field(
        default=default,
        metadata=dict(flag=flag, help=help, group=group, kwargs=kwargs))


output = partial(option, group='output')


@dataclass(frozen=True)
class OutputSettings:
    """What is written of a video, as in
    :class:`mmpose_tdmi.apis.InferenceSettings`; the page goes to
    ``pred_out_dir`` where there is no ``vis_out_dir``."""
    pred_out_dir: Union[str, Path, None] = option(
        None, "where poses go; by default <out_dir>/predictions")
    vis_out_dir: Union[str, Path, None] = option(
        None, "where drawn videos go; by default <out_dir>/visualizations")
    formats: Sequence[str] = output(
        ('json', ),
        'in which poses are written (default json)',
        nargs='+',
        choices=list(EXPORTS))
    overlay: bool = output(True, 'draw no video', '--no-video')
    report: bool = output(False, 'also write a page to look at')
    kpt_thr: float = output(
        .3,
        'lowest score of keypoints drawn (default 0.3); all are in the json')
    draw_heatmap: bool = output(False, 'draw the heatmaps')
    draw_motion: bool = output(False, "draw the model's motion feature")
    trail: int = option(30,
                        'how many frames the trails of persons last; 0: none')
    resume: bool = option(
        False, 'go on where an interrupted run with the same settings was',
        '--resume')
    lock: bool = output(
        True, 'take no lock on the results, on a file system without locks',
        '--no-lock')

    def __post_init__(self) -> None:
        self.check_formats()
        if self.pred_out_dir is None and self.vis_out_dir is None:
            raise ValueError('neither pred_out_dir nor vis_out_dir is given: '
                             'there is nowhere to write to')

    def check_formats(self) -> None:
        """Raise if a format is not known."""
        unknown = [name for name in self.formats if name not in EXPORTS]
        if unknown:
            raise ValueError(f'formats {unknown} are not known, expected some '
                             f'of {list(EXPORTS)}')

    def files(self, name: str) -> Dict[str, Path]:
        """Where the files of a video of that name go, by format,
        ``'overlay'`` and ``'report'``."""
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

    def drawing(self) -> Dict[str, Any]:
        """dict: Arguments of :class:`VideoDrawer`."""
        return dict(
            kpt_thr=self.kpt_thr,
            trail=self.trail,
            heatmap=self.draw_heatmap,
            motion=self.draw_motion)


class VideoResultWriter:
    """Writes the results of one video.

    As a context manager it calls :meth:`close` at the block's end, or
    :meth:`abort` if that is an error.

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
        has_overlay = 'overlay' in self._files
        has_report = 'report' in self._files
        drawing = settings.drawing()
        run = meta.fingerprint()
        header = dict(
            fingerprint=run,
            overlay=drawing if has_overlay else None,
            report=has_report)
        folder = Path(settings.pred_out_dir
                      or settings.vis_out_dir) / f'.{meta.name}.partial'
        self._folder = RunFolder(folder, header, settings.resume
                                 and run is not None, settings.lock)
        if self._folder.is_resumed:
            print_log(f'{meta.name}: going on with an interrupted run',
                      'current', logging.INFO)
        for path in self._files.values():
            remove_leftovers(path)
        self._journal = Journal(folder / 'records.jsonl')
        self._drawer = VideoDrawer(meta.dataset_meta, **drawing)
        self._overlay: Optional[VideoPieces] = None
        self._report: Optional[ReportWriter] = None
        self._pieces: List[VideoPieces] = []
        if has_overlay:
            self._overlay = VideoPieces(
                folder / 'overlay', meta.fps, pixel_aspect=meta.pixel_aspect)
            self._pieces.append(self._overlay)
        if has_report:
            self._report = ReportWriter(folder / 'report', meta.fps,
                                        meta.width, meta.height)
            self._pieces.append(self._report.pieces)
        self._begin = self._cut_to_common_end()
        for record in self.stored_frames() if has_overlay else ():
            persons = record['persons']  # whose trails are to go on
            boxes = [(x, y, x + w, y + h)
                     for x, y, w, h in (p['bbox'] for p in persons)]
            self._drawer.remember(record['frame'],
                                  [p['track_id'] for p in persons], boxes)

    def _cut_to_common_end(self) -> int:
        """Drop what journal and videos do not all have; where they end."""
        parts: List[Any] = [self._journal, *self._pieces]
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
        """The frames' records, as in the json, that are stored already."""
        return self._journal.records()

    def write(self, frame: FramePoses, image_id: Optional[int] = None) -> None:
        """Store a frame's poses and image; indices ascend.

        Frames before :attr:`next_index` are passed over. One of another size
        than the video's gets black bars in the videos; its poses stay in its
        own pixels. ``image_id`` is what an annotation file calls it, by
        default its index.

        Raises:
            ValueError: If indices do not ascend, or a number is not finite.
            OSError: If the disk is full.
        """
        if frame.index < self._begin:
            return
        meta = self.meta
        height, width = frame.image.shape[:2]
        is_same = (width, height) == (meta.width, meta.height)
        size = None if is_same else (width, height)
        self._journal.append(frame_record(frame, image_id, size))
        time = frame_time(frame.index, frame.timestamp, meta.fps)
        if self._overlay is not None:
            self.last_drawn = self._drawer.draw(frame, frame.image)
            fitted = fit_frame(self.last_drawn, meta.width, meta.height)
            self._overlay.write(frame.index, fitted, time)
        if self._report is not None:
            self._report.write(frame.index, frame.image, time)

    def close(self) -> List[Path]:
        """Put all result files in place.

        On a full disk, an OSError, files that are in place by then stay and
        what the others are made from is kept.
        """
        files, written = self._files, self.outputs
        try:
            meta = self.meta.as_json()
            if self.next_index == 0:
                raise ValueError(f'{self.meta.input}: no frame was written')
            if self._overlay is not None:
                self._overlay.publish(files['overlay'])
            for name, export in EXPORTS.items():
                if name in files:
                    export(files[name], self._journal, meta)
            if self._report is not None:
                written += self._report.publish(files['report'], self._journal,
                                                meta, self.settings.kpt_thr)
        except BaseException:
            self.abort()
            raise
        self._journal.close()
        self._folder.remove()
        return written

    def abort(self) -> None:
        """End without results; what was stored stays for ``resume``."""
        for pieces in self._pieces:
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


#: Start writing the results of a video.
open_writers = VideoResultWriter
