"""A small validation set with predictions of known quality."""
import json

import numpy as np
import pytest

from projects.known_truth.clips import BenchmarkClips, ClipPlan
from projects.known_truth.records import RunRecords, Truth
from projects.known_truth.slices import SLICES

J = 15
PLAN = ClipPlan(
    train=dict(easy=1), val=dict(easy=2, hard=2), width=160, height=120)


@pytest.fixture
def truth():
    """40 videos of 3 persons: the first 20 easy, the others hard.

    Of every person the joints 0 to 9 are visible, the others hidden and seen
    nearby; those of the second person are crowded, too.
    """
    video = np.repeat(np.arange(40), 3)
    slices = np.full((120, J), 1 << SLICES.index('visible'), np.uint8)
    slices[:, 10:] = 1 << SLICES.index('hidden_seen')
    slices[1::3] |= 1 << SLICES.index('crowded')
    names = [f'{i:06d}_synthetic_val' for i in range(40)]
    return Truth(names, ['easy'] * 20 + ['hard'] * 20, video, slices)


def random_records(truth, rate, seed):
    """Hits with a rate (R, J), scores that say nothing."""
    rng = np.random.default_rng(seed)
    shape = truth.slices.shape
    hits = rng.random(shape) < rate
    ranks = np.argsort(rng.random(shape), axis=0)
    return RunRecords(hits, hits.copy(), np.ones(shape, bool), ranks)


@pytest.fixture
def make_records(truth):
    """The factory of random records: rate and seed."""
    return lambda rate, seed=0: random_records(truth, rate, seed)


@pytest.fixture
def results_folder(tmp_path, truth):
    """Results of three systems, two seeds each, and their truth."""
    folder = tmp_path / 'results'
    folder.mkdir()
    plan = dict(
        train=dict(easy=1),
        val=dict(easy=20, hard=20),
        width=320,
        height=240,
        frames=9,
        keys=[3, 5],
        seed=1)
    (folder / 'truth.json').write_text(
        json.dumps(dict(data='d', scale='full', plan=plan, **truth.to_json())))
    for number, (name, rate) in enumerate(
        (('single_frame', 0.5), ('tdmi', 0.8), ('no_mi', 0.7))):
        for seed in range(2):
            records = random_records(truth, rate, 10 * number + seed)
            dependence = None
            if name != 'single_frame':
                dependence = [
                    dict(iteration=i, hsic_clip=0.9 - 0.1 * i, cka_clip=0.8)
                    for i in range(3)
                ]
            piece = dict(
                system=name,
                seed=seed,
                data='d',
                pretrained='p',
                samples=12000,
                train_seconds=1800,
                cost=dict(
                    params=1000000,
                    macs=2e8,
                    inference_ratio=5.,
                    training_ratio=6.),
                dependence=dependence,
                versions=dict(torch='2'),
                records=records.to_json())
            (folder / f'{name}_seed{seed}.json').write_text(json.dumps(piece))
    return folder


@pytest.fixture(scope='session')
def clips(tmp_path_factory):
    """Generated clips: four validation videos of 160 x 120 pixels."""
    clips = BenchmarkClips(tmp_path_factory.mktemp('clips'), PLAN)
    clips.generate()
    return clips


def _write_predictions(clips, folder, noise, scores=None, drop=0):
    """The truth, moved by noise, in the metric's files."""
    content = json.loads(clips.annotations('val').read_text())
    rng = np.random.default_rng(0)
    by_image = {}
    for annotation in content['annotations']:
        by_image.setdefault(annotation['image_id'], []).append(annotation)
    videos = {}
    for image in content['images']:
        name = image['file_name'].split('/')[-2]
        video = videos.setdefault(
            name,
            dict(images=[], annotations=[], categories=content['categories']))
        video['images'].append(
            dict(id=image['id'], file_name=image['file_name']))
        persons = by_image.get(image['id'], [])
        for number, person in enumerate(persons[drop:]):
            keypoints = np.array(person['keypoints']).reshape(17, 3)
            keypoints[:, :2] += rng.normal(0, noise, (17, 2))
            keypoints[:, 2] = 1
            video['annotations'].append(
                dict(
                    image_id=image['id'],
                    id=image['id'] * 100 + number,
                    category_id=1,
                    track_id=number,
                    keypoints=keypoints.ravel().tolist(),
                    scores=rng.random(17).tolist()))
    folder.mkdir()
    for name, video in videos.items():
        (folder / f'{name}.json').write_text(json.dumps(video))
    return folder


@pytest.fixture(scope='session')
def write_predictions():
    """Writes prediction files: clips, new folder, noise in pixels."""
    return _write_predictions
