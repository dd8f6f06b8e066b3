"""Converting splits: nothing twice, nothing half, ids unique."""
import hashlib
import json
import shutil

import pytest

from mmpose_tdmi.datasets.converters import (convert_hieve,
                                             convert_posetrack17,
                                             convert_posetrack18,
                                             convert_posetrack21)
from mmpose_tdmi.datasets.converters.conversion import \
    make_annotation_ids_unique
from projects.synthetic.official.writing import write_official_set
from projects.synthetic.settings import ClipSettings

SMALL = ClipSettings(width=64, height=64, frames=3, label_margin=0, crowd=0.2)
CONVERTERS = dict(
    posetrack17=convert_posetrack17,
    posetrack18=convert_posetrack18,
    posetrack21=convert_posetrack21,
    hieve=convert_hieve)


def digests(root):
    return {
        str(path.relative_to(root)):
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*')) if path.is_file()
    }


@pytest.fixture(scope='module')
def three_videos(tmp_path_factory):
    return {
        name:
        write_official_set(
            tmp_path_factory.mktemp(name), name, dict(train=3), SMALL)
        for name in CONVERTERS
    }


@pytest.fixture
def posetrack18(three_videos, tmp_path):
    return shutil.copytree(three_videos['posetrack18'], tmp_path / 'set')


@pytest.mark.parametrize('name', CONVERTERS)
def test_a_second_run_changes_no_byte(three_videos, name, tmp_path):
    root, convert = three_videos[name], CONVERTERS[name]
    first = convert(root, 'train', tmp_path / 'a')
    assert first.written and first.path == tmp_path / f'a/{name}_train.json'
    before, stamp = digests(root), first.path.stat().st_mtime_ns
    assert first.counts['videos'] == 3 and first.counts['frames'] == 9
    again = convert(root, 'train', tmp_path / 'a')
    assert again == (first.path, first.counts, False)
    assert first.path.stat().st_mtime_ns == stamp
    other = convert(root, 'train', tmp_path / 'b', workers=2)
    assert other.path.read_bytes() == first.path.read_bytes()
    assert digests(root) == before


def test_whatever_changes_is_converted_anew(posetrack18):
    annotation = sorted((posetrack18 / 'annotations/train').iterdir())[1]
    frames = posetrack18 / 'images/train' / annotation.stem

    def written():
        return convert_posetrack18(posetrack18, 'train').written

    assert written() and not written()
    annotation.write_text(annotation.read_text() + ' ')
    assert written() and not written()
    shutil.copy(frames / '000002.jpg', frames / '000003.jpg')
    assert written() and not written()
    annotation.unlink()
    assert written() and not written()
    result = posetrack18 / 'annotations/posetrack18_train.json'
    result.write_text('{}')
    assert written() and not written()
    result.with_name('posetrack18_train.sources.json').write_text('{')
    assert written() and not written()
    assert len(json.loads(result.read_text())['videos']) == 2


def test_a_failure_leaves_what_was_there(posetrack18, edit_json):
    first = convert_posetrack18(posetrack18, 'train')
    before = first.path.read_bytes()
    annotation = sorted((posetrack18 / 'annotations/train').iterdir())[2]
    edit_json(annotation, lambda c: c['images'][0].pop('id'))
    with pytest.raises(ValueError, match=r'images\[0\].id is missing'):
        convert_posetrack18(posetrack18, 'train', workers=2)
    assert first.path.read_bytes() == before


def test_images_of_two_videos_must_differ(posetrack18, edit_json):
    first, second, _ = sorted((posetrack18 / 'annotations/train').iterdir())
    shutil.copy(first, first.with_name('000009_copy.json'))
    with pytest.raises(
            ValueError,
            match='000009_copy.json: .*id .* is already used in '
            f'.*{first.name}'):
        convert_posetrack18(posetrack18, 'train')


def test_videos_that_share_an_id_go_by_their_names(posetrack18, edit_json):
    files = sorted((posetrack18 / 'annotations/train').iterdir())

    def change(content):
        for image in content['images']:
            image['vid_id'] = '000000'

    edit_json(files[1], change)
    content = json.loads(
        convert_posetrack18(posetrack18, 'train').path.read_text())
    assert [video['id'] for video in content['videos']
            ] == [files[0].stem, files[1].stem, '000002']
    by_file = {
        name: video['id']
        for video in content['videos']
        for name in video['file_names']
    }
    for image in content['images']:
        assert image['vid_id'] == by_file[image['file_name']]


def test_annotation_ids_become_unique():
    annotations = [dict(id=5), dict(id=5), dict(), dict(id=3), dict(id=None)]
    make_annotation_ids_unique(annotations)
    assert [a['id'] for a in annotations] == [5, 6, 7, 3, 8]


def test_the_result_stays_apart_from_the_official_files(posetrack18):
    with pytest.raises(ValueError, match='holds the official files'):
        convert_posetrack18(posetrack18, 'train',
                            posetrack18 / 'annotations/train')
    with pytest.raises(FileNotFoundError, match='no folder'):
        convert_posetrack18(posetrack18 / 'none')
    with pytest.raises(ValueError, match="no split 'all'"):
        convert_posetrack18(posetrack18, 'all')
    with pytest.raises(FileNotFoundError, match='no json files of videos'):
        convert_posetrack18(posetrack18, 'val')
