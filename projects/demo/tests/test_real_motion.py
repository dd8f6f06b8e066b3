"""Labelled real videos become data sets split in time."""
import json

import pytest

from projects.demo.real_motion import (annotation_file, find_videos,
                                       prepare_video)


@pytest.fixture(scope='module')
def prepared(shared_clips, tmp_path_factory):
    out = tmp_path_factory.mktemp('real')
    videos = {v.name: v for v in find_videos(shared_clips / 'real_motion')}
    prepare_video(videos['push'], out, 0.7)
    return videos['push'], out


def test_splits_share_the_frames_and_divide_the_labels_in_time(prepared):
    item, out = prepared
    official = json.loads(item.annotation.read_text())
    labelled = [i['id'] for i in official['images'] if i['is_labeled']]
    splits = {}
    for split in ('train', 'test', 'all'):
        content = json.loads(annotation_file(out, 'push', split).read_text())
        # every frame is listed, with its file: neighbours need them
        assert len(content['images']) == len(official['images'])
        assert all((out / i['file_name']).is_file() for i in content['images'])
        assert {(i['width'], i['height'])
                for i in content['images']} == {(1920, 1080)}
        kept = [i['id'] for i in content['images'] if i['is_labeled']]
        assert {a['image_id'] for a in content['annotations']} == set(kept)
        splits[split] = kept
    assert splits['all'] == labelled
    assert splits['train'] + splits['test'] == labelled
    assert len(splits['train']) == round(0.7 * len(labelled))


def test_a_share_that_leaves_nothing_is_refused(prepared, tmp_path):
    item, _ = prepared
    with pytest.raises(ValueError, match='train_share'):
        prepare_video(item, tmp_path, 1.)


def test_an_annotation_without_video_is_named(tmp_path):
    (tmp_path / 'annotations').mkdir()
    with pytest.raises(FileNotFoundError, match='annotations'):
        find_videos(tmp_path)
    (tmp_path / 'annotations' / 'a.json').write_text('{}')
    with pytest.raises(FileNotFoundError, match='a.json has no video'):
        find_videos(tmp_path)
