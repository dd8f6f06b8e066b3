"""Which way to know a video's frames is taken."""
import pytest

from mmpose_tdmi.datasets import (BaseSequenceDataset, FrameCatalogue,
                                  VideoTable)
from mmpose_tdmi.datasets.coco_json import AnnotationFile
from mmpose_tdmi.datasets.frames import check_listed, frame_lookup

TABLE = [dict(id='v', file_names=['v/1.jpg', 'v/2.jpg'], frame_ids=[1, 2])]


def lookup(source, videos, nframes=2):
    content = AnnotationFile(
        'val.json',
        images={
            id_:
            dict(
                id=id_,
                file_name=f'v/{id_}.jpg',
                nframes=nframes,
                is_labeled=True)
            for id_ in (1, 2, 3)
        },
        persons={3: [{}]},
        categories=[],
        videos=videos)

    def parse(path):
        return BaseSequenceDataset.parse_frame_path(None, path)

    return frame_lookup(source, content, 'root/{}'.format, parse)


@pytest.mark.parametrize('source, table, kind, from_disk', [
    ('auto', True, VideoTable, None),
    ('auto', False, FrameCatalogue, True),
    ('annotation', True, VideoTable, None),
    ('annotation', False, FrameCatalogue, False),
    ('disk', True, FrameCatalogue, True),
    ('disk', False, FrameCatalogue, True),
])
def test_sources(source, table, kind, from_disk):
    found = lookup(source, TABLE if table else None)
    assert isinstance(found, kind)
    assert getattr(found, 'from_disk', None) == from_disk


def test_key_frames_that_are_not_listed():
    paths = ['root/v/3.jpg', 'root/v/2.jpg', 'root/v/3.jpg']
    with pytest.raises(
            ValueError, match='val.json: 1 of 2 key frames .*root/v/3.jpg'):
        check_listed('val.json', lookup('auto', TABLE), paths, 'key frames')
    check_listed('val.json', lookup('auto', TABLE), paths[1:2], 'key frames')
    check_listed('val.json', lookup('disk', TABLE), paths, 'key frames')


def test_an_empty_table_is_a_table():
    assert isinstance(lookup('auto', []), VideoTable)


def test_nframes_must_be_a_number():
    with pytest.raises(ValueError, match="val.json: image 1: nframes .*'2'"):
        lookup('disk', None, nframes='2')
    lookup('disk', None, nframes=None)
