"""A long video in pieces: where they begin, and how their results are joined.

A piece sees more frames than it has results for (:data:`CONTEXT`), so that all
that goes by earlier frames, trackers, smoothing, crops, is as in the whole.
"""
import math
from collections import defaultdict
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import (Any, Dict, Iterable, Iterator, List, Optional, Sequence,
                    Tuple)

import numpy as np
from mmpose.structures.bbox import bbox_xywh2xyxy

from mmpose_tdmi.video.decoding import open_video, read_ahead, result_name
from mmpose_tdmi.video.results import load_results, open_writers
from mmpose_tdmi.video.structures import (Crop, FramePoses, PersonPose,
                                          TrackedBox, TrackedFrame,
                                          VideoSource)
from mmpose_tdmi.video.tracks import box_iou
from .boxes import FileBoxes
from .inferencer import VideoPoseInferencer, VideoSummary
from .settings import InferenceSettings

#: Frames that a piece sees beyond its ends: trackers remember 30, smoothing
#: settles in 60, crops are renewed after 60, the window reaches a few.
CONTEXT = 120


class Piece(VideoSource):
    """The frames of a video around ``first`` to ``end`` - 1, under their own
    indices, which start at a multiple of ``step`` if ``first`` is one. What is
    before is decoded and dropped: an index is a count."""

    def __init__(self, whole: VideoSource, first: int, end: Optional[int],
                 step: int) -> None:
        super().__init__(whole.name, whole.input, whole.fps, whole.on_corrupt)
        self._whole = whole
        self._range = (first - math.ceil(CONTEXT / step) * step,
                       math.inf if end is None else end + CONTEXT)
        self.frame_step, self.paths = whole.frame_step, whole.paths
        self._length = whole.num_frames
        self._size = whole.size

    @property
    def pixel_aspect(self) -> Fraction:
        return self._whole.pixel_aspect

    def _frames(self) -> Iterator[TrackedFrame]:
        for frame in self._whole:
            self.num_skipped = self._whole.num_skipped
            if frame.index >= self._range[1]:
                return
            if frame.index >= self._range[0]:
                yield frame

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._whole.__exit__(*error)


def split(job: Any, minutes: Optional[float], call: Dict[str, Any]) -> list:
    """A long video's pieces, as jobs; none for a short one, nor one that
    cannot be opened, of which its own run tells."""
    if minutes is None:
        return []
    try:
        with open_video(job.input, call.get('fps')) as source:
            number, rate = source.num_frames or 0, source.fps
    except (OSError, ValueError):
        return []
    # as without pieces, detections are at its multiples
    step = call.get('det_interval', 1)
    length = math.ceil(max(minutes * 60 * rate, CONTEXT) / step) * step
    # none of less than half the length
    starts = list(range(0, number - length // 2, length))
    if len(starts) < 2:
        return []
    return [
        job._replace(
            name=result_name(f'{job.name}~{first}'),
            size=job.size // len(starts),
            fingerprint=f'{job.fingerprint} {first} {end}',
            whole=job.name,
            span=(first, end))
        for first, end in zip(starts, [*starts[1:], None])
    ]


def stitch(pieces: Iterable[Tuple[int, Optional[int], Sequence[dict]]],
           has_ids: bool = False) -> Iterator[Dict[str, Any]]:
    """The records of a whole video from its pieces', each given by its first
    frame, its end and its records: who is the same is told by the boxes in the
    frames that two pieces have both seen; others get the next ids. With
    ``has_ids`` all ids are given, and kept."""
    before: Dict[int, List[Dict[str, Any]]] = {}
    next_id = 0
    for first, end, records in pieces:
        ids = _same_persons(before, records)
        before = {}
        for record in records:
            index = record['frame']
            is_within = first <= index and (end is None or index < end)
            for person in record['persons']:
                here = person['track_id']
                if has_ids:
                    ids[here] = here
                if is_within:
                    ids.setdefault(here, next_id if first else here)
                    next_id = max(next_id, ids[here] + 1)
            persons = [
                dict(person, track_id=ids[person['track_id']])
                for person in record['persons'] if person['track_id'] in ids
            ]
            if is_within:
                yield dict(record, persons=persons)
            if end is not None and index >= end - CONTEXT:
                before[index] = persons


def _same_persons(before: Dict[int, List[Dict[str, Any]]],
                  records: Sequence[Dict[str, Any]]) -> Dict[int, int]:
    """Ids of the last piece by those of this one."""
    overlaps: Dict[Tuple[int, int], List[float]] = defaultdict(list)
    for record in records:
        there, here = before.get(record['frame'], []), record['persons']
        if there and here:
            found = box_iou(*(_corners(persons) for persons in (here, there)))
            for (i, j), overlap in np.ndenumerate(found):
                pair = here[i]['track_id'], there[j]['track_id']
                overlaps[pair].append(overlap)
    # those first that agree best, for longest
    ids: Dict[int, int] = {}
    for pair in sorted(overlaps, key=lambda pair: -sum(overlaps[pair])):
        if np.mean(overlaps[pair]) >= .5 and pair[0] not in ids \
                and pair[1] not in ids.values():
            ids[pair[0]] = pair[1]
    return ids


def _corners(persons: Sequence[Dict[str, Any]]) -> np.ndarray:
    boxes = np.array([p['bbox'] for p in persons], float)
    return bbox_xywh2xyxy(boxes.reshape(-1, 4))


def join(inferencer: VideoPoseInferencer, job: Any, call: Dict[str, Any],
         files: Sequence[Path],
         summaries: Sequence[Dict[str, Any]]) -> VideoSummary:
    """Write the results of a video from those of its pieces, files."""
    settings = InferenceSettings(**call)
    outputs = settings.output_settings()
    contents = (load_results(path)['frames'] for path in files)
    spans = (piece.span for piece in job.parts)
    with ExitStack() as stack:
        source = stack.enter_context(
            open_video(job.input, settings.fps, settings.on_corrupt))
        summary = VideoSummary(
            job.name,
            source.input,
            num_skipped=summaries[-1]['num_skipped'],
            num_detector_failures=sum(s['num_detector_failures']
                                      for s in summaries))
        estimator = settings.build_estimator(inferencer.model)
        writer = stack.enter_context(
            open_writers(
                inferencer.describe(job.name, source, estimator, settings),
                outputs))
        frames: Optional[Iterator[TrackedFrame]] = None
        if {'overlay', 'report'}.intersection(outputs.files('')):
            frames = iter(stack.enter_context(read_ahead(source)))
        # boxes of many videos are files
        has_ids = isinstance(settings.boxes, (str, Path)) and FileBoxes(
            settings.boxes, source, settings.bbox_thr).is_tracked
        for record in stitch(
            ((*span, found) for span, found in zip(spans, contents)), has_ids):
            width, height = record.get('size', source.size)
            image = np.broadcast_to(np.uint8(0), (height, width, 3))
            if frames is not None:
                image = next(frames).image
            persons = [
                PersonPose(
                    TrackedBox(person['track_id'], tuple(box),
                               person['bbox_score'], person['source']),
                    np.array(person['keypoints']),
                    np.array(person['keypoint_scores']), Crop((0, 0), (1, 1)))
                for person, box in zip(record['persons'],
                                       _corners(record['persons']).tolist())
            ]
            writer.write(
                FramePoses(record['frame'], record['timestamp'], image,
                           persons, None, record.get('file_name')),
                record.get('image_id'))
            summary.num_frames += 1
            summary.num_persons += len(persons)
    summary.outputs = [str(path) for path in writer.outputs]
    return summary
