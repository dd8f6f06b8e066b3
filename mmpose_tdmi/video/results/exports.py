"""A frame's poses as plain values, and the result files made of them.

Files are written from a journal, a frame at a time: every file appears when
it is complete, and the memory it takes does not grow with the video.
"""
import csv
import json
from pathlib import Path
from typing import (IO, Any, Callable, Dict, Iterable, List, Optional,
                    Sequence, Tuple)

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
    record['persons'] = [
        _person_record(pose, poses.index) for pose in poses.persons
    ]
    return record


def _person_record(pose: PersonPose, index: int) -> Dict[str, Any]:
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

#: Below it a keypoint's score does not count for a person's score in COCO
#: results, as in MMPose's ``CocoMetric``.
_COUNTED_SCORE = .2


def results_schema() -> Dict[str, Any]:
    """dict: The JSON Schema of the files of :func:`export_json`."""
    path = Path(__file__).with_name('video_results.schema.json')
    return json.loads(path.read_text(encoding='utf-8'))


def summarize(records: Iterable[Dict[str, Any]]) -> Dict[str, int]:
    """Numbers of frames, of persons in each of them, and of track ids."""
    num_frames = num_persons = 0
    tracks = set()
    for record in records:
        num_frames += 1
        num_persons += len(record['persons'])
        tracks.update(person['track_id'] for person in record['persons'])
    return dict(
        num_frames=num_frames, num_persons=num_persons, num_tracks=len(tracks))


def export_json(path: Path, journal: Journal, meta: Dict[str, Any]) -> None:
    """Write the package's own format; ``meta`` is ``VideoMeta.as_json()``."""
    head = _compact(
        dict(format=FORMAT, format_version=FORMAT_VERSION, meta=meta))
    summary = summarize(journal.records())
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        file.write(head[:-1] + b',\n"frames": [')
        _write_joined(file, journal.lines())
        file.write(b'],\n"summary": ' + json.dumps(summary).encode() + b'}\n')


def load_results(path: Path) -> Dict[str, Any]:
    """``meta``, ``frames`` and ``summary`` of :func:`export_json`'s file."""
    content = json.loads(Path(path).read_text(encoding='utf-8'))
    found = content.get('format') if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(f'{path}: "format" is {found!r}, expected {FORMAT!r}')
    found = content.get('format_version')
    if found != FORMAT_VERSION:
        raise ValueError(f'{path}: "format_version" is {found!r}, this '
                         f'version of the package reads {FORMAT_VERSION}')
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
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        file.write(b'[')
        _write_joined(file, map(_compact, entries))
        file.write(b']\n')


def _coco_entry(image_id: int, person: Dict[str, Any]) -> Dict[str, Any]:
    scores = person['keypoint_scores']
    counted = [score for score in scores if score > _COUNTED_SCORE]
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
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        file.write(b'{"images": [')
        _write_joined(file, map(_compact, images))
        file.write(b'],\n"annotations": [')
        _write_joined(file, map(_compact, persons))
        file.write(b'],\n"categories": [' + _compact(category) +
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


def _write_joined(file: IO[bytes], lines: Iterable[bytes]) -> None:
    separator = b'\n'
    for line in lines:
        file.write(separator + line)
        separator = b',\n'
