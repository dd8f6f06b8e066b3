"""Whole data sets: reproducible, resumable and in PoseTrack18's format."""
import hashlib
import json
import runpy

import cv2
import pytest
from xtcocotools.coco import COCO

from projects.synthetic.generator import generate, generate_video, video_name
from projects.synthetic.settings import ClipSettings

SETTINGS = ClipSettings(width=128, height=96, frames=4, label_margin=1)
VIDEOS = dict(train=3, val=1)


def digests(root):
    return {
        str(path.relative_to(root)):
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*')) if path.is_file()
    }


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp('clips')
    generate(root, SETTINGS, VIDEOS, seed=5)
    return root


def test_same_seed_same_bytes_with_any_number_of_workers(clips, tmp_path):
    generate(tmp_path / 'b', SETTINGS, VIDEOS, seed=5, workers=2)
    assert digests(tmp_path / 'b') == digests(clips)
    generate(tmp_path / 'c', SETTINGS, dict(train=1), seed=6)
    name = f'images/train/{video_name("train", 0)}/000000.jpg'
    assert (tmp_path / 'c' / name).read_bytes() != (clips / name).read_bytes()


def test_the_tree_is_posetrack18s(clips):
    name = '000001_synthetic_train'
    assert video_name('train', 1) == name
    content = json.loads(
        (clips / f'annotations/train/{name}.json').read_text())
    assert [i['file_name'] for i in content['images']
            ] == [f'images/train/{name}/{i:06d}.jpg' for i in range(4)]
    assert [i['is_labeled']
            for i in content['images']] == [False, True, True, False]
    labelled = {i['id'] for i in content['images'] if i['is_labeled']}
    assert {a['image_id'] for a in content['annotations']} <= labelled
    assert 'width' not in content['images'][0]
    for image in content['images']:
        assert image['nframes'] == 4 and image['vid_id'] == '000001'
        assert image['id'] == image['frame_id']
        assert cv2.imread(str(clips / image['file_name'])).shape == (96, 128,
                                                                     3)


def test_merged_files_load_and_ids_never_meet(clips):
    ids = set()
    for split, count in VIDEOS.items():
        coco = COCO(str(clips / f'annotations/synthetic_{split}.json'))
        assert len(coco.imgs) == 4 * count and coco.anns
        assert {i['width'] for i in coco.imgs.values()} == {128}
        assert not ids & set(coco.imgs)
        ids |= set(coco.imgs)
    assert len({i // 10**10 for i in ids}) == 1


def test_track_ids_name_the_same_person_in_all_frames(clips):
    content = json.loads(
        (clips / 'annotations/synthetic_train.json').read_text())
    by_person = {}
    for annotation in content['annotations']:
        key = annotation['image_id'] // 10**4, annotation['track_id']
        by_person.setdefault(key, []).append(annotation)
    assert any(len(found) == 2 for found in by_person.values())
    for found in by_person.values():
        assert len({a['image_id'] for a in found}) == len(found)
        if len(found) == 2:  # 0.04 s apart
            move = [
                abs(a - b) for a, b, v, w in zip(
                    found[0]['keypoints'], found[1]['keypoints'],
                    found[0]['keypoints'][2::3] *
                    3, found[1]['keypoints'][2::3] * 3) if v and w
            ]
            assert sorted(move)[len(move) // 2] < 6


def test_an_interrupted_run_goes_on(clips, tmp_path):
    root = tmp_path / 'again'
    generate(root, SETTINGS, dict(train=3, val=1), seed=5)
    done = root / f'images/train/{video_name("train", 0)}/000001.jpg'
    stamp = done.stat().st_mtime_ns
    broken = video_name('train', 1)
    (root / f'annotations/train/{broken}.json').unlink()
    (root / f'images/train/{broken}/000003.jpg').unlink()
    (root / 'annotations/synthetic_train.json').unlink()
    generate(root, SETTINGS, dict(train=3, val=1), seed=5)
    assert done.stat().st_mtime_ns == stamp, 'a finished video is kept'
    assert digests(root) == digests(clips)


def test_a_failure_leaves_no_annotation(tmp_path, monkeypatch):

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr('projects.synthetic.generator.annotate', fail)
    with pytest.raises(KeyboardInterrupt):
        generate_video(tmp_path, SETTINGS, 0, 'train', 0)
    assert list(tmp_path.rglob('*.jpg'))
    assert not list(tmp_path.rglob('*.json'))


def test_other_settings_need_another_folder(clips, tmp_path):
    before = digests(clips)
    other = ClipSettings(
        width=128, height=96, frames=4, label_margin=1, blur=0.9)
    with pytest.raises(ValueError, match=r'generated.json.*settings differ'):
        generate(clips, other, VIDEOS, seed=5)
    with pytest.raises(ValueError, match='seed differ'):
        generate(clips, SETTINGS, VIDEOS, seed=6)
    assert digests(clips) == before
    generate(tmp_path, SETTINGS, dict(train=2), seed=1)
    generate(tmp_path, other, dict(train=1), seed=1, overwrite=True)
    assert len(list((tmp_path / 'images/train').iterdir())) == 1
    found = json.loads((tmp_path / 'generated.json').read_text())
    assert found['settings']['blur'] == 0.9 and found['seed'] == 1


@pytest.mark.parametrize('arguments, message', [
    (dict(videos=dict(test=1)), 'unknown splits'),
    (dict(videos=dict(train=1), seed=-1), 'seed'),
    (dict(videos=dict(train=1), workers=0), 'workers'),
    (dict(videos=dict(train=-1)), 'videos'),
])
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(tmp_path, SETTINGS, **arguments)
    assert not list(tmp_path.iterdir())


def run_tool(repository, monkeypatch, *arguments):
    monkeypatch.setattr('sys.argv', ['generate_clips.py', *arguments])
    runpy.run_path(
        str(repository / 'projects/synthetic/generate_clips.py'),
        run_name='__main__')


def test_command_line(tmp_path, repository, monkeypatch, capsys):
    arguments = [
        str(tmp_path / 'out'), '--train', '1', '--val', '0', '--frames', '3',
        '--size', '96', '64', '--difficulty', 'easy', '--blur'
    ]
    run_tool(repository, monkeypatch, *arguments, '0.2')
    assert 'synthetic_train.json' in capsys.readouterr().out
    found = json.loads((tmp_path / 'out/generated.json').read_text())
    assert found['settings']['blur'] == 0.2
    assert found['settings']['crowd'] == 0.15
    assert (tmp_path / 'out/annotations/synthetic_train.json').is_file()
    with pytest.raises(SystemExit, match='blur must be in'):
        run_tool(repository, monkeypatch, *arguments, '7')
    with pytest.raises(SystemExit):
        run_tool(repository, monkeypatch)
    assert '--benchmark' in capsys.readouterr().err


def test_benchmark_prints_frames_per_second(repository, monkeypatch, capsys):
    run_tool(repository, monkeypatch, '--benchmark', '--size', '64', '64',
             '--frames', '1')
    assert 'frames per second' in capsys.readouterr().out
