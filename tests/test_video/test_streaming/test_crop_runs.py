import pytest

from mmpose_tdmi.video import CropPolicy, TrackedBox
from mmpose_tdmi.video.streaming import ClipSettings
from mmpose_tdmi.video.streaming.crops import CropRuns


def box(x, track_id=1):
    return TrackedBox(track_id, (x, 20., x + 60., 100.), 1.)


@pytest.fixture
def settings(models):
    model = models()
    return ClipSettings(model.cfg, model.dataset_meta)


def assign(settings, policy, xs, known=()):
    runs = CropRuns(settings, policy)
    return [
        runs.assign(i, box(x), [box(k) for k in known]).id
        for i, x in enumerate(xs)
    ], runs


def test_a_run_lasts_while_the_crop_serves(settings):
    # crops are 75 pixels wide
    policy = CropPolicy(max_shift=0.1, max_scale=1.5)
    ids, runs = assign(settings, policy, [10, 14, 17, 18, 24, 25, 10])
    assert ids == [0, 0, 0, 1, 1, 1, 2]
    assert runs.active == {2}


def test_the_longest_run(settings):
    ids, _ = assign(settings, CropPolicy(max_run=2), [10] * 5)
    assert ids == [0, 0, 1, 1, 2]


def test_what_is_known_of_the_next_frames_counts(settings):
    policy = CropPolicy(max_shift=0.1)
    ids, _ = assign(settings, policy, [10, 14, 17, 20, 24], known=[14, 20, 24])
    assert ids == [0] * 5


def test_tracks_have_runs_of_their_own(settings):
    runs = CropRuns(settings, CropPolicy(max_shift=0.1))
    first, second = runs.assign(0, box(10),
                                []), runs.assign(0, box(10, track_id=2), [])
    assert first.id != second.id and first.crop == second.crop
    assert runs.assign(1, box(11), []) is first
    assert (first.last, first.length) == (1, 2)
    runs.keep(lambda run: run.last == 0)
    assert runs.active == {second.id}
    assert runs.assign(2, box(11), []) is not first
