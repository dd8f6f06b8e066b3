"""What is kept of a test, on a generated validation set."""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import (load_annotations, pair_frames,
                                               poseval_ap, read_predictions,
                                               scored_frames)
from projects.known_truth.clips import BenchmarkClips, ClipPlan
from projects.known_truth.paired_statistics import selections, weighted_ap
from projects.known_truth.records import (RunRecords, Truth, pack, read_run,
                                          read_truth, unpack)
from projects.known_truth.slices import SLICES


def test_ap_of_the_records_is_poseval_s(clips, write_predictions, tmp_path):
    folder = write_predictions(clips, tmp_path / 'p', noise=3.)
    truth = read_truth(clips.annotations('val'), clips.difficulty)
    records = read_run(clips.annotations('val'), folder)
    value = weighted_ap(records, truth,
                        selections(truth)['all'],
                        np.ones((1, len(truth.videos)), int))[0]
    pairs = []
    for name, annotated in load_annotations(clips.annotations('val')).items():
        predicted = pair_frames(annotated,
                                read_predictions(folder / f'{name}.json'))
        pairs.append(scored_frames(annotated, predicted))
    expected = poseval_ap(pairs)
    counted = selections(truth)['all'].truth.sum(axis=0)
    assert (counted == expected.num_gt).all()
    known = expected.ap[counted >= 5]
    assert 5 < value < 95
    assert np.isclose(value, known.mean())


def test_perfect_predictions_hit_everything(clips, write_predictions,
                                            tmp_path):
    folder = write_predictions(clips, tmp_path / 'p', noise=0.)
    truth = read_truth(clips.annotations('val'), clips.difficulty)
    records = read_run(clips.annotations('val'), folder)
    there = truth.slices > 0
    assert records.own_hits[there].all() and records.hits[there].all()
    assert not records.own_hits[~there & ~records.scored].any()


def test_only_key_frames_are_scored_and_slices_are_complete(clips):
    content = json.loads(clips.annotations('val').read_text())
    labelled = [i['id'] % 10000 for i in content['images'] if i['is_labeled']]
    assert set(labelled) == {3, 5} and len(labelled) == 8
    truth = read_truth(clips.annotations('val'), clips.difficulty)
    assert truth.difficulties == ['easy', 'easy', 'hard', 'hard']
    assert len(truth.video) == len(content['annotations'])
    visibility = sum((truth.slices >> SLICES.index(n) & 1).astype(int)
                     for n in ('visible', 'hidden_seen', 'hidden_unseen'))
    assert (visibility == (truth.slices > 0)).all()
    assert set(np.unique(truth.slices >> SLICES.index('visible')
                         & 1)) == {0, 1}


def test_both_survive_json(clips, write_predictions, tmp_path):
    folder = write_predictions(clips, tmp_path / 'p', noise=3.)
    truth = read_truth(clips.annotations('val'), clips.difficulty)
    records = read_run(clips.annotations('val'), folder)
    copy = Truth.from_json(json.loads(json.dumps(truth.to_json())))
    assert (copy.slices == truth.slices).all()
    assert (copy.video == truth.video).all()
    copy = RunRecords.from_json(json.loads(json.dumps(records.to_json())))
    for name in ('hits', 'own_hits', 'scored', 'ranks'):
        assert (getattr(copy, name) == getattr(records, name)).all()


def test_other_boxes_are_refused(clips, write_predictions, tmp_path):
    folder = write_predictions(clips, tmp_path / 'p', noise=0., drop=1)
    with pytest.raises(ValueError, match='one prediction for each'):
        read_run(clips.annotations('val'), folder)


def test_numbers_that_do_not_fit_are_refused():
    array = np.arange(6).reshape(2, 3)
    assert (unpack(pack(array, np.uint8), np.uint8) == array).all()
    with pytest.raises(ValueError, match='do not fit'):
        pack(np.array([256]), np.uint8)


def test_a_finished_set_is_kept_and_another_plan_refused(clips):
    before = clips.annotations('val').stat().st_mtime_ns
    clips.generate()
    assert clips.annotations('val').stat().st_mtime_ns == before
    assert clips.missing() == 0 and len(clips.fingerprint()) == 16
    other = BenchmarkClips(clips.root,
                           ClipPlan(train=dict(easy=1), val=dict(easy=2)))
    with pytest.raises(ValueError, match='another plan'):
        other.generate()


def test_training_frames_have_their_whole_windows(clips):
    content = json.loads(clips.annotations('train').read_text())
    labelled = [i['id'] % 10000 for i in content['images'] if i['is_labeled']]
    assert labelled == [3, 5]
    assert all('slices' not in a for a in content['annotations'])
