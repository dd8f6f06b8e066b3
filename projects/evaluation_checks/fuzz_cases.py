"""The readers that are tried with damaged files.

A case is a function that writes a sound file into an empty folder and says
how it is read and what must be in the result; :data:`CASES` has them all by
name.
"""
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple
from xml.etree import ElementTree

from mmengine.registry import DefaultScope

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.datasets.box_files import read_box_file
from mmpose_tdmi.datasets.converters import (VideoSource, convert_hieve,
                                             convert_posetrack17,
                                             convert_posetrack18)
from mmpose_tdmi.datasets.converters.checking import check_converted
from mmpose_tdmi.datasets.converters.hieve import (read_frame_xml,
                                                   read_hieve_video)
from mmpose_tdmi.datasets.converters.posetrack import (read_posetrack17_video,
                                                       read_posetrack21_video,
                                                       read_posetrack_video)
from mmpose_tdmi.evaluation.functional import (load_annotations,
                                               load_hieve_annotations,
                                               read_annotations,
                                               read_predictions)
from projects.synthetic.official.writing import write_official_set
from projects.synthetic.settings import ClipSettings

SMALL = ClipSettings(
    width=96, height=72, frames=3, label_margin=0, crowd=0.3, speed=0.3)


class Case(NamedTuple):
    """A reader with a sound file.

    Attributes:
        path (Path): The file, which is damaged and restored.
        kind (str): 'json' or 'xml'.
        read (Callable): Reads it.
        audit (Callable): ``audit(loaded, data)`` raises AssertionError if
            the damaged ``data`` say something that ``loaded`` leaves out.
    """
    path: Path
    kind: str
    read: Callable[[], Any]
    audit: Callable[[Any, bytes], None]


def _video_case(read: Callable[[VideoSource], Any], folder: str, format: str,
                audit: Callable[[Any, Any], None], root: Path) -> Case:
    """A per-video json of a generated set."""
    write_official_set(root, format, {'train': 1}, SMALL)
    path, = (root / folder).glob('*.json')
    number = 10**6 if format == 'posetrack17' else 1
    source = VideoSource(root, 'train', path.stem, path, number)
    return Case(path, 'json', lambda: read(source),
                lambda video, data: audit(video, json.loads(data)))


def _posetrack17(root: Path) -> Case:
    return _video_case(read_posetrack17_video, 'annotations/train',
                       'posetrack17', _audit_annolist, root)


def _posetrack18(root: Path) -> Case:
    return _video_case(read_posetrack_video, 'annotations/train',
                       'posetrack18', _audit_posetrack, root)


def _posetrack21(root: Path) -> Case:
    return _video_case(read_posetrack21_video, 'posetrack_data/train',
                       'posetrack21', _audit_posetrack, root)


def _hieve_json(root: Path) -> Case:
    case = _video_case(read_hieve_video, 'labels/train/track2&3', 'hieve',
                       _audit_annolist, root)
    case.read()  # extracts the frames
    shutil.rmtree(root / 'videos')
    return case


def _hieve_xml(root: Path) -> Case:
    write_official_set(root, 'hieve', {'train': 1}, SMALL, labels='xml')
    path = root / 'labels/train/all-track/1/000001.xml'

    def audit(loaded: Any, data: bytes) -> None:
        root = ElementTree.fromstring(data)
        assert len(loaded.persons) == len(root.findall('object'))
        assert {child.tag
                for child in root} <= {
                    'folder', 'filename', 'path', 'source', 'size',
                    'segmented', 'object'
                }

    return Case(path, 'xml', lambda: read_frame_xml(path), audit)


def _converted(root: Path) -> Case:
    write_official_set(root, 'posetrack17', {'train': 1}, SMALL)
    path = convert_posetrack17(root, 'train').path

    def audit(report: Any, data: bytes) -> None:
        content = json.loads(data)
        for table in ('images', 'annotations', 'videos'):
            assert report.counts[table] == len(content[table])

    return Case(path, 'json', lambda: check_converted(path, root, quick=True),
                audit)


def _audit_posetrack(video: Any, content: Any) -> None:
    assert len(video.images) == len(content['images'])
    persons = content['annotations']
    assert len(video.annotations) == len(persons)
    for ours, theirs in zip(video.annotations, persons):
        assert ours['keypoints'] == (theirs.get('keypoints') or [0] * 51)
        assert ours['image_id'] == theirs['image_id']


