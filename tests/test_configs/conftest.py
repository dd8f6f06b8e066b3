"""Tiny generated sets in the datasets' official formats, converted."""
import json
from pathlib import Path

import pytest

from mmpose_tdmi.datasets import converters
from projects.synthetic.official.writing import write_official_set

#: The official format that a dataset class reads, after conversion.
FORMATS = dict(
    PoseTrack17SequenceDataset='posetrack17',
    PoseTrack18SequenceDataset='posetrack18',
    PoseTrack21SequenceDataset='posetrack21',
    HiEveSequenceDataset='hieve',
    # a detector's training set
    CocoDataset='posetrack18')


def _write_boxes(root, name, split):
    """A detector's boxes: those of the labels, or one in each frame."""
    path = root / f'annotations/{name}_{split}.json'
    content = json.loads(path.read_text())
    boxes = [(a['image_id'], a['bbox']) for a in content['annotations']]
    if not boxes:
        boxes = [(image['id'], [40, 20, 50, 90])
                 for image in content['images']]
    path.with_name(f'{name}_{split}_human_detections.json').write_text(
        json.dumps([
            dict(image_id=id_, category_id=1, bbox=bbox, score=0.9)
            for id_, bbox in boxes
        ]))


class OfficialSets:
    """Writes a set when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str) -> Path:
        """The data root of a converted set, with a detector's boxes."""
        root = self.folder / name
        if not root.exists():
            write_official_set(root, name)
            for split in ('train', 'test' if name == 'hieve' else 'val'):
                done = getattr(converters, f'convert_{name}')(root, split)
                assert done.path == root / f'annotations/{name}_{split}.json'
            _write_boxes(root, name, split)
        return root


@pytest.fixture(scope='session')
def official_sets(tmp_path_factory):
    """Gives the data root of a set by its name."""
    return OfficialSets(tmp_path_factory.mktemp('official'))
