"""The store's files."""
import json

import numpy as np
import pytest

from mmpose_tdmi.structures import FrameWindow
from projects.known_truth.stored_features.store import (FeatureStore,
                                                        FeatureStoreWriter)

WINDOW = FrameWindow((-1, 0, 1))


def write(folder, samples=2, passes=2, fail=False):
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(samples * passes, 3, 6, 4, 3))
    with FeatureStoreWriter(folder, WINDOW, (4, 2), samples, passes,
                            dict(of='noise')) as writer:
        for place, clip in enumerate(clips):
            writer.write(place, clip, np.full((5, 4, 3), place), np.ones(5))
            if fail:
                raise RuntimeError('in the middle')
    return clips


def test_what_is_written_is_read(tmp_path):
    clips = write(tmp_path / 'store')
    store = FeatureStore(tmp_path / 'store')
    assert (len(store), store.num_samples, store.num_passes) == (4, 2, 2)
    assert store.window == WINDOW and store.channels == (4, 2)
    assert store.about == dict(of='noise')
    np.testing.assert_allclose(store.features, clips, rtol=1e-3)
    assert store.heatmaps[3, 0, 0, 0] == 3 and store.weights.shape == (4, 5)


def test_an_interrupted_store_does_not_appear(tmp_path):
    with pytest.raises(RuntimeError):
        write(tmp_path / 'store', fail=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError, match='no finished store'):
        FeatureStore(tmp_path / 'store')


def test_a_store_is_not_overwritten(tmp_path):
    write(tmp_path / 'store')
    with pytest.raises(FileExistsError, match='store exists'):
        write(tmp_path / 'store')


def test_frames_of_other_windows(tmp_path):
    write(tmp_path / 'store')
    store = FeatureStore(tmp_path / 'store')
    assert store.places(FrameWindow((0, 1))) == [1, 2]
    with pytest.raises(ValueError, match=r'frames at \[-2, 2\] are not'):
        store.places(FrameWindow((-2, 0, 2)))


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    write(tmp_path / 'store')
    path = tmp_path / 'store' / 'store.json'
    record = json.loads(path.read_text())
    path.write_text(json.dumps(dict(record, num_samples=5)))
    with pytest.raises(ValueError, match='features.npy is .*4.* says .*10'):
        FeatureStore(tmp_path / 'store')
