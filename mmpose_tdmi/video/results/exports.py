"""A frame's poses as plain values, and the result files made of them.

Files are written from a journal, a frame at a time: every file appears when
it is complete, and the memory it takes does not grow with the video.
"""
import csv
import json
from pathlib import Path
from typing import (Any, Callable, Dict, Iterable, List, Optional, Sequence,
                    Tuple, Union)

import numpy as np

from mmpose_tdmi.utils.files import atomic_path
from ..structures import FramePoses, PersonPose
from .resume import Journal

#: Decimals kept of coordinates (pixels and seconds' fractions) and of scores.
COORDINATE_DECIMALS, TIME_DECIMALS, SCORE_DECIMALS = 3, 6, 5


def frame_record(poses: FramePoses,
                 image_id: Optional[int] = None,
                 size: Optional[Tuple[int, int]] = None) -> Dict[str, Any]:
    """A frame's poses as plain values, as docs/video_results.md has them;
    ``image_id`` is an annotation file's, ``size`` width and height of a frame
    that differs in size from the first. Numbers must be finite."""
    record: Dict[str, Any] = dict(frame=int(poses.index), timestamp=None)
    if poses.timestamp is not None:
        record['timestamp'] = round(float(poses.timestamp), TIME_DECIMALS)
    if poses.file_name is not None:
        record['file_name'] = poses.file_name
    if image_id is not None:
        record['image_id'] = int(image_id)
    if size is not None:
        record['size'] = [int(size[0]), int(size[1])]
    record['persons'] = [_person(pose, poses.index) for pose in poses.persons]
    return record


def _person(pose: PersonPose, index: int) -> Dict[str, Any]:
    box = pose.box
    for name, values in (('bbox', box.bbox), ('bbox_score', box.score),
                         ('keypoints', pose.keypoints), ('keypoint_scores',
                                                         pose.scores)):
        if not np.isfinite(values).all():
            raise ValueError(
                f'frame {index}, person {box.track_id}: "{name}" is '
                f'{np.asarray(values).tolist()}, expected finite numbers')
    x1, y1, x2, y2 = box.bbox
    return dict(
        track_id=int(box.track_id),
        bbox=_rounded((x1, y1, x2 - x1, y2 - y1), COORDINATE_DECIMALS),
        bbox_score=round(float(box.score), SCORE_DECIMALS),
        source=box.source,
        keypoints=_rounded(pose.keypoints, COORDINATE_DECIMALS),
        keypoint_scores=_rounded(pose.scores, SCORE_DECIMALS))


def _rounded(values: Any, decimals: int) -> List[Any]:
    return np.round(np.asarray(values, dtype=np.float64), decimals).tolist()


#: What a results file says it is.
FORMAT, FORMAT_VERSION = 'mmpose_tdmi.video_results', 1


def results_schema() -> Dict[str, Any]:
    """dict: The JSON Schema of the files of :func:`export_json`."""
    path = Path(__file__).with_name('video_results.schema.json')
    return json.loads(path.read_text(encoding='utf-8'))


def export_json(path: Path, journal: Journal, meta: Dict[str, Any]) -> None:
    """Write the package's own format; ``meta`` is ``VideoMeta.as_json()``."""
    head = _compact(
        dict(format=FORMAT, format_version=FORMAT_VERSION, meta=meta))
    num_frames, num_persons, tracks = 0, 0, set()
    for record in journal.records():
        num_frames += 1
        num_persons += len(record['persons'])
        tracks.update(person['track_id'] for person in record['persons'])
    summary = dict(
        num_frames=num_frames, num_persons=num_persons, num_tracks=len(tracks))
    _write(path, head[:-1] + b',\n"frames": [', journal.lines(),
           b'],\n"summary": ' + json.dumps(summary).encode() + b'}\n')


def load_results(path: Path) -> Dict[str, Any]:
    """``meta``, ``frames`` and ``summary`` of :func:`export_json`'s file."""
    content = json.loads(Path(path).read_text(encoding='utf-8'))
    for name, expected in (('format', FORMAT), ('format_version',
                                                FORMAT_VERSION)):
        found = content.get(name) if isinstance(content, dict) else None
        if found != expected:
            raise ValueError(
                f'{path}: "{name}" is {found!r}, expected {expected!r}')
    return content