def _audit_annolist(video: Any, content: Any) -> None:
    frames = content['annolist']
    assert len(video.images) == len(frames)
    persons = [rect for frame in frames for rect in frame.get('annorect', [])]
    assert len(video.annotations) == len(persons)
    for ours, theirs in zip(video.annotations, persons):
        points = (theirs.get('annopoints') or [{}])[0] or {}
        assert ours['num_keypoints'] == len(points.get('point', []))


def _metric_video(root: Path, format: str, folder: str) -> Case:
    """The metric's reader of a video's official annotation."""
    write_official_set(root, format, {'train': 1}, SMALL)
    path, = (root / folder).glob('*.json')
    return Case(path, 'json', lambda: read_annotations(path), _audit_sequence)


def _metric_posetrack17(root: Path) -> Case:
    return _metric_video(root, 'posetrack17', 'annotations/train')


def _metric_posetrack18(root: Path) -> Case:
    return _metric_video(root, 'posetrack18', 'annotations/train')


def _metric_predictions(root: Path) -> Case:
    case = _metric_posetrack18(root)
    content = json.loads(case.path.read_text())
    for person in content['annotations']:
        person['scores'] = [0.5] * 17
    case.path.write_text(json.dumps(content))
    return case._replace(read=lambda: read_predictions(case.path))


def _metric_split(root: Path) -> Case:
    write_official_set(root, 'posetrack18', {'train': 2}, SMALL)
    path = convert_posetrack18(root, 'train').path

    def audit(videos: Any, data: bytes) -> None:
        content = json.loads(data)
        assert sum(v.num_frames
                   for v in videos.values()) == len(content['images'])
        assert sum(v.num_persons
                   for v in videos.values()) == len(content['annotations'])

    return Case(path, 'json', lambda: load_annotations(path), audit)


def _metric_hieve(root: Path) -> Case:
    write_official_set(root, 'hieve', {'train': 1}, SMALL)
    path = convert_hieve(root, 'train').path

    def audit(loaded: Any, data: bytes) -> None:
        content = json.loads(data)
        assert len(loaded.image_ids) == len(content['images'])

    return Case(path, 'json', lambda: load_hieve_annotations(path), audit)


def _audit_sequence(sequence: Any, data: bytes) -> None:
    content = json.loads(data)
    if 'annolist' in content:
        frames = content['annolist']
        assert sequence.num_frames == len(frames)
    else:
        assert sequence.num_frames == len(content['images'])
        assert sequence.num_persons == len(content['annotations'])


def _boxes(root: Path) -> Case:
    path = root / 'boxes.json'
    path.write_text(
        json.dumps([
            dict(
                image_id=10**10 + n,
                category_id=1,
                bbox=[1.5 * n, 2, 30, 40],
                score=0.9,
                file_name=f'images/val/000000_mpii_test/{n:06d}.jpg')
            for n in range(12)
        ]))

    def audit(boxes: Any, data: bytes) -> None:
        content = json.loads(data)
        if isinstance(content, list):
            assert len(boxes) == len(content)

    return Case(path, 'json', lambda: read_box_file(str(path)), audit)


def _dataset(root: Path) -> Case:
    write_official_set(root, 'posetrack18', {'train': 1}, SMALL)
    path = convert_posetrack18(root, 'train').path

    def read() -> Any:
        with DefaultScope.overwrite_default_scope('mmpose'):
            return PoseTrack18SequenceDataset(
                str(path),
                delta=1,
                data_root=str(root),
                data_prefix=dict(img=''),
                # the host collects garbage when it serialises, which is slow
                serialize_data=False)

    def audit(dataset: Any, data: bytes) -> None:
        assert 0 < len(dataset) <= len(json.loads(data)['annotations'])

    return Case(path, 'json', read, audit)


#: Functions that make the readers' cases in an empty folder, by name.
CASES: Dict[str, Callable[[Path], Case]] = {
    'PoseTrack17 annolist': _posetrack17,
    'PoseTrack18 video': _posetrack18,
    'PoseTrack21 video': _posetrack21,
    'HiEve annolist': _hieve_json,
    'HiEve XML': _hieve_xml,
    'converted file, check': _converted,
    'converted file, dataset': _dataset,
    'metric, PoseTrack17': _metric_posetrack17,
    'metric, PoseTrack18': _metric_posetrack18,
    'metric, predictions': _metric_predictions,
    'metric, converted file': _metric_split,
    'metric, HiEve': _metric_hieve,
    'box file': _boxes,
}