def export_csv(path: Path, journal: Journal, meta: Dict[str, Any]) -> None:
    """Write a table with a row per person and frame."""
    header = [
        'frame', 'timestamp', 'file_name', 'track_id', 'source', 'bbox_x',
        'bbox_y', 'bbox_w', 'bbox_h', 'bbox_score'
    ]
    for name in meta['keypoint_names']:
        header += [f'{name}_x', f'{name}_y', f'{name}_score']
    with atomic_path(path) as temporary, temporary.open(
            'w', encoding='utf-8', errors='backslashreplace',
            newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        for record in journal.records():
            for person in record['persons']:
                writer.writerow([
                    record['frame'], record['timestamp'],
                    record.get('file_name'), person['track_id'],
                    person['source'], *person['bbox'], person['bbox_score'],
                    *_triples(person['keypoints'], person['keypoint_scores'])
                ])


def export_coco(path: Path, journal: Journal, meta: Dict[str, Any]) -> None:
    """Write COCO keypoint results, as evaluation servers take them."""
    entries = (
        _coco_entry(_image_id(record), person) for record in journal.records()
        for person in record['persons'])
    _write(path, b'[', map(_compact, entries), b']\n')


def _coco_entry(image_id: int, person: Dict[str, Any]) -> Dict[str, Any]:
    scores = person['keypoint_scores']
    # as in MMPose's CocoMetric
    counted = [score for score in scores if score > .2]
    mean = sum(counted) / len(counted) if counted else 0.
    return dict(
        image_id=image_id,
        category_id=1,
        keypoints=_triples(person['keypoints'], scores),
        score=round(mean * person['bbox_score'], 6),
        bbox=person['bbox'],
        track_id=person['track_id'])


def export_posetrack(path: Path, journal: Journal, meta: dict) -> None:
    """Write predictions in PoseTrack18's format, as evaluators read it; they
    take the file's stem for the video's name. A person's ``score`` is the
    box's."""
    names = [
        'head_bottom' if n == 'neck' else n for n in meta['keypoint_names']
    ]
    category = dict(
        id=1, name='person', supercategory='person', keypoints=names)
    info = dict(box_source=_compact(meta['boxes']).decode())
    images = (
        dict(
            id=_image_id(r),
            file_name=r.get('file_name', f'{r["frame"]:06d}.jpg'))
        for r in journal.records())
    persons = (dict(
        id=_image_id(record) * 100 + number,
        image_id=_image_id(record),
        category_id=1,
        track_id=person['track_id'],
        keypoints=_triples(person['keypoints'],
                           [1.] * len(person['keypoints'])),
        scores=person['keypoint_scores'],
        score=person['bbox_score']) for record in journal.records()
               for number, person in enumerate(record['persons']))
    _write(
        path, b'{"images": [', map(_compact, images), b'],\n"annotations": [',
        map(_compact, persons), b'],\n"categories": [' + _compact(category) +
        b'],\n"info": ' + _compact(info) + b'}\n')


#: The formats by name, and where in the folder of predictions a video's file
#: goes. Evaluators take PoseTrack's file names for the videos' names.
EXPORTS: Dict[str, Callable[[Path, Journal, Dict[str, Any]], None]] = dict(
    json=export_json,
    csv=export_csv,
    posetrack=export_posetrack,
    coco=export_coco)
FILE_NAMES = dict(
    json='{}.json',
    csv='{}.csv',
    posetrack='posetrack/{}.json',
    coco='{}.coco.json')


def _triples(points: Sequence[Sequence[float]],
             thirds: Sequence[float]) -> List[float]:
    return [
        value for (x, y), third in zip(points, thirds)
        for value in (x, y, third)
    ]


def _image_id(record: Dict[str, Any]) -> int:
    return record.get('image_id', record['frame'])


def _compact(content: Any) -> bytes:
    # a file's name may have bytes that are no UTF-8: \udce9 is json's form
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return text.encode(errors='backslashreplace')


def _write(path: Path, *parts: Union[bytes, Iterable[bytes]]) -> None:
    """Write texts, and lines with commas between them."""
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        for part in parts:
            if isinstance(part, bytes):
                file.write(part)
                continue
            separator = b'\n'
            for line in part:
                file.write(separator + line)
                separator = b',\n'
